"""What a record keeps of the windows under test against the training windows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class ChannelShift:
    """One channel, in training and in the windows under test, in its unit.

    effect: how far log(std) lies from the training subjects' mean, in standard deviations between
    them (None: fewer than three subjects). *_rail: share of samples at an end of int16.
    *_psd: power spectral density, unit² / Hz, at DataShift.frequencies.
    """

    name: str
    unit: str
    training_mean: float
    training_std: float
    target_mean: float
    target_std: float
    effect: float | None
    training_rail: float
    target_rail: float
    training_psd: tuple[float, ...]
    target_psd: tuple[float, ...]


@dataclass(frozen=True)
class Correction:
    """A shift that would explain the difference, and what undoing it does.

    kind: "mirrored", "rotated", "swapped-sensors" or "unit". undo: channel i becomes sign · channel
    source, by name ("-ay"); factor: what every channel is multiplied by. distance: maximum mean
    discrepancy to the training windows after undoing. float_predicted, int8_predicted: the classes
    that the first float model (empty: there is none) and the int8 definition then give.
    """

    kind: Literal["mirrored", "rotated", "swapped-sensors", "unit"]
    undo: tuple[str, ...]
    factor: tuple[float, ...]
    distance: float
    float_predicted: tuple[int, ...]
    int8_predicted: tuple[int, ...]


@dataclass(frozen=True)
class DataShift:
    """The windows under test against the model's training windows, before any model.

    seen_correct of seen_total: what the first float model gets right of labelled training windows;
    it has seen them, so that this is an upper bound of what it does on new recordings.
    gravity_norm: median length of a window's mean acceleration, in g, training and target.
    gyro_rms: of the angular rate, rad/s. rail_share: samples at an end of int16. rotation_deg:
    between the mean directions of gravity. distance: as in Correction, nothing undone; p_value: of
    that distance, recordings exchanged between both sets, and how many recordings there were.
    """

    seen_correct: int
    seen_total: int
    subjects: tuple[str, ...]
    channels: tuple[ChannelShift, ...]
    frequencies: tuple[float, ...]
    gravity_norm: tuple[float, float] | None
    gyro_rms: tuple[float, float] | None
    rotation_deg: float | None
    distance: float
    p_value: float
    recordings: tuple[int, int]
    corrections: tuple[Correction, ...]
