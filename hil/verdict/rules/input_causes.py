"""Why the device's preprocessing gives other model inputs, channel by channel. Pure.

The device's codes are regressed on the raw samples: right arithmetic is a straight line per
channel, whose slope is 1 / (std · scale) and whose intercept is the mean's. What is no line on its
own channel is looked for on the others, in the samples' bytes, at the rails, or at other times.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from hil.record import InputEvidence
from hil.verdict.rules.input_samples import F64, Cause, Samples, clamped
from hil.verdict.rules.input_time import in_time

#: Ratio of two units of one quantity.
UNITS: Final = {
    "m/s² instead of g": 9.80665,
    "g instead of m/s²": 1 / 9.80665,
    "degrees instead of radians": 180 / math.pi,
    "radians instead of degrees": math.pi / 180,
    "thousandths of a unit": 1000.0,
    # What gyroscopes state a count in.
    "thousandths of degrees instead of radians": 1000 * 180 / math.pi,
}
#: A factor this close to a unit's is taken for it: the nearest other cause is much further off.
UNIT_TOLERANCE: Final = 0.03
#: Codes are rounded, so a line leaves at most half a step; float32 and a fit add a little.
LINE_RESIDUAL: Final = 0.8
#: An estimate this many standard errors from the right constant is another constant.
SIGNIFICANT: Final = 6.0


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


def input_causes(given: InputEvidence) -> list[Cause]:
    """Return a cause for every channel that differs; empty where nothing was read."""
    if not given.pairs:
        return []
    data = Samples.of(given)
    wrong = data.wrong
    for name, text, codes in _rules(data):
        if wrong and all(data.explains(codes, c) for c in wrong):
            return [Cause(name, c, text) for c in wrong]
    told = {c: _channel(data, c) for c in wrong}
    unsure = [c for c in wrong if told[c].name == "inputs-differ"]
    # Off by a step here and there may be what a filter does to a channel that hardly moves.
    weak = [c for c in wrong if told[c].name == "rounding"]
    told |= {cause.channel: cause for cause in in_time(data, unsure, weak)}
    return [told[c] for c in sorted(told)]


def _rules(data: Samples) -> Iterator[tuple[str, str, F64]]:
    """Yield other ways to make codes of the same samples: cause, words, codes."""
    swapped = data.raw.astype("<i2").byteswap().astype(np.float64)
    yield "endianness", "the samples' two bytes exchanged give its inputs", data.codes(swapped)
    steps, zero = data.steps(data.raw), data.given.zero_point
    wrapped = (np.rint(steps) + zero + 128) % 256 - 128
    yield "wrap", "codes that wrap around instead of stopping at the rail give its inputs", wrapped
    mean = np.array(data.given.mean)
    around = (data.raw - mean + 32768) % 65536 - 32768 + mean
    yield "wrap", "samples less their mean wrap around in 16 bits", data.codes(around)
    rounding: dict[str, Callable[[Any], Any]]
    rounding = {"rounding down": np.floor, "cutting off": np.trunc, "rounding up": np.ceil}
    for name, rule in rounding.items():
        yield "rounding", f"{name} gives its inputs", clamped(rule(steps) + zero)


def _channel(data: Samples, c: int) -> Cause:
    if (cause := _unit(data, c)) is not None:
        return cause
    own = _line(data.raw[..., c], data.actual[..., c])
    if own is not None and own.straight:
        return _constants(data, c, own)
    for source in range(data.raw.shape[2]):
        line = None if source == c else _line(data.raw[..., source], data.actual[..., c])
        if line is not None and line.straight and abs(line.slope) > 0:
            name = data.given.channels[source]
            return Cause("swapped", c, f"holds the samples of {name} (slope {line.slope:+.3g})")
    for name, text, codes in _rules(data):
        if data.explains(codes, c):
            return Cause(name, c, text)
    return _clipped(data, c) or _unknown(data, c)


def _clipped(data: Samples, c: int) -> Cause | None:
    """The right codes, but that they stop before the ends of int8."""
    got, right = data.actual[..., c], data.expected[..., c]
    low, high = got.min(), got.max()
    if low == high or not data.explains(np.clip(data.expected, low, high), c):
        return None
    text = (
        f"stays from {low:.0f} to {high:.0f} where {right.min():.0f} to {right.max():.0f} is right"
    )
    return Cause("clipped", c, text)


def _unit(data: Samples, c: int) -> Cause | None:
    """Samples, or their deviations from the mean, times the ratio of two units.

    Codes that are nearly all at the rails, or at the zero point, give no line; this they still fit.
    """
    mean = np.array(data.given.mean)
    for name, ratio in UNITS.items():
        for raw in (data.raw * ratio, mean + (data.raw - mean) * ratio):
            if data.explains(data.codes(raw), c):
                return Cause("unit", c, f"is {ratio:.3g} times as large as it should be: {name}")
    return None


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


def _unknown(data: Samples, c: int) -> Cause:
    off, got = np.abs(data.actual[..., c] - data.expected[..., c]), data.actual[..., c]
    if got.size > 1 and np.ptp(got) == 0:
        return Cause("inputs-differ", c, f"stands at {int(got.flat[0])} whatever the samples are")
    text = f"differs in {(off > 0).mean():.1%} of its values, by at most {int(off.max())} steps"
    return Cause("rounding" if off.max() <= 1 else "inputs-differ", c, text)
