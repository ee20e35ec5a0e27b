"""The device's preprocessing, channel by channel, against the definition."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hil.record import InputEvidence, RawPair, Run
from hil.verdict.rules.input_causes import input_causes

#: Codes that are not clamped, fewer than which tell no gain.
ENOUGH: Final = 8

Codes = NDArray[np.float64]


@dataclass(frozen=True)
class ChannelRow:
    """A channel. gain, offset: of the device's codes over the right ones (in codes), by a line.

    Both are None where too few codes are inside the range, or it is no line (residual: the largest
    distance from it, in codes). cause, text: what the diagnosis says.
    """

    name: str
    unit: str
    differing: float
    largest: int
    gain: float | None
    offset: float | None
    residual: float | None
    cause: str | None
    text: str


@dataclass(frozen=True)
class ChannelsView:
    """All channels, and one window drawn: its codes by the definition and by the device."""

    windows: int
    rows: tuple[ChannelRow, ...]
    window: int
    names: tuple[str, ...]
    series: tuple[tuple[tuple[float, ...], tuple[float, ...]], ...]
    ranges: tuple[tuple[float, float], ...]


def channels_view(run: Run) -> ChannelsView | None:
    """Return what differs in the model inputs; None where nothing was read back."""
    given = run.input_evidence
    if given is None or not given.pairs:
        return None
    expected, actual = (_codes(given, w) for w in ("expected", "actual"))
    causes = {c.channel: (c.name, c.text) for c in input_causes(given)}
    worst = int(np.argmax(np.abs(expected - actual).sum(axis=(1, 2))))
    spans = [_span(expected[worst, :, c], actual[worst, :, c]) for c in range(len(given.channels))]
    return ChannelsView(
        windows=len(given.pairs),
        rows=tuple(
            _row(given, c, expected[..., c], actual[..., c], causes.get(c))
            for c in range(len(given.channels))
        ),
        window=given.pairs[worst].window,
        names=tuple(
            f"{name} {low:.0f} … {high:.0f}".replace("-", "−")
            for name, (low, high) in zip(given.channels, spans, strict=True)
        ),
        series=tuple(
            (tuple(expected[worst, :, c].tolist()), tuple(actual[worst, :, c].tolist()))
            for c in range(len(given.channels))
        ),
        ranges=tuple(spans),
    )


def _span(expected: Codes, actual: Codes) -> tuple[float, float]:
    """Return the codes that a channel is drawn between."""
    both = np.concatenate([expected, actual])
    return float(both.min()), float(both.max())


def _codes(given: InputEvidence, which: str) -> Codes:
    """Return codes [windows, samples, channels]."""

    def one(pair: RawPair) -> Codes:
        codes = np.frombuffer(bytes.fromhex(getattr(pair, which)), "i1")
        return codes.astype(np.float64).reshape(-1, len(given.channels))

    return np.stack([one(pair) for pair in given.pairs])


def _row(
    given: InputEvidence, c: int, expected: Codes, actual: Codes, cause: tuple[str, str] | None
) -> ChannelRow:
    gain, offset, residual = _line(expected - given.zero_point, actual - given.zero_point)
    off = np.abs(expected - actual)
    return ChannelRow(
        name=given.channels[c],
        unit=given.units[c],
        differing=float((off > 0).mean()),
        largest=int(off.max()),
        gain=gain,
        offset=offset,
        residual=residual,
        cause=cause[0] if cause else None,
        text=cause[1] if cause else "",
    )


def _line(right: Codes, got: Codes) -> tuple[float | None, float | None, float | None]:
    """Return gain, offset and largest residual of got = gain · right + offset, rails left out."""
    inside = (right > right.min()) & (right < right.max()) & (got > got.min()) & (got < got.max())
    x, y = right[inside], got[inside]
    if len(x) < ENOUGH or np.ptp(x) == 0:
        return None, None, None
    gain, offset = np.polyfit(x, y, 1)
    return float(gain), float(offset), float(np.abs(y - gain * x - offset).max())
