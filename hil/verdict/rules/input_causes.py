"""Why the device's preprocessing gives other model inputs, channel by channel. Pure.

The device's codes are regressed on the raw samples: right arithmetic is a straight line per
channel, whose slope is 1 / (std · scale) and whose intercept is the mean's. What is no line on its
own channel is looked for on the others, at other times, or in the samples' bytes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hil.record import InputEvidence

F64 = NDArray[np.float64]

#: Ratio of two units of one quantity.
UNITS: Final = {
    "m/s² instead of g": 9.80665,
    "g instead of m/s²": 1 / 9.80665,
    "degrees instead of radians": 180 / math.pi,
    "radians instead of degrees": math.pi / 180,
    "thousandths of a unit": 1000.0,
}
#: A factor this close to a unit's is taken for it: the nearest other cause is much further off.
UNIT_TOLERANCE: Final = 0.03
#: Codes are rounded, so a line leaves at most half a step; float32 and a fit add a little.
LINE_RESIDUAL: Final = 0.8
#: An estimate this many standard errors from the right constant is another constant.
SIGNIFICANT: Final = 6.0
#: Samples late or early that are looked for, and rates relative to the right one.
DELAYS: Final = tuple(d for d in range(-12, 13) if d)
RATES: Final = (0.25, 0.5, 0.8, 0.81, 0.9, 1.1, 1.19, 1.25, 2.0, 4.0)
#: Taps before and after a sample that a short filter may use.
TAPS: Final = range(-2, 5)


@dataclass(frozen=True)
class Cause:
    """What was told of one channel (its index)."""

    name: str
    channel: int
    text: str


@dataclass(frozen=True)
class Line:
    """actual ≈ slope · x + intercept, with standard errors and the largest residual."""

    slope: float
    intercept: float
    slope_error: float
    intercept_error: float
    worst: float

    @property
    def straight(self) -> bool:
        """Whether nothing but rounding is left."""
        return self.worst <= LINE_RESIDUAL


@dataclass(frozen=True)
class Samples:
    """raw, expected, actual: float64 [windows, samples, channels]; the rest as in the record."""

    given: InputEvidence
    raw: F64
    expected: F64
    actual: F64

    def ideal(self, raw: F64) -> F64:
        """Return the codes before rounding and clamping."""
        mean, std = np.array(self.given.mean), np.array(self.given.std)
        codes: F64 = (raw - mean) / (std * self.given.scale) + self.given.zero_point
        return codes

    def matches(self, codes: F64) -> bool:
        """Whether codes give the device's bytes, to one step where rounding is close."""
        off = np.abs(codes - self.actual)
        return bool(off.max() <= 1 and (off > 0).mean() < 0.01)


def input_causes(given: InputEvidence) -> list[Cause]:
    """Return a cause for every channel that differs; empty where nothing was read."""
    if not given.pairs:
        return []
    data = _samples(given)
    wrong = np.flatnonzero((data.actual != data.expected).any(axis=(0, 1)))
    for name, text, codes in _whole(data):
        if data.matches(codes):
            return [Cause(name, int(c), text) for c in wrong]
    return [_channel(data, int(c)) for c in wrong]


def _samples(given: InputEvidence) -> Samples:
    def stack(texts: list[str], dtype: str) -> F64:
        rows = [np.frombuffer(bytes.fromhex(t), dtype) for t in texts]
        return np.stack(rows).astype(np.float64).reshape(len(rows), -1, len(given.channels))

    return Samples(
        given,
        stack([p.raw for p in given.pairs], "<i2"),
        stack([p.expected for p in given.pairs], "i1"),
        stack([p.actual for p in given.pairs], "i1"),
    )


def _clamped(codes: F64) -> F64:
    return np.clip(codes, -128, 127)


def _whole(data: Samples) -> Iterator[tuple[str, str, F64]]:
    """Yield what can happen to all samples at once: cause, words, codes."""
    swapped = data.raw.astype("<i2").byteswap().astype(np.float64)
    yield (
        "endianness",
        "the samples' two bytes exchanged give its inputs",
        _clamped(np.rint(data.ideal(swapped))),
    )
    ideal = data.ideal(data.raw)
    wrapped = (np.rint(ideal) + 128) % 256 - 128
    yield "wrap", "codes that wrap around instead of stopping at the rail give its inputs", wrapped
    rounding: dict[str, Callable[[Any], Any]]
    rounding = {"rounding down": np.floor, "cutting off": np.trunc, "rounding up": np.ceil}
    zero = data.given.zero_point
    for name, rule in rounding.items():
        yield "rounding", f"{name} gives its inputs", _clamped(rule(ideal - zero) + zero)


def _channel(data: Samples, c: int) -> Cause:
    own = _line(data.raw[..., c], data.actual[..., c])
    if own is not None and own.straight:
        return _constants(data, c, own)
    for source in range(data.raw.shape[2]):
        line = None if source == c else _line(data.raw[..., source], data.actual[..., c])
        if line is not None and line.straight and abs(line.slope) > 0:
            name = data.given.channels[source]
            return Cause("swapped", c, f"holds the samples of {name} (slope {line.slope:+.3g})")
    return _wrap16(data, c) or _in_time(data, c) or _unknown(data, c)


def _line(x: F64, y: F64) -> Line | None:
    """Fit the codes that are not clamped; None where there are too few of them, or one value."""
    inside = (y > -128) & (y < 127)
    x, y = x[inside], y[inside]
    if len(x) < 8 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return None
    slope, intercept = np.polyfit(x, y, 1)
    rest = y - slope * x - intercept
    # A uniform error of one step has a deviation of 1/√12: no estimate may claim to be surer.
    noise = max(float(rest.std()), 12**-0.5)
    spread = float(x.std()) * math.sqrt(len(x))
    error = noise / math.sqrt(len(x)) * math.hypot(1, float(x.mean() / x.std()))
    return Line(float(slope), float(intercept), noise / spread, error, float(np.abs(rest).max()))


def _constants(data: Samples, c: int, line: Line) -> Cause:
    """A line on its own samples: which of its constants is another one?"""
    given = data.given
    gain, zero = 1 / (given.std[c] * given.scale), given.zero_point
    ratio = line.slope / gain
    if ratio < 0:
        return Cause("negated", c, f"slope {line.slope:+.3g} where {gain:+.3g} is right")
    same_gain = abs(line.slope - gain) <= SIGNIFICANT * line.slope_error
    unit = next((n for n, u in UNITS.items() if abs(ratio / u - 1) < UNIT_TOLERANCE), None)
    if unit is not None:
        return Cause("unit", c, f"is {ratio:.3g} times too large: {unit}")
    # The mean that this line has: where it gives the zero point.
    mean = (zero - line.intercept) / line.slope
    off = abs(mean - given.mean[c]) * line.slope
    same_mean = off <= SIGNIFICANT * line.intercept_error
    if same_gain:
        if same_mean:
            return _unknown(data, c)
        return Cause("offset", c, f"is shifted: mean {mean:.6g} where {given.mean[c]:.6g} is right")
    scaled = f"is multiplied by {ratio:.4g}: std {given.std[c] / ratio:.6g}, not {given.std[c]:.6g}"
    # Samples scaled before the mean is taken off leave the intercept as it was.
    kept = abs(line.intercept - (zero - given.mean[c] * gain)) <= SIGNIFICANT * line.intercept_error
    if same_mean or kept:
        return Cause("gain", c, scaled)
    return Cause("constants", c, f"{scaled}; mean {mean:.6g}, not {given.mean[c]:.6g}")


def _wrap16(data: Samples, c: int) -> Cause | None:
    """Samples less their mean, wrapped to 16 bits."""
    mean = data.given.mean[c]
    wrapped = (data.raw[..., c] - mean + 32768) % 65536 - 32768
    codes = np.rint(wrapped / (data.given.std[c] * data.given.scale)) + data.given.zero_point
    if np.abs(_clamped(codes) - data.actual[..., c]).max() > 1:
        return None
    return Cause("wrap", c, "samples less their mean wrap around in 16 bits")


def _in_time(data: Samples, c: int) -> Cause | None:
    """Other moments of the same channel: late, at another rate, or filtered."""
    x, y = data.raw[..., c], data.actual[..., c]
    length = x.shape[1]
    for delay in DELAYS:
        first, last = max(delay, 0), length + min(delay, 0)
        line = _line(x[:, first - delay : last - delay], y[:, first:last])
        if line is not None and line.straight:
            return Cause("delay", c, f"is {abs(delay)} samples {'late' if delay > 0 else 'early'}")
    if (rate := _rate(x, y)) is not None:
        return Cause("rate", c, f"runs at {rate:g} times the rate")
    return Cause("filter", c, "is a weighted sum of neighbouring samples") if _fir(x, y) else None


def _rate(x: F64, y: F64) -> float | None:
    at = np.arange(x.shape[1])
    for rate in RATES:
        places = at * rate
        use = places <= at[-1]
        for pick in (_nearest, _between):
            line = _line(pick(x, places[use]), y[:, use])
            if use.sum() >= len(TAPS) and line is not None and line.straight:
                return rate
    return None


def _nearest(x: F64, places: F64) -> F64:
    return x[:, places.astype(int)]


def _between(x: F64, places: F64) -> F64:
    at = np.arange(x.shape[1])
    return np.stack([np.interp(places, at, row) for row in x])


def _fir(x: F64, y: F64) -> bool:
    """Whether a short filter gives the codes, away from the ends and the rails."""
    first, last = -min(TAPS) + max(TAPS), x.shape[1] - max(TAPS)
    columns = [x[:, first - t : last - t].ravel() for t in TAPS]
    target = y[:, first:last].ravel()
    inside = (target > -128) & (target < 127)
    matrix = np.stack([*columns, np.ones_like(target)], axis=1)[inside]
    if len(matrix) < 4 * matrix.shape[1]:
        return False
    weights, *_ = np.linalg.lstsq(matrix, target[inside], rcond=None)
    return bool(np.abs(matrix @ weights - target[inside]).max() <= 2 * LINE_RESIDUAL)


def _unknown(data: Samples, c: int) -> Cause:
    off = np.abs(data.actual[..., c] - data.expected[..., c])
    text = f"differs in {(off > 0).mean():.1%} of its values, by at most {int(off.max())} steps"
    return Cause("rounding" if off.max() <= 1 else "inputs-differ", c, text)
