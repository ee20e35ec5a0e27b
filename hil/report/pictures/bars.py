"""Small pictures in the cells of tables; the numbers stand beside them."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from hil.report.chain import Step
from hil.report.pictures.axis import Axis
from hil.report.svg import at, element, line


def bar(share: float | None, mark: float | None = None, kind: str = "") -> Markup:
    """Return a small bar of a share of one, with a tick at `mark`."""
    if share is None:
        return Markup("")
    parts = [element("rect", width=at(share), height=8, class_=f"fill {kind}".strip())]
    if mark is not None:
        parts.append(line(at(mark), 0, at(mark), 8, "mark"))
    return element("svg", *parts, class_="bar", aria_hidden="true")


def balance(share: float, kind: str = "") -> Markup:
    """Return a bar from the middle to the right (share above 0) or to the left, at most 1."""
    half = min(1.0, abs(share)) / 2
    start = 0.5 - half if share < 0 else 0.5
    parts = [
        element("rect", x=at(start), width=at(half), height=8, class_=f"fill {kind}".strip()),
        line("50%", 0, "50%", 8, "mark"),
    ]
    return element("svg", *parts, class_="bar", aria_hidden="true")


def stack(shares: Sequence[tuple[str, float]]) -> Markup:
    """Return shares of one side by side in a bar, each with its name as its class."""
    parts, start = [], 0.0
    for name, share in shares:
        parts.append(element("rect", x=at(start), width=at(share), height=8, class_=name))
        start += share
    return element("svg", *parts, class_="bar stack", aria_hidden="true")


def strip(steps: Sequence[Step], axis: Axis) -> Markup:
    """Return the chain as one line of dots on a horizontal axis."""
    measured = [s for s in steps if s.accuracy is not None]
    if not measured:
        return Markup("")
    parts = [line("0%", 12, "100%", 12, "grid")]
    last = measured[-1].accuracy
    if last is not None:
        parts.append(
            line(at(axis.share(last.low)), 12, at(axis.share(last.high)), 12, "interval device")
        )
    for step in measured:
        if step.accuracy is not None:
            x = at(axis.share(step.accuracy.value))
            parts.append(element("circle", cx=x, cy=12, r=4.5, class_=f"dot {step.kind}"))
    return element("svg", *parts, class_="strip", aria_hidden="true")
