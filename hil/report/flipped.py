"""The windows that changed class, drawn as the signals that the model saw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hil.record import Run, Signals
from hil.report.text import significant
from hil.verdict.flips import WindowChange, spread


@dataclass(frozen=True)
class Drawn:
    """One window: its channels, in words with their range, and values [channel][sample]."""

    flip: WindowChange
    channels: tuple[str, ...]
    names: tuple[str, ...]
    series: tuple[tuple[tuple[float, ...]], ...]
    ranges: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class FlippedView:
    """The windows of a step that are drawn, how many more there are, and what a window is.

    scales: what a drawing's height is, for each unit.
    """

    drawn: tuple[Drawn, ...]
    more: int
    samples: int
    rate_hz: float
    scales: tuple[str, ...] = ()


def flipped_view(run: Run, flips: Sequence[WindowChange]) -> FlippedView:
    """Return those of `flips` whose samples the record keeps, evenly spread."""
    given = run.signals
    if given is None:
        return FlippedView((), len(flips), 0, 0.0)
    kept = {s.window: s.raw for s in given.kept}
    chosen = set(spread([f.window for f in flips if f.window in kept]))
    shown = [f for f in flips if f.window in chosen]
    values = {f.window: _values(given, kept[f.window]) for f in shown}
    spans = _spans(given, list(values.values()))
    length = max((len(v) for v in values.values()), default=0)
    return FlippedView(
        tuple(_drawn(given, f, values[f.window], spans) for f in shown),
        len(flips) - len(shown),
        length,
        given.rate_hz,
        tuple(dict.fromkeys(_range(s, u) for s, u in zip(spans, given.units, strict=False))),
    )


def _range(span: tuple[float, float], unit: str) -> str:
    return f"{significant(span[0], 2)} … {significant(span[1], 2)} {unit}"


def _values(given: Signals, raw: str) -> NDArray[np.float64]:
    """Return samples [T, C] in physical units."""
    counts = np.frombuffer(bytes.fromhex(raw), "<i2").reshape(-1, len(given.channels))
    values: NDArray[np.float64] = counts * np.array(given.unit_per_count)
    return values


def _spans(
    given: Signals, values: Sequence[NDArray[np.float64]]
) -> tuple[tuple[float, float], ...]:
    """Return one range for all channels of a unit, over all windows: amplitudes compare."""
    if not values:
        return ()
    stacked = np.concatenate(values)
    by_unit = {}
    for unit in set(given.units):
        own = stacked[:, [u == unit for u in given.units]]
        by_unit[unit] = (float(own.min()), float(own.max()))
    return tuple(by_unit[u] for u in given.units)


def _drawn(
    given: Signals,
    flip: WindowChange,
    values: NDArray[np.float64],
    spans: tuple[tuple[float, float], ...],
) -> Drawn:
    names = tuple(
        f"{name} {_range((float(x.min()), float(x.max())), unit)}"
        for name, unit, x in zip(given.channels, given.units, values.T, strict=True)
    )
    return Drawn(flip, given.channels, names, tuple((tuple(x.tolist()),) for x in values.T), spans)
