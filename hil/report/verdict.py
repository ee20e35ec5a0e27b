"""The verdict of a run in one word, one finding, and the other findings behind it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from hil.record import Run
from hil.report.chain import ChainView, Step
from hil.verdict.diagnose import failed
from hil.verdict.findings import Finding

#: Status → the word on the badge.
WORDS: Final = {
    "within": "Within limits",
    "above": "Above limits",
    "incomplete": "Incomplete",
}


@dataclass(frozen=True)
class VerdictView:
    """What a reader should know if they read nothing else.

    status: "incomplete" before "above" before "within": an unfinished run passes nothing.
    lead: the finding that decides (the first above the limits, else the first); problems and
    remarks: the others, in the diagnosis's order.
    first, last: the chain's ends, where they were measured.
    device_exact: windows compared and differing between the int8 definition and the device's
    output; None where they were not compared.
    """

    status: str
    word: str
    lead: Finding | None
    problems: tuple[Finding, ...]
    remarks: tuple[Finding, ...]
    incomplete: str | None
    first: Step | None
    last: Step | None
    device_exact: tuple[int, int] | None
    fault: str | None
    notes: tuple[str, ...]


def verdict_view(run: Run, findings: Sequence[Finding], chain: ChainView) -> VerdictView:
    """Return the verdict that the findings give."""
    status = (
        "incomplete" if run.incomplete is not None else "above" if failed(findings) else "within"
    )
    lead = next((f for f in findings if f.above_limit), findings[0] if findings else None)
    others = [f for f in findings if f is not lead]
    names = {c.name for c in run.columns}
    measured = [s for s in chain.stages if s.accuracy is not None and s.name in names]
    return VerdictView(
        status=status,
        word=WORDS[status],
        lead=lead,
        incomplete=run.incomplete,
        first=measured[0] if measured else None,
        last=measured[-1] if measured else None,
        device_exact=device_exact(run),
        problems=tuple(f for f in others if f.severity == "problem"),
        remarks=tuple(f for f in others if f.severity != "problem"),
        fault=run.fault,
        notes=run.notes,
    )


def device_exact(run: Run) -> tuple[int, int] | None:
    """Return (windows compared, windows differing) of the device's output bytes."""
    kinds = {c.name: c.kind for c in run.columns}
    outputs = [
        c
        for c in run.comparisons
        if c.what == "output" and kinds.get(c.actual) == "device" and c.compared
    ]
    if not outputs:
        return None
    return outputs[0].compared, len(outputs[0].differing)
