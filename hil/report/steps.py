"""What each step of the chain opens: what changed, for which windows, and where to look further."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from hil.record import Column, Run
from hil.report.chain import ChainView, Step
from hil.report.classes import Matrix, matrix
from hil.verdict import drift, steps
from hil.verdict.findings import Finding
from hil.verdict.flips import WindowChange, window_changes

#: Stage of the findings → its title. The order is the chain's.
TITLES: Final = {
    "data": "The data",
    "pruning": "Pruning",
    "quantization": "Quantization",
    "device": "The device",
    "preprocessing": "Preprocessing on the device",
}

#: A matrix of more classes is unreadable (and grows with the square).
MAX_MATRIX: Final = 24


@dataclass(frozen=True)
class Route:
    """Windows that went from one class to another."""

    before: str
    after: str
    windows: int
    broken: int
    mended: int


@dataclass(frozen=True)
class StepView:
    """A part of the report: one step of the chain, or what has no step of its own.

    anchor: its id. step: None without one. on_same: whether both columns saw the same windows.
    broken, mended: windows from right to wrong, and from wrong to right. calibration: expected
    calibration error before and after. matrices: before and after, where anything differs.
    """

    anchor: str
    stage: str
    title: str
    step: Step | None
    on_same: bool
    broken: int
    mended: int
    calibration: tuple[float | None, float | None]
    flips: tuple[WindowChange, ...]
    routes: tuple[Route, ...]
    matrices: tuple[Matrix, ...]
    findings: tuple[Finding, ...]

    @property
    def severity(self) -> str:
        """The gravest of its findings."""
        found = {f.severity for f in self.findings}
        return next((s for s in ("problem", "note", "ok") if s in found), "ok")

    @property
    def opened(self) -> bool:
        """Whether it is open from the beginning."""
        return self.severity == "problem"


def steps_view(
    run: Run, findings: Sequence[Finding], prefix: str, parts: Sequence[str], chain: ChainView
) -> tuple[StepView, ...]:
    """Return every step of the chain, and a part for each stage of `parts` that has no step.

    prefix: of the anchors. parts: the stages that there is something to show about.
    """
    columns = {c.name: c for c in drift.chain(run)}
    made = []
    for i, step in enumerate(chain.stages):
        column = columns.get(step.name)
        if column is None or step.after is None:
            continue
        before = drift.column(run, column.after) if column.after else None
        anchor = f"{prefix}-step{i}"
        made.append(
            _paired(run, findings, anchor, step, before, column)
            if before
            else _other_windows(run, findings, anchor, step, column)
        )
    missing = [p for p in parts if p not in {s.stage for s in made}]
    lone = [_part(findings, f"{prefix}-{stage}", stage, None) for stage in missing]
    order = list(TITLES)
    return tuple(sorted([*made, *lone], key=lambda s: order.index(s.stage)))


def _part(findings: Sequence[Finding], anchor: str, stage: str, step: Step | None) -> StepView:
    """Return a part with its findings, and nothing of windows."""
    return StepView(
        anchor=anchor,
        stage=stage,
        title=TITLES[stage],
        step=step,
        on_same=False,
        broken=0,
        mended=0,
        calibration=(None, None),
        flips=(),
        routes=(),
        matrices=(),
        findings=tuple(f for f in findings if f.stage == stage),
    )


def _paired(  # noqa: PLR0913, PLR0917 - a step is made of these
    run: Run,
    findings: Sequence[Finding],
    anchor: str,
    step: Step,
    before: Column,
    column: Column,
) -> StepView:
    """A step on the same windows."""
    stage = steps.STAGES.get((before.kind, column.kind), "quantization")
    changed = window_changes(run, before, column)
    table = drift.paired(run, before, column)
    return replace(
        _part(findings, anchor, stage, step),
        on_same=True,
        broken=int(table.only_first),
        mended=int(table.only_second),
        calibration=(drift.calibration_error(run, before), drift.calibration_error(run, column)),
        flips=changed,
        routes=_routes(changed),
        matrices=_matrices((run, before), (run, column)) if changed else (),
    )


def _other_windows(
    run: Run, findings: Sequence[Finding], anchor: str, step: Step, column: Column
) -> StepView:
    """The same model on other recordings: held-out ones, and those under test."""
    before = steps.held_out(run)
    part = _part(findings, anchor, "data", step)
    if before is None:
        return part
    first = before.columns[0]
    return replace(
        part,
        calibration=(drift.calibration_error(before, first), drift.calibration_error(run, column)),
        matrices=_matrices((before, first), (run, column)),
    )


def _matrices(*pairs: tuple[Run, Column]) -> tuple[Matrix, ...]:
    few = len(pairs[0][0].windows.classes) <= MAX_MATRIX
    return tuple(m for run, c in pairs if (m := matrix(run, c)).windows) if few else ()


def _routes(changed: Sequence[WindowChange]) -> tuple[Route, ...]:
    """Return the windows by class before and after, the most first."""
    total = Counter((f.before, f.after) for f in changed)
    by = Counter((f.before, f.after, f.outcome) for f in changed)
    return tuple(
        Route(a, b, n, by[a, b, "broken"], by[a, b, "mended"])
        for (a, b), n in sorted(total.items(), key=lambda item: (-item[1], item[0]))
    )
