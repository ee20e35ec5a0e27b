"""The chain as one picture: accuracy of every stage, and what is lost from each to the next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from markupsafe import Markup

from hil.report.chain import Step
from hil.report.pictures.axis import PLOT_BOTTOM, PLOT_TOP, Axis
from hil.report.svg import at, element, line, text
from hil.report.text import NARROW, percent, signed

#: Pixels of the whole picture, with the labels below the plot.
HEIGHT: Final = 258

#: The axis's labels have this share of the picture's width, left of the plot.
GUTTER: Final = 0.09

#: Longer names of stages are cut in the picture (the table has them whole).
MAX_STAGE: Final = 16


def chain(  # noqa: PLR0913, PLR0917 - what is drawn, and how
    key: str,
    steps: Sequence[Step],
    axis: Axis,
    limit: float | None,
    title: str,
    links: Sequence[str | None],
) -> Markup:
    """Return the accuracy of `steps` from left to right with intervals and the change at each.

    limit: the lowest accuracy within the run's limit, drawn as a dashed line. links: of each step
    the id of what it opens, where there is something; with links it is a group, no single image.
    """
    parts = [p for tick in axis.ticks for p in _grid(axis, tick)]
    if limit is not None:
        parts.append(line(at(GUTTER), axis.y(limit), "100%", axis.y(limit), "limit"))
        parts.append(text("limit", "100%", axis.y(limit) - 4, "tick end"))
    parts += [_joint(steps, i, axis) for i in range(1, len(steps)) if not steps[i].side_branch]
    for i, (step, link) in enumerate(zip(steps, links, strict=True)):
        column = _column(step, _centre(i, steps), axis)
        parts += [_opening(step, link, i, steps, column)] if link else column
    return element(
        "svg",
        element("title", title, id=f"{key}-title"),
        element("desc", _description(steps), id=f"{key}-desc"),
        *parts,
        class_="chain",
        style=f"--stages:{len(steps)}",
        height=HEIGHT,
        role="group" if any(links) else "img",
        aria_labelledby=f"{key}-title {key}-desc",
    )


def _description(steps: Sequence[Step]) -> str:
    """Return in words what the picture shows."""
    return "; ".join(
        f"{s.name} {percent(s.accuracy.value) if s.accuracy else 'not measured'}"
        + (f" ({_change_text(s)})" if s.change else "")
        for s in steps
    )


def _opening(
    step: Step, link: str, i: int, steps: Sequence[Step], column: Sequence[Markup]
) -> Markup:
    """A column as a link to what its step opens, as wide as its share of the picture."""
    width = (1 - GUTTER) / len(steps)
    ground = element(
        "rect", x=at(GUTTER + i * width), y=0, width=at(width), height=HEIGHT - 2, class_="hit"
    )
    return element(
        "a", ground, *column, href=f"#{link}", aria_label=f"Open the step to {step.name}"
    )


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
