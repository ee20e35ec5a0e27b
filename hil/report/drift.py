"""The drift from a baseline: what changed, and what that did to every stage and layer."""

from __future__ import annotations

from dataclasses import dataclass

from hil.drift_screen import headline
from hil.record import Run
from hil.verdict.baseline import CostDrift, Drift, LayerDrift, StageDrift

#: Windows listed by number: the others are counted.
LISTED = 40


@dataclass(frozen=True)
class StageRow:
    """A stage. flips: the first windows that changed class; above: it loses more than allowed."""

    stage: StageDrift
    flips: tuple[int, ...]
    more: int
    above: bool


@dataclass(frozen=True)
class CostRow:
    """A cost; share: how much it grew, of the old."""

    cost: CostDrift
    share: float | None
    exact: bool


@dataclass(frozen=True)
class DriftView:
    """All of it; word: what the limit says, None without one."""

    drift: Drift
    headline: str
    word: str | None
    stages: tuple[StageRow, ...]
    layers: tuple[LayerDrift, ...]
    costs: tuple[CostRow, ...]


def drift_view(run: Run, drift: Drift) -> DriftView:
    """Return the view of a drift to `run`."""
    word = None
    if drift.max_drift is not None:
        word = "above" if drift.failed else "within"
    return DriftView(
        drift=drift,
        headline=headline(drift).removeprefix("Drift: "),
        word=word,
        stages=tuple(_stage(s, drift) for s in drift.stages),
        layers=drift.layers,
        costs=tuple(_cost(c) for c in drift.costs),
    )


def _stage(stage: StageDrift, drift: Drift) -> StageRow:
    flips = stage.flips or ()
    above = stage.name in drift.above
    return StageRow(stage, flips[:LISTED], max(0, len(flips) - LISTED), above)


def _cost(cost: CostDrift) -> CostRow:
    share = (cost.new - cost.old) / cost.old if cost.old else None
    return CostRow(cost, share, cost.name in ("instructions", "cycles"))
