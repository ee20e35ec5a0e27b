"""SVG elements as escaped markup.

Horizontal positions are percentages and vertical ones pixels, so that a picture fills its box at
any width while its text keeps its size: no viewBox, no scripts.
"""

from __future__ import annotations

from markupsafe import Markup, escape

from hil.report.text import visible


def element(tag: str, /, *children: str | Markup, **attributes: object) -> Markup:
    """Return `<tag …>children</tag>`; every attribute and plain string is escaped.

    `_` in an attribute's name stands for `-`, and a trailing one is dropped (`class_`).
    Attributes that are None are left out.
    """
    written = Markup("").join(
        Markup(' {}="{}"').format(name.rstrip("_").replace("_", "-"), visible(str(value)))
        for name, value in attributes.items()
        if value is not None
    )
    inside = Markup("").join(
        child if isinstance(child, Markup) else escape(visible(child)) for child in children
    )
    return Markup("<{0}{1}>{2}</{0}>").format(tag, written, inside)


def at(share: float) -> str:
    """Return a horizontal position: a share of the picture's width, kept inside it."""
    return f"{min(1.0, max(0.0, share)) * 100:.4g}%"


def line(x1: str, y1: float, x2: str, y2: float, class_: str) -> Markup:
    """Return a line; x as text with its unit, y in pixels."""
    return element("line", x1=x1, y1=f"{y1:.4g}", x2=x2, y2=f"{y2:.4g}", class_=class_)


def text(content: str, x: str, y: float, class_: str) -> Markup:
    """Return a line of text, anchored as its class says."""
    return element("text", content, x=x, y=f"{y:.4g}", class_=class_)
