"""The page's parts, one for each step: which findings and which windows are shown with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hil.record import Run
from hil.report.chain import ChainView
from hil.report.flipped import FlippedView, flipped_view
from hil.report.shift import ShiftView
from hil.report.steps import StepView, steps_view
from hil.report.text import NONE, percent
from hil.report.verdict import VerdictView
from hil.verdict.findings import Finding


@dataclass(frozen=True)
class PartView:
    """A step with what is told and drawn with it.

    findings: those that do not stand on top. about: what a part is that is no step. outcome: bytes
    that differ, or of a part that is no step. last: of its stage, so that the stage's layers or
    channels are shown here.
    """

    view: StepView
    findings: tuple[Finding, ...]
    flipped: FlippedView
    about: str
    outcome: str
    last: bool


def parts_view(  # noqa: PLR0913, PLR0917 - the views that a part is made of
    run: Run,
    findings: Sequence[Finding],
    chain: ChainView,
    verdict: VerdictView,
    prefix: str,
    shift: ShiftView | None,
) -> tuple[PartView, ...]:
    """Return every part of a run's report, in the order of the chain."""
    steps = steps_view(run, findings, prefix, _stages(run), chain)
    on_top = [f for f in (verdict.lead, *verdict.problems) if f is not None]
    last = {s.stage: s for s in steps}
    return tuple(
        PartView(
            view=s,
            findings=tuple(f for f in s.findings if f not in on_top) if s is last[s.stage] else (),
            flipped=flipped_view(run, s.flips),
            about="against the training windows" if s.stage == "data" else "",
            outcome=_bytes(run, s) or (_outcome(verdict, shift) if s.stage == "data" else ""),
            last=s is last[s.stage],
        )
        for s in steps
    )


def _stages(run: Run) -> list[str]:
    """Return the stages that there is something to show about, step or not."""
    found = {
        "data": run.data_shift is not None,
        "quantization": bool(run.quantization),
        "device": bool(run.device_layers or run.comparisons),
        "preprocessing": run.input_evidence is not None,
    }
    return [stage for stage, there in found.items() if there]


def _bytes(run: Run, step: StepView) -> str:
    """Return what differs to the byte in a step that must be exact."""
    wanted = {"device": ("device", "output"), "preprocessing": ("device-raw", "input")}
    actual, what = wanted.get(step.stage, ("", ""))
    found = [c for c in run.comparisons if (c.actual, c.what) == (actual, what) and c.differing]
    return f"{len(found[0].differing)} of {found[0].compared} {what}s differ" if found else ""


def _outcome(verdict: VerdictView, shift: ShiftView | None) -> str:
    first = verdict.first.accuracy if verdict.first else None
    seen = percent(shift.seen) if shift and shift.seen is not None else NONE
    return f"{seen} on training windows, {percent(first.value if first else None)} here"


def links(parts: Sequence[PartView], names: Sequence[str]) -> list[str | None]:
    """Return for each stage of the chain the anchor of the part that it opens."""
    by_name = {p.view.step.name: p.view.anchor for p in parts if p.view.step}
    data = next((p.view.anchor for p in parts if p.view.stage == "data"), None)
    first = [data if i == 0 or name == "validation" else None for i, name in enumerate(names)]
    return [by_name.get(name, other) for name, other in zip(names, first, strict=True)]


def anchors(parts: Sequence[PartView]) -> dict[str, str]:
    """Return stage → where a finding about it is looked at."""
    return {p.view.stage: p.view.anchor for p in parts}


def elsewhere(parts: Sequence[PartView], remarks: Sequence[Finding]) -> tuple[Finding, ...]:
    """Return the remarks that no part shows."""
    stages = {p.view.stage for p in parts}
    return tuple(f for f in remarks if f.stage not in stages)
