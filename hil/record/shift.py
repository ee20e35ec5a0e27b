"""What a record keeps of the windows under test against the training windows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Effect:
    """How far the windows under test lie from the training windows.

    value: in its own unit, target less training. subjects, recordings: the same in standard
    deviations between training subjects, and between training recordings; None: fewer than three.
    """

    value: float
    subjects: float | None
    recordings: float | None


@dataclass(frozen=True)
class ChannelShift:
    """One channel, in training and in the windows under test, in its unit.

    amplitude: of log(std); offset: of the mean. similarity: of each window to the most similar one
    of the training windows of another subject, by the largest normalised cross-correlation over all
    shifts up to half a window, the mean over windows (None: fewer than three training subjects);
    *_similarity are the two means, at most 1. *_rail: share of samples at the largest or smallest
    value that occurs, where a sensor's range ends. *_psd: power spectral density, unit² / Hz, at
    DataShift.frequencies: what a picture of spectra side by side draws.
    """

    name: str
    unit: str
    training_mean: float
    training_std: float
    target_mean: float
    target_std: float
    amplitude: Effect
    offset: Effect
    similarity: Effect | None
    training_similarity: float | None
    target_similarity: float | None
    training_rail: float
    target_rail: float
    training_psd: tuple[float, ...]
    target_psd: tuple[float, ...]


@dataclass(frozen=True)
class Correction:
    """A shift that would explain the difference, and what undoing it does.

    channels: those that are not what they were. undo: what each channel (all of them, in order) is
    made of to undo it, e.g. "-ay", "0.5 wx" or "az - 0.31". distance: maximum mean discrepancy to
    the training windows after undoing. float_predicted, int8_predicted: the classes that the first
    float model (empty: there is none) and the int8 definition then give.
    """

    kind: Literal[
        "mirrored", "rotated", "exchanged", "swapped-sensors", "unit", "amplitude", "offset"
    ]
    channels: tuple[str, ...]
    undo: tuple[str, ...]
    distance: float
    float_predicted: tuple[int, ...]
    int8_predicted: tuple[int, ...]


@dataclass(frozen=True)
class DataShift:
    """The windows under test against the model's training windows, before any model.

    seen_correct of seen_total: what the first float model gets right of labelled training windows;
    it has seen them, so that this is an upper bound of what it does on new recordings.
    matched: windows of the same class and side were compared with one another in every Effect
    (labels allow it); else all with all. gravity_norm: median length of a window's mean
    acceleration, in g, training and target; gravity: the effect of its logarithm, all windows with
    all (gravity does not depend on what is done). gyro_rms: of the
    angular rate, rad/s. rotation_deg: the turn that brings the directions of gravity back to
    training's (between the mean directions where not matched). distance: as in Correction, nothing
    undone; p_value: of that distance, recordings exchanged between both sets, and how many
    recordings there were.
    """

    seen_correct: int
    seen_total: int
    subjects: tuple[str, ...]
    matched: bool
    channels: tuple[ChannelShift, ...]
    frequencies: tuple[float, ...]
    gravity_norm: tuple[float, float] | None
    gravity: Effect | None
    gyro_rms: tuple[float, float] | None
    rotation_deg: float | None
    distance: float
    p_value: float
    recordings: tuple[int, int]
    corrections: tuple[Correction, ...]
