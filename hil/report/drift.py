"""The drift from a baseline: what changed, and what that did to every stage and layer."""

from __future__ import annotations

from dataclasses import dataclass

from hil.record import Run
from hil.report.flipped import FlippedView, flipped_view
from hil.verdict.baseline import CostDrift, Drift, LayerDrift, StageDrift
from hil.verdict.flips import WindowChange

#: Windows listed one by one: the others are counted.
LISTED = 40


@dataclass(frozen=True)
class StageRow:
    """A stage. above: it loses more than allowed.

    flips: the first windows that changed class, `more` being the others; drawn: some of them. as_:
    the stage before, where the same windows changed in the same way: they are shown there.
    """

    stage: StageDrift
    above: bool
    flips: tuple[WindowChange, ...]
    more: int
    drawn: FlippedView
    as_: str | None


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
        headline=drift.headline,
        word=word,
        stages=tuple(
            _stage(run, s, before, drift)
            for s, before in zip(drift.stages, (None, *drift.stages), strict=False)
        ),
        layers=drift.layers,
        costs=tuple(_cost(c) for c in drift.costs),
    )


def _stage(run: Run, stage: StageDrift, before: StageDrift | None, drift: Drift) -> StageRow:
    flips = stage.flips or ()
    return StageRow(
        stage=stage,
        above=stage.name in drift.above,
        flips=flips[:LISTED],
        more=max(0, len(flips) - LISTED),
        drawn=flipped_view(run, flips),
        as_=before.name if before and stage.turns_as(before) else None,
    )


def _cost(cost: CostDrift) -> CostRow:
    share = (cost.new - cost.old) / cost.old if cost.old else None
    return CostRow(cost, share, cost.name in ("instructions", "cycles"))
