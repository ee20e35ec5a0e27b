"""A layer's values, float against dequantized int8, with what saturates at the ends."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from markupsafe import Markup

from hil.record import BINS, Histogram
from hil.report.svg import at, box, curve, line, picture, stretched, text
from hil.report.text import percent, significant

#: Pixels of the plot, and of the whole with the labels below.
PLOT: Final = 84
HEIGHT: Final = 104
#: Units of the plot: a bar for each step of the codes, and one at each end for what lies beyond.
UNITS: Final = (BINS + 2, 100)


def histogram(
    key: str, name: str, h: Histogram, ends: tuple[float, float], rails: Sequence[str]
) -> Markup:
    """Return float counts as an area, int8 counts as a line; heights are logarithmic.

    ends: real values of the first and last code. rails: of "low" and "high" those at which int8
    values are cut off, marked.
    """
    floats = [h.below, *h.floats, h.above]
    codes = [0, *h.codes, 0]
    top = max([1, *floats, *codes])
    parts = [
        stretched(
            "0", 0, "100%", PLOT, UNITS,
            curve(_outline(floats, top), "floats", closed=True),
            *_marked(h, top, rails),
            curve(_outline(codes, top), "codes"),
        ),
        line("0%", PLOT, "100%", PLOT, "base"),
        *_labels(ends),
    ]  # fmt: skip
    return picture(
        key, f"Values of {name}", _description(h, ends), *parts, class_="histogram", height=HEIGHT
    )  # fmt: skip


def _outline(counts: Sequence[int], top: int) -> list[tuple[float, float]]:
    """Return the steps of a histogram, from one base corner to the other."""
    points: list[tuple[float, float]] = [(0, 100)]
    for i, count in enumerate(counts):
        y = 100 - _height(count, top)
        points += [(i, y), (i + 1, y)]
    return [*points, (len(counts), 100)]


def _height(count: int, top: int) -> float:
    return round(100 * math.log1p(count) / math.log1p(top), 1)


def _marked(h: Histogram, top: int, rails: Sequence[str]) -> list[Markup]:
    """Float values beyond the ends, and int8 values piled up; grey where none is cut off."""
    marks = []
    beyond = "beyond" if rails else "end"
    for at_x, count in ((0, h.below), (BINS + 1, h.above)):
        if count:
            height = max(6.0, _height(count, top))
            marks.append(box(at_x, 100 - height, 1, height, beyond))
    for rail, at_x, count in (("low", 1, h.low_rail), ("high", BINS, h.high_rail)):
        if rail in rails and count:
            height = max(6.0, _height(count, top))
            marks.append(box(at_x, 100 - height, 1, height, "rail"))
    return marks


def _labels(ends: tuple[float, float]) -> list[Markup]:
    low, high = ends
    edge = 1 / UNITS[0]
    labels = [
        text(significant(low), at(edge), HEIGHT - 4, "tick"),
        text(significant(high), at(1 - edge), HEIGHT - 4, "tick end"),
    ]
    # Zero, where it is apart from both labels.
    share = -low / (high - low) if high > low else 0.0
    if 0.2 < share < 0.8:
        x = at(edge + share * (1 - 2 * edge))
        labels += [line(x, PLOT, x, PLOT + 4, "base"), text("0", x, HEIGHT - 4, "tick middle")]
    return labels


def _description(h: Histogram, ends: tuple[float, float]) -> str:
    total = max(1, sum(h.codes))
    return (
        f"The int8 codes reach from {significant(ends[0])} to {significant(ends[1])}. "
        f"{percent(h.below / total, 2)} of the float values lie below, "
        f"{percent(h.above / total, 2)} above; {percent(h.low_rail / total, 2)} of the int8 values "
        f"stand at the first code, {percent(h.high_rail / total, 2)} at the last."
    )
