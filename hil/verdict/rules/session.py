"""Findings about the run itself: did it end, did the line hold, did the firmware survive?"""

from __future__ import annotations

import re
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

#: A layer's function as the emitter names it; a fault's lines hold it where the image is known.
LAYER_FUNCTION: Final = re.compile(r"\bmodel_(\d+)_\w*")
#: What hil/run/steps.py calls a fault that only a restart ended.
HUNG: Final = re.compile(r"\ba hang\b")
#: Registers as hil/run/steps.py writes them.
REGISTER: Final = re.compile(r"\b(sp|cfsr|address)=0x([0-9a-f]{8})\b|at 0x(1[0-9A-Fa-f]{7})\b")
#: ARMv7-M puts SRAM here; the stack lies at its begin, so that what outgrows it leaves the RAM.
SRAM: Final = 0x2000_0000
#: A frame that reaches this far below is still the stack's.
BELOW: Final = 0x1_0000
#: Configurable fault status: pushing registers for an exception failed (STKERR, MSTKERR).
STACKING: Final = 1 << 12 | 1 << 4


def incomplete(run: Run) -> list[Finding]:
    """The run ended before its last window. After a crash that is no finding of its own."""
    if run.incomplete is None:
        return []
    device = [c for c in run.columns if c.kind == "device"]
    counts = [f"{c.name}: {_measured(c.predicted)} windows were measured" for c in device]
    tell = note if run.fault else problem
    return [
        tell(
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
    layer, evidence = _layer(run), [clean(line, 300) for line in run.fault.splitlines()]
    where = f" in layer {layer}" if layer else ""
    if _left_stack(run.fault):
        return [
            problem(
                "device",
                "stack-overrun",
                f"The stack ran out{where}, and the firmware crashed",
                location="stack",
                evidence=evidence,
                remedy="a larger stack (linker script), or smaller buffers on it",
            )
        ]
    return [
        problem(
            "device",
            "fault",
            f"The firmware {'hung' if HUNG.search(run.fault) else 'crashed'} on the device{where}",
            location=layer,
            evidence=evidence,
            remedy="the program counter's line is where it stopped; look there first",
        )
    ]


def _layer(run: Run) -> str | None:
    """Return the layer whose function is named first: the innermost one that the fault is in."""
    found = LAYER_FUNCTION.search(run.fault or "")
    index = int(found[1]) if found else -1
    return next((clean(d.name, 60) for d in run.device_layers if d.index == index), None)


def _left_stack(fault: str) -> bool:
    """Whether the stack had left the RAM, or could take no more."""
    for name, value, address in REGISTER.findall(fault):
        number = int(value or address, 16)
        if name == "cfsr":
            if number & STACKING:
                return True
        elif SRAM - BELOW <= number < SRAM:
            return True
    return False


def link_trouble(run: Run) -> list[Finding]:
    """Frames were damaged, lost or sent again."""
    link = run.link
    if link is None:
        return []
    damaged = link.bad_frames_device + link.bad_frames_host
    lost = link.retransmissions - link.late  # an answer that was only slow is no loss
    if not damaged + lost + link.overruns + link.line_errors:
        return []
    if run.fault and not damaged + link.overruns + link.line_errors:
        return []  # what a device that crashed left unanswered says nothing about the line
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
    told = "stack" if full_stack(run) and any(d.differing for d in run.device_layers) else None
    return [f for name, used, size in budgets if name != told for f in _budget(name, used, size)]


def full_stack(run: Run) -> bool:
    """Whether the stack was used to its last byte; with wrong results exactness.py tells it."""
    return run.memory is not None and run.memory.stack_peak >= run.memory.stack_size


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
