"""Numbers and names as text for people: one way of writing each kind, used by every template.

A true minus sign, a narrow no-break space before units and between thousands, an en dash where
there is no value.
"""

from __future__ import annotations

import math
from typing import Final

NARROW: Final = "\u202f"
NONE: Final = "–"

#: Longer than any honest name, command or note; bounds what a hostile one does to the page.
MAX_TEXT: Final = 2000


def visible(text: str) -> str:
    """Return `text` with everything that cannot be seen replaced, at most MAX_TEXT characters.

    Control characters, lone surrogates and direction overrides could hide or reorder what a name
    says; markup is escaped elsewhere (by the templates and by svg.element).
    """
    cut = text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…"
    if cut.isprintable():
        return cut
    return "".join(c if c.isprintable() or c in "\u00a0\u202f" else "\ufffd" for c in cut)


def count(value: float | None) -> str:
    """Return a whole number with its thousands set apart: 1 234 567."""
    return NONE if value is None else f"{value:,.0f}".replace(",", NARROW).replace("-", "−")


def decimal(value: float | None, digits: int = 2) -> str:
    """Return a number with so many decimals."""
    # + 0.0: what is rounded to zero has no sign.
    return NONE if value is None else f"{round(value, digits) + 0.0:.{digits}f}".replace("-", "−")


def significant(value: float | None, digits: int = 3) -> str:
    """Return a number with so many significant digits."""
    return NONE if value is None else f"{value:.{digits}g}".replace("-", "−")


def plus(value: int) -> str:
    """Return a whole number with its sign: +3, −1, 0."""
    return f"{value:+d}".replace("-", "−") if value else "0"


def sd(value: float | None) -> str:
    """Return so many standard deviations, with their sign: +2.1 sd."""
    return NONE if value is None else f"{round(value, 1) + 0.0:+.1f}{NARROW}sd".replace("-", "−")


def times(logarithm: float) -> str:
    """Return a factor from its natural logarithm: × 1.25."""
    return f"×{NARROW}{significant(math.exp(min(logarithm, 700.0)))}"


def percent(share: float | None, digits: int = 1) -> str:
    """Return a share of one as a percentage: 95.7 %."""
    return NONE if share is None else f"{decimal(share * 100, digits)}{NARROW}%"


def signed(share: float | None, digits: int = 1) -> str:
    """Return a change of a share in percentage points, always with its sign: −0.7."""
    if share is None:
        return NONE
    points = round(share * 100, digits)
    return f"{points:+.{digits}f}".replace("-", "−") if points else f"{0:.{digits}f}"


def kilobytes(size: int | None) -> str:
    """Return bytes as KB of 1,024 bytes, as linkers and data sheets count; small ones as bytes."""
    if size is None:
        return NONE
    return f"{size}{NARROW}B" if size < 1024 else f"{size / 1024:.1f}{NARROW}KB"


def p_value(p: float | None) -> str:
    """Return a p-value: two significant digits, and small ones as a bound."""
    if p is None:
        return NONE
    return "< 0.001" if p < 0.001 else f"{p:.2g}" if p < 0.1 else f"{p:.2f}"


def megahertz(hertz: int) -> str:
    """Return a clock frequency: 64 MHz."""
    return f"{hertz / 1e6:g}{NARROW}MHz"


#: Filters of the templates, by name.
FILTERS: Final = {
    f.__name__: f
    for f in (
        count,
        plus,
        sd,
        times,
        decimal,
        significant,
        percent,
        signed,
        kilobytes,
        p_value,
        megahertz,
    )
}
