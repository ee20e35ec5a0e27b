"""Pictures as pure functions of views: numbers in, SVG markup out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from hil.report.chain import Step
from hil.report.svg import at, element, line, text
from hil.report.text import NARROW, percent, signed

#: Heights in pixels of the chain picture: its plot, and the whole with the labels below.
PLOT_TOP, PLOT_BOTTOM, CHAIN_HEIGHT = 26, 196, 258

#: The axis's labels have this share of the chain picture's width, left of the plot.
GUTTER = 0.09

#: Longer names of stages are cut in the picture (the table has them whole).
MAX_STAGE = 16


def bar(share: float | None, mark: float | None = None, kind: str = "") -> Markup:
    """Return a small bar of a share of one, with a tick at `mark`; its number stands beside it."""
    if share is None:
        return Markup("")
    parts = [element("rect", width=at(share), height=8, class_=f"fill {kind}".strip())]
    if mark is not None:
        parts.append(line(at(mark), 0, at(mark), 8, "mark"))
    return element("svg", *parts, class_="bar", aria_hidden="true")


@dataclass(frozen=True)
class Axis:
    """A vertical axis of accuracy from `low` to `high`, with its ticks."""

    low: float
    high: float
    ticks: tuple[float, ...]

    def share(self, value: float) -> float:
        """Return where `value` lies between low (0) and high (1)."""
        return (value - self.low) / (self.high - self.low)

    def y(self, value: float) -> float:
        """Return the pixel row of an accuracy, clamped to the plot."""
        share = min(1.0, max(0.0, self.share(value)))
        return PLOT_BOTTOM - (PLOT_BOTTOM - PLOT_TOP) * share


def accuracy_axis(steps: Sequence[Step], limit: float | None = None) -> Axis:
    """Return an axis that holds every interval, in round steps of 1, 2, 5, 10 or 25 points."""
    values = [v for s in steps if s.accuracy for v in (s.accuracy.low, s.accuracy.high)]
    values += [] if limit is None else [limit]
    low, high = min(values, default=0.0), max(values, default=1.0)
    width = next((w for w in (1, 2, 5, 10, 25) if (high - low) * 100 <= 5 * w), 25)
    bottom = max(0, math.floor(low * 100 / width) * width)
    top = min(100, math.ceil(high * 100 / width) * width)
    if top == bottom:
        bottom, top = max(0, bottom - width), min(100, top + width)
    ticks = tuple(t / 100 for t in range(bottom, top + 1, width))
    return Axis(bottom / 100, top / 100, ticks)


def chain(steps: Sequence[Step], axis: Axis, limit: float | None, title: str) -> Markup:
    """Return the accuracy of `steps` from left to right with intervals and the change at each.

    `limit`: the lowest accuracy within the run's limit, drawn as a dashed line.
    """
    parts = [element("title", title)]
    parts += [p for tick in axis.ticks for p in _grid(axis, tick)]
    if limit is not None:
        parts.append(line(at(GUTTER), axis.y(limit), "100%", axis.y(limit), "limit"))
        parts.append(text("limit", "100%", axis.y(limit) - 4, "tick end"))
    parts += [_joint(steps, i, axis) for i in range(1, len(steps)) if not steps[i].side_branch]
    for i, step in enumerate(steps):
        parts += _column(step, _centre(i, steps), axis)
    return element("svg", *parts, class_="chain", height=CHAIN_HEIGHT, role="img", aria_label=title)


def _grid(axis: Axis, tick: float) -> list[Markup]:
    y = axis.y(tick)
    label = f"{tick * 100:g}{NARROW}%"
    return [line(at(GUTTER), y, "100%", y, "grid"), text(label, "0%", y + 4, "tick")]


def _centre(i: int, steps: Sequence[Step]) -> str:
    return at(GUTTER + (1 - GUTTER) * (i + 0.5) / len(steps))


def _joint(steps: Sequence[Step], i: int, axis: Axis) -> Markup:
    """The line from the step before; marked where the loss is more than chance explains."""
    before, here = steps[i - 1].accuracy, steps[i].accuracy
    if before is None or here is None:
        return Markup("")
    kind = "joint lost" if steps[i].resolved_loss else "joint"
    x1, x2 = _centre(i - 1, steps), _centre(i, steps)
    return line(x1, axis.y(before.value), x2, axis.y(here.value), kind)


def _column(step: Step, x: str, axis: Axis) -> list[Markup]:
    kind = f"{step.kind} side" if step.side_branch else step.kind
    labels = [
        text(_short(step.name), x, PLOT_BOTTOM + 22, "stage"),
        text(_change_text(step), x, PLOT_BOTTOM + 39, "lost" if step.resolved_loss else "change"),
        text(_interval_text(step), x, PLOT_BOTTOM + 54, "small"),
    ]
    if step.accuracy is None:
        return [text("not measured", x, (PLOT_TOP + PLOT_BOTTOM) / 2, "change"), *labels]
    low, value, high = (
        axis.y(v) for v in (step.accuracy.low, step.accuracy.value, step.accuracy.high)
    )
    dot = element("circle", cx=x, cy=f"{value:.4g}", r=5.5, class_=f"dot {kind}")
    above = text(percent(step.accuracy.value), x, high - 13, "value")
    return [line(x, low, x, high, f"interval {kind}"), dot, above, *labels]


def _short(name: str) -> str:
    return name if len(name) <= MAX_STAGE else name[: MAX_STAGE - 1] + "…"


def _change_text(step: Step) -> str:
    if step.change is None:
        return ""
    return "same class" if step.identical else f"{signed(step.change.value)} pts"


def _interval_text(step: Step) -> str:
    if step.change is None or step.identical:
        return ""
    return f"{signed(step.change.low)} … {signed(step.change.high)}"


def strip(steps: Sequence[Step], axis: Axis) -> Markup:
    """Return the chain as one line of dots on a horizontal axis, for a table's row."""
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
