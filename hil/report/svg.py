"""SVG elements as escaped markup.

Horizontal positions are percentages and vertical ones pixels, so that a picture fills its box at
any width while its text keeps its size: no scripts. Curves, which know no percentages, lie in a
`stretched` part of the picture, whose own units are drawn out to its box.
"""

from __future__ import annotations

from collections.abc import Iterable

from markupsafe import Markup, escape

from hil.report.text import visible


def element(tag: str, /, *children: str | Markup, **attributes: object) -> Markup:
    """Return `<tag …>children</tag>`; every attribute and plain string is escaped.

    `_` in an attribute's name stands for `-`, and a trailing one is dropped (`class_`).
    Attributes that are None are left out.
    """
    # Every piece is escaped by itself, so that the whole may be called markup.
    written = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{escape(visible(str(value)))}"'
        for name, value in attributes.items()
        if value is not None
    )
    inside = "".join(
        child if isinstance(child, Markup) else escape(visible(child)) for child in children
    )
    return Markup(f"<{tag}{written}>{inside}</{tag}>")  # noqa: S704


def at(share: float) -> str:
    """Return a horizontal position: a share of the picture's width, kept inside it."""
    return f"{min(1.0, max(0.0, share)) * 100:.4g}%"


def line(x1: str, y1: float, x2: str, y2: float, class_: str) -> Markup:
    """Return a line; x as text with its unit, y in pixels."""
    return element("line", x1=x1, y1=f"{y1:.4g}", x2=x2, y2=f"{y2:.4g}", class_=class_)


def text(content: str, x: str, y: float, class_: str) -> Markup:
    """Return a line of text, anchored as its class says."""
    return element("text", content, x=x, y=f"{y:.4g}", class_=class_)


def picture(
    key: str, title: str, description: str, *children: Markup, class_: str, height: int
) -> Markup:
    """Return a picture as wide as its box, with its text alternative; `key`: prefix of its ids."""
    named = f"{key}-title {key}-desc"
    return element(
        "svg",
        element("title", title, id=f"{key}-title"),
        element("desc", description, id=f"{key}-desc"),
        *children,
        class_=class_,
        height=height,
        role="img",
        aria_labelledby=named,
    )


def stretched(
    x: str, y: float, width: str, height: float, box: tuple[int, int], *children: Markup
) -> Markup:
    """Return a part whose children count in units of `box` (width, height), y downwards."""
    return element(
        "svg",
        *children,
        x=x,
        y=f"{y:.4g}",
        width=width,
        height=f"{height:.4g}",
        viewBox=f"0 0 {box[0]} {box[1]}",
        preserveAspectRatio="none",
    )


def curve(points: Iterable[tuple[float, float]], class_: str, closed: bool = False) -> Markup:
    """Return a line through the points, its width in pixels whatever the stretch."""
    written = " ".join(f"{x:.5g},{y:.4g}" for x, y in points)
    tag = "polygon" if closed else "polyline"
    return element(tag, points=written, class_=class_, vector_effect="non-scaling-stroke")


def box(x: float, y: float, width: float, height: float, class_: str) -> Markup:
    """Return a rectangle in the units of a stretched part."""
    return element(
        "rect", x=f"{x:.5g}", y=f"{y:.5g}", width=f"{width:.5g}", height=f"{height:.5g}",
        class_=class_,
    )  # fmt: skip
