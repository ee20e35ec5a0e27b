"""What the experiments in the float model say of each layer, and what the remedies gain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from hil.record import LayerTrials, QuantizationTrials, Trial
from hil.verdict.rules.quantization import REMEDIES

#: Trials of a layer → what is quantized in them.
TRIALS: Final = {
    "only_weights": "Only its weights",
    "only_output": "Only its output",
    "only": "Only this layer",
    "all_but_weights": "All but its weights",
    "all_but_output": "All but its output",
    "all_but": "All but this layer",
}
#: What the error of a layer's output consists of; see hil/record/experiments.py.
SPLIT: Final = ("rounding", "saturation", "outlier", "calibration")


@dataclass(frozen=True)
class TrialCell:
    """A trial: windows right, against nothing quantized; logit error, and its share of the full."""

    right: int
    change: int
    logit_error: float
    share: float


@dataclass(frozen=True)
class ExperimentRow:
    """A layer, or one gate of it; worst: its quantization alone moves the logits most.

    Trials by name, as the record has them; None: not made. split: what the output's own error
    consists of, by name, in shares; empty where that is not known.
    """

    name: str
    op: str
    worst: bool
    trials: dict[str, TrialCell | None]
    split: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class RemedyRow:
    """What was tried for the worst layer, against everything quantized as it is.

    gained: windows right. error: share of the logit error that is left. best: it leaves least.
    """

    layer: str
    name: str
    right: int
    gained: int
    logit_error: float
    left: float
    best: bool


@dataclass(frozen=True)
class ExperimentsView:
    """Both tables. labelled: windows that are counted."""

    labelled: int
    nothing: Trial
    everything: Trial
    titles: tuple[str, ...]
    rows: tuple[ExperimentRow, ...]
    remedies: tuple[RemedyRow, ...]


def experiments_view(trials: QuantizationTrials | None) -> ExperimentsView | None:
    """Return the experiments of a run, None where none were made."""
    if trials is None or not trials.layers:
        return None
    worst = max(trials.layers, key=lambda layer: layer.only.logit_error)
    return ExperimentsView(
        labelled=trials.labelled,
        nothing=trials.nothing,
        everything=trials.everything,
        titles=tuple(TRIALS.values()),
        rows=tuple(r for layer in trials.layers for r in _rows(trials, layer, layer is worst)),
        remedies=tuple(r for layer in trials.layers for r in _remedies(trials, layer)),
    )


def _rows(trials: QuantizationTrials, layer: LayerTrials, worst: bool) -> list[ExperimentRow]:
    """Return a layer's row, and one for each of its gates."""
    cells = {name: _cell(trials, getattr(layer, name)) for name in TRIALS}
    split = tuple((name, getattr(layer, name)) for name in SPLIT)
    gates = [
        ExperimentRow(
            name=gate.name,
            op=f"gate of {layer.name}",
            worst=False,
            trials=dict.fromkeys(TRIALS)
            | {
                "only_weights": _cell(trials, gate.only_weights),
                "all_but_weights": _cell(trials, gate.all_but),
            },
            split=(),
        )
        for gate in layer.gates
    ]
    known = split if sum(share for _, share in split) > 0 else ()
    return [ExperimentRow(layer.name, layer.op, worst, cells, known), *gates]


def _cell(trials: QuantizationTrials, trial: Trial | None) -> TrialCell | None:
    if trial is None:
        return None
    full = trials.everything.logit_error
    return TrialCell(
        trial.right,
        trial.right - trials.nothing.right,
        trial.logit_error,
        trial.logit_error / full if full > 0 else 0.0,
    )


def _remedies(trials: QuantizationTrials, layer: LayerTrials) -> list[RemedyRow]:
    full = trials.everything.logit_error
    least = min((r.trial.logit_error for r in layer.remedies), default=0.0)
    return [
        RemedyRow(
            layer=layer.name,
            name=REMEDIES.get(r.name, r.name),
            right=r.trial.right,
            gained=r.trial.right - trials.everything.right,
            logit_error=r.trial.logit_error,
            left=r.trial.logit_error / full if full > 0 else 0.0,
            best=r.trial.logit_error == least < full,
        )
        for r in layer.remedies
    ]
