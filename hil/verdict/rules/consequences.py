"""What only follows from another finding: left out, or told as a note that says so. Pure.

Windows that lie in the wrong place, or a border that training put there, make every later step
look worse than it is. Whether a step is to blame is asked where the cause is taken away.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from hil.errors import clean
from hil.record import Column, Correction, Run
from hil.verdict.drift import chain, column, loss, usable
from hil.verdict.findings import Finding
from hil.verdict.flips import class_changes
from hil.verdict.rules.predominance import EXCESS
from hil.verdict.rules.shift import undoing
from hil.verdict.rules.steps import numbers
from hil.verdict.rules.training import Favoured, favoured
from hil.verdict.rules.wording import percent
from hil.verdict.steps import STAGES

#: Stages that are blamed on one differing byte, and what then follows from it.
EXACT: Final = ("device", "preprocessing")
LOSSES: Final = ("loss", "too-few-windows")
NOT_EXACT: Final = (*LOSSES, "predominance", "fault", "memory")
#: Steps of the host's models, which see the windows as they are.
COMPRESSION: Final = ("pruning", "quantization", "chain")
#: Of the windows that a step breaks, most.
MOST: Final = 0.5


def without_consequences(run: Run, findings: list[Finding]) -> list[Finding]:
    """Return the findings, with what only follows from another left out or made a note."""
    told = _bare_losses_left_out(findings)
    class_, change = favoured(run), undoing(run)
    if class_ is not None:
        told = [_of_training(run, f, class_) for f in told]
    if change is not None and change.float_predicted:
        told = [_of_shift(run, f, change) for f in told]
    return told


def _bare_losses_left_out(findings: list[Finding]) -> list[Finding]:
    """Leave out a step's bare loss where the exact cause is known: it carries the same cost."""
    exact = {
        f.stage
        for f in findings
        if f.severity == "problem" and f.stage in EXACT and f.cause not in NOT_EXACT
    }
    return [f for f in findings if f.stage not in exact or f.cause not in LOSSES]


def _noted(finding: Finding, why: str) -> Finding:
    return replace(
        finding,
        severity="note",
        above_limit=False,
        evidence=(why, *finding.evidence),
        remedy="mend the finding that this follows from, then run again",
    )


def _of_training(run: Run, finding: Finding, class_: Favoured) -> Finding:
    """A step that moves windows to the class that training favours."""
    pair = _pair(run, finding.stage)
    if finding.severity != "problem" or finding.cause != "loss" or pair is None:
        return finding
    broken = [f for f in class_changes(run, *pair) if f.before == f.label]
    theirs = sum(f.after == class_.number for f in broken)
    if not broken or theirs < MOST * len(broken):
        return finding
    name = clean(run.windows.classes[class_.number], 40)
    return _noted(
        finding,
        f"{theirs} of {len(broken)} windows that this step breaks go to {name}, which training "
        "favours already",
    )


def _pair(run: Run, stage: str) -> tuple[Column, Column] | None:
    """Return the columns of the first step of a stage."""
    for second in chain(run):
        first = column(run, second.after) if second.after else None
        if first is not None and STAGES.get((first.kind, second.kind)) == stage:
            return first, second
    return None


def _of_shift(run: Run, finding: Finding, change: Correction) -> Finding:
    """A step that costs nothing where the shift of the windows is undone."""
    if finding.severity != "problem":
        return finding
    if finding.cause == "predominance" and finding.stage in ("data", "training", *COMPRESSION):
        return _predominance_of_shift(run, finding, change)
    if finding.stage not in COMPRESSION:
        return finding
    columns = _undone_columns(run, change)
    left = loss(run, *columns) if columns else None
    if left is None or left.value * 100 > run.max_drop:
        return finding
    return _noted(
        finding,
        f"on the windows with the shift undone, float to int8 costs {numbers(left)}: this follows "
        "from the shift",
    )


def _undone_columns(run: Run, change: Correction) -> tuple[Column, Column] | None:
    """Return the first float model and the int8 one on the windows with a shift undone."""
    first = next(iter(chain(run)), None)
    int8 = next((c for c in chain(run) if c.kind == "int8"), None)
    if first is None or int8 is None or not usable(run, first, int8).any():
        return None
    return (
        replace(first, predicted=change.float_predicted),
        replace(int8, predicted=change.int8_predicted),
    )


def _predominance_of_shift(run: Run, finding: Finding, change: Correction) -> Finding:
    columns = _undone_columns(run, change)
    number = next(
        (k for k, name in enumerate(run.windows.classes) if clean(name, 40) == finding.location),
        None,
    )
    if columns is None or number is None:
        return finding
    mask = usable(run, *columns)
    answers = [np.asarray(c.predicted)[mask] == number for c in columns]
    true = float((np.asarray(run.windows.label)[mask] == number).mean())
    most = max(float(a.mean()) for a in answers)
    if most - true > EXCESS:
        return finding
    return _noted(
        finding,
        f"on the windows with the shift undone, {percent(most)} are given this class and "
        f"{percent(true)} are of it: this follows from the shift",
    )
