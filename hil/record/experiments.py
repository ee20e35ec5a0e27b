"""What a record keeps of the experiments in the float model (pipeline/experiments.py)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Trial:
    """A model with some of its tensors quantized: windows right, and how far its logits are off.

    right: of QuantizationTrials.labelled. logit_error: rms difference of the logits (what the last
    SOFTMAX takes) to the float model's, over the deviation of the float ones.
    """

    right: int
    logit_error: float


@dataclass(frozen=True)
class Remedy:
    """Everything quantized, but this layer in another way: what that gives."""

    name: str
    trial: Trial


@dataclass(frozen=True)
class GateTrials:
    """One gate of an LSTM: only its weights quantized, and everything but its weights."""

    name: str
    only_weights: Trial
    all_but: Trial


@dataclass(frozen=True)
class LayerTrials:
    """One layer's part in the loss, by experiment in the float model.

    only_weights, only_output, only: with nothing but these of this layer quantized; all_but,
    all_but_weights, all_but_output: with all but these. *_weights: None where the layer has none.
    saturation, calibration, outlier, rounding: shares of the output's squared error, together 1:
    values beyond the range; a range wider than the values; one channel wider than the others; and
    what steps of a fitted range still leave. used_range: share of the calibrated range that the
    float values take. outlier_ratio: the widest channel of the float output over the median one.
    remedies: tried where this layer is the worst. gates: an LSTM's, else none.
    largest_weight: of the int8 file's codes, their sign left out; None where it has no weights.
    """

    name: str
    op: str
    only_weights: Trial | None
    only_output: Trial
    only: Trial
    all_but: Trial
    saturation: float
    used_range: float
    outlier_ratio: float
    remedies: tuple[Remedy, ...]
    calibration: float = 0.0
    outlier: float = 0.0
    rounding: float = 0.0
    all_but_weights: Trial | None = None
    all_but_output: Trial | None = None
    gates: tuple[GateTrials, ...] = ()
    largest_weight: int | None = None


@dataclass(frozen=True)
class QuantizationTrials:
    """Experiments in the float model: labelled windows, nothing and everything quantized."""

    labelled: int
    nothing: Trial
    everything: Trial
    layers: tuple[LayerTrials, ...]
