"""What the experiments in the float model say of each layer, and what the remedies gain."""

from __future__ import annotations

from dataclasses import dataclass

from hil.record import LayerTrials, QuantizationTrials, Trial
from hil.verdict.rules.quantization import REMEDIES


@dataclass(frozen=True)
class TrialCell:
    """A trial: windows right, against nothing quantized; logit error, and its share of the full."""

    right: int
    change: int
    logit_error: float
    share: float


@dataclass(frozen=True)
class ExperimentRow:
    """A layer; worst: its quantization alone moves the logits most."""

    layer: LayerTrials
    worst: bool
    only_weights: TrialCell | None
    only_output: TrialCell
    only: TrialCell
    all_but: TrialCell


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
        rows=tuple(_row(trials, layer, layer is worst) for layer in trials.layers),
        remedies=tuple(r for layer in trials.layers for r in _remedies(trials, layer)),
    )


def _row(trials: QuantizationTrials, layer: LayerTrials, worst: bool) -> ExperimentRow:
    return ExperimentRow(
        layer=layer,
        worst=worst,
        only_weights=_cell(trials, layer.only_weights) if layer.only_weights else None,
        only_output=_cell(trials, layer.only_output),
        only=_cell(trials, layer.only),
        all_but=_cell(trials, layer.all_but),
    )


def _cell(trials: QuantizationTrials, trial: Trial) -> TrialCell:
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
