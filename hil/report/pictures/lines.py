"""Curves over time, frequency or codes: signals, spectra and what was computed for what."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from markupsafe import Markup

from hil.report.svg import at, box, curve, element, line, picture, stretched, text
from hil.report.text import significant

#: Pixels of a row of signals, and of the label above it.
ROW: Final = 48
LABEL: Final = 20
#: Signals side by side.
ACROSS: Final = 3
#: Units of a curve's height.
UNIT: Final = 100

#: Pixels of a spectrum's plot and of the whole.
SPECTRUM: Final = 96
SPECTRUM_HEIGHT: Final = 118
#: Decades below its peak that a spectrum shows: what lies deeper is rounding.
DECADES: Final = 5

#: Pixels of the square of a scatter.
SQUARE: Final = 220


def signals(  # noqa: PLR0913, PLR0917 - what is drawn, and how
    key: str,
    title: str,
    names: Sequence[str],
    series: Sequence[Sequence[Sequence[float]]],
    ranges: Sequence[tuple[float, float]],
    classes: Sequence[str] = ("signal",),
    labels: Sequence[str] = (),
) -> Markup:
    """Return channels as small multiples: series[channel][line] over time, drawn in its range.

    names: each channel in words, of which the text alternative is made; labels: what stands above
    it, where those are too long for a third of the picture. classes: one for each line of a
    channel.
    """
    parts: list[Markup] = []
    shown = zip(labels or names, series, ranges, strict=True)
    for i, (name, lines, span) in enumerate(shown):
        x, y = i % ACROSS / ACROSS, i // ACROSS * (ROW + LABEL)
        width = 1 / ACROSS - 0.02
        length = max(2, *(len(values) for values in lines))
        parts += [
            text(name, at(x), y + LABEL - 6, "tick"),
            stretched(
                at(x), y + LABEL, at(width), ROW, (length - 1, UNIT),
                *_zero(span, length),
                *(curve(_points(v, span), c) for v, c in zip(lines, classes, strict=True)),
            ),
        ]  # fmt: skip
    rows = -(-len(names) // ACROSS)
    return picture(
        key, title, "; ".join(names), *parts, class_="signals", height=rows * (ROW + LABEL)
    )


def _points(values: Sequence[float], span: tuple[float, float]) -> list[tuple[float, float]]:
    low, high = span
    wide = (high - low) or 1.0
    return [(i, UNIT - UNIT * (v - low) / wide) for i, v in enumerate(values)]


def _zero(span: tuple[float, float], length: int) -> list[Markup]:
    low, high = span
    if not low < 0 < high:
        return []
    y = UNIT * high / (high - low)
    return [curve([(0, y), (length - 1, y)], "grid")]


def spectrum(  # noqa: PLR0913, PLR0917 - what is drawn, and how
    key: str,
    name: str,
    unit: str,
    frequencies: Sequence[float],
    training: Sequence[float],
    target: Sequence[float],
) -> Markup:
    """Return two power spectral densities over frequency, the density on a logarithmic scale."""
    peak = max([v for v in (*training, *target) if v > 0], default=1.0)
    floor = peak / 10**DECADES
    units = (max(1, len(frequencies) - 1), DECADES * 10)
    parts = [
        *(_decade(i) for i in range(DECADES + 1)),
        stretched(
            "0", 0, "100%", SPECTRUM, units,
            curve(_density(training, peak, floor), "training"),
            curve(_density(target, peak, floor), "target"),
        ),
        text("0", "0%", SPECTRUM_HEIGHT - 6, "tick"),
        text(f"{significant(frequencies[-1] if frequencies else 0)} Hz", "100%",
             SPECTRUM_HEIGHT - 6, "tick end"),
    ]  # fmt: skip
    low, high = significant(floor, 2), significant(peak, 2)
    return picture(
        key,
        f"Power spectral density of {name}",
        f"From {low} to {high} ({unit})² per Hz; training peaks at {_peak(frequencies, training)}, "
        f"these windows at {_peak(frequencies, target)}.",
        *parts,
        class_="spectrum",
        height=SPECTRUM_HEIGHT,
    )


def _decade(i: int) -> Markup:
    y = SPECTRUM * i / DECADES
    return line("0%", y, "100%", y, "grid")


def _density(values: Sequence[float], peak: float, floor: float) -> list[tuple[float, float]]:
    return [(i, 10 * math.log10(peak / max(v, floor))) for i, v in enumerate(values)]


def _peak(frequencies: Sequence[float], values: Sequence[float]) -> str:
    """Return where the most power is, the mean left out."""
    if len(values) < 2:
        return "no frequency"
    best = max(range(1, len(values)), key=lambda i: values[i])
    return f"{significant(frequencies[best])} Hz"


def scatter(
    key: str, title: str, points: Sequence[tuple[int, int, int]], ends: tuple[int, int]
) -> Markup:
    """Return what was computed (upwards) for what is right (to the right), on the line of equals.

    points: (expected, actual, how many); larger dots are more values.
    """
    low, high = ends
    span = max(1, high - low)
    most = max((n for _, _, n in points), default=1)
    dots = [
        element(
            "circle",
            cx=f"{UNIT * (e - low) / span:.4g}",
            cy=f"{UNIT - UNIT * (a - low) / span:.4g}",
            r=f"{0.7 + 1.1 * math.log1p(n) / math.log1p(most):.3g}",
            class_="right" if e == a else "wrong",
        )
        for e, a, n in points
    ]
    parts = element(
        "svg",
        box(0, 0, UNIT, UNIT, "frame"),
        curve([(0, UNIT), (UNIT, 0)], "equal"),
        *dots,
        viewBox=f"0 0 {UNIT} {UNIT}",
        width=SQUARE,
        height=SQUARE,
    )
    differing = sum(n for e, a, n in points if e != a)
    total = sum(n for _, _, n in points)
    return picture(
        key,
        title,
        f"{differing} of {total} values are not on the line on which both are equal; "
        f"both axes run from {low} to {high}.",
        parts,
        class_="scatter",
        height=SQUARE,
    )
