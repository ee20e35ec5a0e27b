"""Findings about the run itself: did it end, did the line hold, did the firmware survive?"""

from __future__ import annotations

from typing import Final

from hil.errors import clean
from hil.record import Run
from hil.verdict.findings import Finding
from hil.verdict.rules.wording import note, percent, plural, problem

#: A wired UART in order has fewer than one wrong bit in 1e9. One damaged frame in a hundred is one
#: wrong bit in some 300,000: a loose wire or a wrong clock, though retransmission still mends it.
MAX_DAMAGED_FRAMES: Final = 0.01

#: Less than this much of a memory left is worth a word before the next feature goes in.
TIGHT: Final = 0.9


def incomplete(run: Run) -> list[Finding]:
    """The run ended before its last window."""
    if run.incomplete is None:
        return []
    device = [c for c in run.columns if c.kind == "device"]
    counts = [f"{c.name}: {_measured(c.predicted)} windows were measured" for c in device]
    return [
        problem(
            "link",
            "incomplete",
            f"The run ended early: {clean(run.incomplete, 200)}",
            evidence=counts or ["the device measured no windows"],
            remedy="mend the cause and run again; what was measured is in the record",
        )
    ]


def _measured(predicted: tuple[int, ...]) -> str:
    return f"{sum(p >= 0 for p in predicted)} of {len(predicted)}"


def fault(run: Run) -> list[Finding]:
    """The firmware's fault handler ran."""
    if run.fault is None:
        return []
    return [
        problem(
            "device",
            "fault",
            "The firmware crashed on the device",
            evidence=[clean(line, 300) for line in run.fault.splitlines()],
            remedy="the program counter's line is where it stopped; look there first",
        )
    ]


def link_trouble(run: Run) -> list[Finding]:
    """Frames were damaged, lost or sent again."""
    link = run.link
    if link is None:
        return []
    damaged = link.bad_frames_device + link.bad_frames_host
    lost = link.retransmissions - link.late  # an answer that was only slow is no loss
    if not damaged + lost + link.overruns + link.line_errors:
        return []
    share = max(damaged, lost) / max(1, link.frames)
    evidence = [
        f"{plural(link.frames, 'frame')}, {link.retransmissions} sent again"
        + (f", {link.late} of them needlessly" if link.late else ""),
        f"damaged on the way to the device {link.bad_frames_device}, back {link.bad_frames_host}",
        f"bytes lost in the device's receiver {link.overruns}, line errors {link.line_errors}",
    ]
    remedy = "check cable, ground and baud rate; a slower baud rate helps against lost bytes"
    if share > MAX_DAMAGED_FRAMES:
        headline = f"The serial line is bad: {percent(share)} of the frames were damaged or lost"
        return [problem("link", "damaged-frames", headline, evidence=evidence, remedy=remedy)]
    headline = "The serial line lost or damaged a few frames; all were sent again, none is missing"
    return [note("link", "damaged-frames", headline, evidence=evidence, remedy=remedy)]


def memory(run: Run) -> list[Finding]:
    """The image or the stack uses up what the board has."""
    m = run.memory
    if m is None:
        return []
    budgets = (
        ("stack", m.stack_peak, m.stack_size),
        ("RAM", m.ram_static, m.ram_size),
        ("flash", m.flash_used, m.flash_size),
    )
    return [f for name, used, size in budgets for f in _budget(name, used, size)]


def _budget(name: str, used: int, size: int) -> list[Finding]:
    evidence = [f"{name}: {used:,} of {size:,} bytes"]
    # A painted stack that was written to its last byte has overflowed, or may have.
    if used >= size:
        headline = f"The device's {name} is used up: {used:,} of {size:,} bytes"
        remedy = "a larger stack (linker script)" if name == "stack" else "a smaller model"
        return [
            problem("device", "memory", headline, location=name, evidence=evidence, remedy=remedy)
        ]
    if used > TIGHT * size:
        headline = f"The device's {name} is nearly used up: {percent(used / size)}"
        return [note("device", "memory", headline, location=name, evidence=evidence)]
    return []
