"""Model inputs that are made of other moments: late or early, at another rate, filtered. Pure.

One cause is looked for that holds in several channels at once: a buffer or a filter treats them
alike, and a channel that hardly moves could not tell alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from hil.verdict.rules.input_samples import F64, Cause, Samples

#: Samples late or early that are looked for: half a window and less.
DELAYS: Final = tuple(sorted((d for d in range(-24, 25) if d), key=abs))
#: Rates relative to the right one, between which the best is looked for.
RATES: Final = tuple(round(4.0 ** (i / 56), 4) for i in range(-56, 57))
#: Taps before and after a sample that a short filter may use.
TAPS: Final = range(-4, 9)
#: Codes are rounded: half a step of each of two, and what a fit adds.
RESIDUAL: Final = 1.6
#: A filter explains a channel where this much of the squared difference is gone.
GONE: Final = 0.9

Mask = NDArray[np.bool_]


def in_time(data: Samples, channels: Sequence[int], weak: Sequence[int] = ()) -> list[Cause]:
    """Return the cause that all of `channels` have, else one for each that has one alone.

    A cause of several channels is told of every further one that it explains as well, that of one
    channel of those in `weak`, of which little else is known.
    """
    if not channels:
        return []
    for name, text, found in _shared(data, channels):
        if set(channels) <= set(found):
            kept = [c for c in found if len(channels) > 1 or c in channels or c in weak]
            return [Cause(name, c, text) for c in kept]
    if len(channels) == 1:
        return []
    return [cause for c in channels for cause in in_time(data, [c])]


def _shared(data: Samples, channels: Sequence[int]) -> Iterator[tuple[str, str, list[int]]]:
    """Yield what could be: cause, words, and every channel that it explains."""
    every = range(data.raw.shape[2])
    for name, text, raw, use in _moments(data, channels):
        codes = data.codes(raw)
        yield name, text, [c for c in every if data.explains(codes, c, use)]
    yield "filter", "is a weighted sum of neighbouring samples", _filtered(data, channels)


def _moments(data: Samples, channels: Sequence[int]) -> Iterator[tuple[str, str, F64, Mask]]:
    """Yield samples of other moments, and where in the window they are known."""
    length = data.raw.shape[1]
    at = np.arange(length, dtype=np.float64)
    for delay in DELAYS:
        places = at - delay
        use = (places >= 0) & (places < length)
        if use.sum() >= length // 3:
            text = f"is {abs(delay)} samples {'late' if delay > 0 else 'early'}"
            yield "delay", text, _nearest(data.raw, places), use
    for anchor in (0.0, (length - 1) / 2):
        rate = _best_rate(data, channels, anchor)
        for pick in (_between, _nearest):
            text = f"runs at {rate:.3g} times the rate"
            places = anchor + (at - anchor) * rate
            use = (places >= 0) & (places <= length - 1)
            if abs(rate - 1) > 0.005:
                yield "rate", text, pick(data.raw, places), use


def _best_rate(data: Samples, channels: Sequence[int], anchor: float) -> float:
    """Return the rate whose samples are nearest to the device's codes."""
    length = data.raw.shape[1]
    at = np.arange(length, dtype=np.float64)

    def off(rate: float) -> float:
        places = anchor + (at - anchor) * rate
        use = (places >= 0) & (places <= length - 1)
        made = data.codes(_between(data.raw, places))
        return float(np.abs(made - data.actual)[:, use][..., list(channels)].mean())

    near = RATES.index(min(RATES, key=off))
    low, high = RATES[max(near - 1, 0)], RATES[min(near + 1, len(RATES) - 1)]
    found = float(minimize_scalar(off, bounds=(low, high), method="bounded").x)
    tried: list[float] = [found, round(found, 2), RATES[near]]
    return min(tried, key=off)


def _between(x: F64, places: F64) -> F64:
    """Return samples [N, T, C] at places between them, by straight lines."""
    places = np.clip(places, 0, x.shape[1] - 1)
    low = np.minimum(places.astype(int), x.shape[1] - 2)
    part = (places - low)[:, None]
    made: F64 = x[:, low] * (1 - part) + x[:, low + 1] * part
    return made


def _nearest(x: F64, places: F64) -> F64:
    return x[:, np.clip(places, 0, x.shape[1] - 1).astype(int)]


def _filtered(data: Samples, channels: Sequence[int]) -> list[int]:
    """Return the channels that one short filter explains: of inputs alone, or of outputs as well.

    Fitted in steps from the zero point, in which a filter has the same taps in every channel.
    """
    steps, got = data.steps(data.raw), data.actual - data.given.zero_point
    length, first = got.shape[1], max(TAPS)
    last = length + min(TAPS)
    if last - first < 2:
        return []
    inputs = np.stack([steps[:, first - t : last - t] for t in TAPS], axis=-1)
    before = np.stack([got[:, first - t : last - t] for t in (1, 2)], axis=-1)
    target, right = got[:, first:last], data.expected[:, first:last] - data.given.zero_point
    inside = (data.actual > -128) & (data.actual < 127)
    # A recursive filter knows its own output only as rounded: it needs all of them inside.
    whole: Mask = np.logical_and.reduce([inside[:, first - t : last - t] for t in (0, 1, 2)])
    few = list(TAPS).index(0)
    for matrix, use in (
        (inputs, inside[:, first:last]),
        (np.concatenate([inputs[..., few : few + 2], before], axis=-1), whole),
    ):
        found = _fitted(matrix, target, right, use, channels)
        if found:
            return found
    return []


def _fitted(matrix: F64, target: F64, right: F64, use: Mask, channels: Sequence[int]) -> list[int]:
    """Return the channels that taps fitted to `channels` explain."""
    chosen = use.copy()
    chosen[..., [c for c in range(use.shape[2]) if c not in channels]] = False
    if chosen.sum() < 4 * matrix.shape[-1]:
        return []
    taps, *_ = np.linalg.lstsq(matrix[chosen], target[chosen], rcond=None)
    rest, was = matrix @ taps - target, right - target
    found = []
    for c in range(use.shape[2]):
        here = use[..., c]
        if not here.any() or np.ptp(target[..., c][here]) == 0:
            continue
        if np.abs(rest[..., c][here]).max() > RESIDUAL:
            continue
        left, all_of_it = (rest[..., c][here] ** 2).sum(), (was[..., c][here] ** 2).sum()
        # What rounding leaves by itself is 1/12 for each value.
        if left <= (1 - GONE) * all_of_it + here.sum() / 6:
            found.append(c)
    return found
