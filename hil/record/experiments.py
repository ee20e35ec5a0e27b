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
class LayerTrials:
    """One layer's part in the loss, by experiment in the float model.

    only_weights, only_output, only: with nothing but these of this layer quantized; all_but: with
    all but this layer. only_weights: None where the layer has no weights. saturation:
    share of the output's squared error that comes from values beyond the range. used_range: share
    of the calibrated range that the float values take. outlier_ratio: the widest channel of the
    float output over the median one. remedies: tried where this layer is the worst.
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


@dataclass(frozen=True)
class QuantizationTrials:
    """Experiments in the float model: labelled windows, nothing and everything quantized."""

    labelled: int
    nothing: Trial
    everything: Trial
    layers: tuple[LayerTrials, ...]
