"""Accuracy along the chain: each stage, and what changed since the one it is compared with."""

from __future__ import annotations

from dataclasses import dataclass

from hil.record import Column, Run
from hil.verdict import drift
from hil.verdict.stats import Interval, paired_difference


@dataclass(frozen=True)
class Step:
    """One column of the run: its accuracy and its change against `after`, both as shares.

    Intervals are 95 %. None: no window could be judged. `identical`: the same class as `after` in
    every window that both measured.
    """

    name: str
    runtime: str
    kind: str
    side_branch: bool
    after: str | None
    correct: int
    measured: int
    accuracy: Interval | None
    change: Interval | None
    identical: bool

    @property
    def resolved_loss(self) -> bool:
        """Whether the loss is larger than chance explains: its whole interval is below zero."""
        return self.change is not None and self.change.high < 0


@dataclass(frozen=True)
class ChainView:
    """The chain in its order, the side branches apart, and the loss from its first to its last."""

    stages: tuple[Step, ...]
    side: tuple[Step, ...]
    windows: int
    total: Interval | None
    limit: float | None


def chain_view(run: Run) -> ChainView:
    """Return the chain of a run."""
    steps = [step(run, c) for c in run.columns]
    stages = tuple(s for s in steps if not s.side_branch)
    first = stages[0].accuracy if stages else None
    return ChainView(
        stages=stages,
        side=tuple(s for s in steps if s.side_branch),
        windows=len(run.windows.label),
        total=total_change(run),
        limit=None if first is None else max(0.0, first.value - run.max_drop / 100),
    )


def step(run: Run, column: Column) -> Step:
    """Return one column's step."""
    before = drift.column(run, column.after) if column.after else None
    matrix = drift.confusion(run, column)
    return Step(
        name=column.name,
        runtime=column.runtime,
        kind=column.kind,
        side_branch=column.side_branch,
        after=before.name if before else None,
        correct=int(matrix.trace()),
        measured=int(matrix.sum()),
        accuracy=drift.accuracy(run, column),
        change=change(run, before, column) if before else None,
        identical=before is not None and agreeing(before, column),
    )


def change(run: Run, before: Column, column: Column) -> Interval | None:
    """Return accuracy(column) − accuracy(before) on the windows both measured; loss negative."""
    table = drift.paired(run, column, before)
    return paired_difference(table) if table.total else None


def agreeing(before: Column, column: Column) -> bool:
    """Return whether both columns chose the same class in every window that both measured."""
    pairs = [
        (a, b) for a, b in zip(before.predicted, column.predicted, strict=True) if a >= 0 and b >= 0
    ]
    return bool(pairs) and all(a == b for a, b in pairs)


def total_change(run: Run) -> Interval | None:
    """Return the change from the chain's first stage to its last, on the windows both measured."""
    stages = drift.chain(run)
    return change(run, stages[0], stages[-1]) if len(stages) > 1 else None
