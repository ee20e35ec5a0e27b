"""Accuracy along the chain: each stage, and what changed since the one it is compared with."""

from __future__ import annotations

from dataclasses import dataclass, replace

from hil.record import Column, Run
from hil.verdict import drift, steps
from hil.verdict.stats import Interval


@dataclass(frozen=True)
class Step:
    """One column of the run: its accuracy and its change against `after`, both as shares.

    Intervals are 95 %. None: no window could be judged. `identical`: the same class as `after` in
    every window that both measured. test: the change's, among all tests of the run.
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
    test: steps.Significance | None = None

    @property
    def resolved_loss(self) -> bool:
        """Whether it loses, and more than chance explains."""
        return (
            self.change is not None
            and self.change.value < 0
            and self.test is not None
            and self.test.significant
        )


@dataclass(frozen=True)
class ChainView:
    """The chain in its order, the side branches apart, and the loss from its first to its last.

    The held-out recordings come first, where the record has them; `total` begins behind them.
    """

    stages: tuple[Step, ...]
    side: tuple[Step, ...]
    windows: int
    total: Interval | None
    limit: float | None

    @property
    def before(self) -> tuple[str, ...]:
        """The names of the recordings that stand before the chain."""
        return tuple(s.name for s in self.stages if s.name in ("held-out", "validation"))


def chain_view(run: Run) -> ChainView:
    """Return the chain of a run."""
    tested = {(s.first, s.second): s for s in steps.steps(run)}
    made = [step(run, c, tested) for c in run.columns]
    stages = tuple(s for s in made if not s.side_branch)
    first = stages[0].accuracy if stages else None
    return ChainView(
        stages=(*_held_out(run), *stages),
        side=tuple(s for s in made if s.side_branch),
        windows=len(run.windows.label),
        total=total_change(run),
        limit=None if first is None else max(0.0, first.value - run.max_drop / 100),
    )


Tested = dict[tuple[str, str], steps.Step]


def step(run: Run, column: Column, tested: Tested) -> Step:
    """Return one column's step; the chain's first is compared with the held-out recordings."""
    before = drift.column(run, column.after) if column.after else None
    data = next((s for (_, b), s in tested.items() if b == column.name and s.stage == "data"), None)
    found = data or tested.get((before.name, column.name) if before else ("", ""))
    matrix = drift.confusion(run, column)
    return Step(
        name=column.name,
        runtime=column.runtime,
        kind=column.kind,
        side_branch=column.side_branch,
        after=before.name if before else data.first if data else None,
        correct=int(matrix.trace()),
        measured=int(matrix.sum()),
        accuracy=drift.accuracy(run, column),
        change=_gain(found.loss) if found else change(run, before, column) if before else None,
        identical=before is not None and agreeing(before, column),
        test=found.test if found else None,
    )


def _held_out(run: Run) -> list[Step]:
    """Return the stages before the chain: the same model on recordings held out of training."""
    made = [step(part, part.columns[0], {}) for part in steps.before_chain(run)]
    if len(made) == 2:
        change = steps.since_known_people(run)
        made[1] = replace(made[1], after=made[0].name, change=change)
    return made


def change(run: Run, before: Column, column: Column) -> Interval | None:
    """Return accuracy(column) − accuracy(before) on the windows both measured; loss negative."""
    table = drift.paired(run, before, column)
    return _gain(drift.loss(run, before, column)) if table.total else None


def _gain(loss: Interval) -> Interval:
    return Interval(-loss.value, -loss.high, -loss.low)


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
