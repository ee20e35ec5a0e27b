"""Rules about CONV_2D's and FULLY_CONNECTED's sums of products, and about what follows them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pipeline.hypotheses.layer import Guess, Layer, gives
from pipeline.ir import Graph, Op
from pipeline.ops.base import Window, biases, patches, row_dot
from pipeline.ops.matrix import BIAS, conv_windows, row_multipliers
from pipeline.quant import I64, activation_range, requantize, wrap32

MATRIX: Final = ("CONV_2D", "FULLY_CONNECTED")
#: Zero points that could be meant: a code's range, and both of them exchanged.
ZERO_POINTS: Final = tuple(sorted((k for k in range(-255, 256) if k), key=abs))
#: Widths of an accumulator that is too narrow, the likelier first; 32 is right.
WIDTHS: Final = (16, 24, 8, *(n for n in range(31, 8, -1) if n not in (16, 24)))
#: A loop that ends early or begins late leaves out a few inputs, not most of them.
MOST_DROPPED: Final = 64
#: A factor is estimated from rounded codes: so many of them may be one step off.
OFF_BY_ONE: Final = 0.05
#: Factors that are looked through, close enough together to be one code apart at the rails.
FACTORS: Final = tuple(float(f) for f in np.geomspace(0.25, 4.0, 1500))
#: A code further off than this says nothing of a factor, however far it is.
FAR: Final = 4.0
#: Values that they are tried on.
MOST_SCANNED: Final = 2048


@dataclass(frozen=True)
class Sums:
    """What a layer adds up, with its constants, all [N, …, rows].

    products: of the weights and the inputs less their zero point. rows: of the weights where they
    lie on the input, padded: everywhere. multiplier, shift, bias: one per row.
    """

    products: I64
    inside: I64
    everywhere: I64
    bias: I64
    multiplier: I64
    shift: I64
    input_zero_point: int
    zero_point: int
    low: int
    high: int

    @property
    def total(self) -> I64:
        """Return the accumulator as the definition has it."""
        return self.products + self.bias

    def codes(self, scaled: I64) -> I64:
        """Return scaled sums as codes, clamped as the definition clamps."""
        return np.clip(scaled + self.zero_point, self.low, self.high)

    def requantized(self, total: I64) -> I64:
        """Return sums scaled by the definition's double rounding."""
        return requantize(wrap32(total), self.multiplier, self.shift)

    def finished(self, total: I64) -> I64:
        """Return sums as the definition makes codes of them."""
        return self.codes(self.requantized(total))

    @property
    def real(self) -> NDArray[np.float64]:
        """Return the scaled sums before any rounding."""
        made: NDArray[np.float64] = self.total * (self.multiplier * np.exp2(self.shift - 31.0))
        return made


def _single(s: Sums) -> I64:
    """TFLite's TFLITE_SINGLE_ROUNDING: one rounding of the 64-bit product, halves up."""
    right = 31 - s.shift
    return s.codes((s.total * s.multiplier + (np.int64(1) << (right - 1))) >> right)


def _down(s: Sums) -> I64:
    """No rounding at all: the product is shifted, towards minus infinity."""
    return s.codes((s.total * s.multiplier) >> (31 - s.shift))


def _float(s: Sums) -> I64:
    """The product in float32, rounded to the nearest, halves to even."""
    real = (s.multiplier * 2.0 ** (s.shift - 31)).astype(np.float32)
    return s.codes(np.rint(s.total.astype(np.float32) * real).astype(np.int64))


def _away(s: Sums) -> I64:
    """The product in float32, rounded as C's `round` does, halves away from zero."""
    real = s.total.astype(np.float32) * (s.multiplier * 2.0 ** (s.shift - 31)).astype(np.float32)
    return s.codes((np.sign(real) * np.floor(np.abs(real) + np.float32(0.5))).astype(np.int64))


def _truncated(s: Sums) -> I64:
    """The product cut off towards zero, as C converts a float."""
    real = s.total.astype(np.float32) * (s.multiplier * 2.0 ** (s.shift - 31)).astype(np.float32)
    return s.codes(np.trunc(real).astype(np.int64))


def _wrap(s: Sums) -> I64:
    """No clamping: the low byte is kept."""
    return (s.requantized(s.total) + s.zero_point + 128) % 256 - 128


def _no_activation(s: Sums) -> I64:
    """Clamped to the rails of int8, not to the fused activation."""
    return np.clip(s.requantized(s.total) + s.zero_point, -128, 127)


def _no_output_zero_point(s: Sums) -> I64:
    """The output's zero point is left out."""
    return np.clip(s.requantized(s.total), s.low, s.high)


def _late_zero_point(s: Sums) -> I64:
    """Clamped before the output's zero point is added, and again after it."""
    return s.codes(np.clip(s.requantized(s.total), -128, 127))


def _no_bias(s: Sums) -> I64:
    """The bias is left out."""
    return s.finished(s.products)


#: Name → rule, the likelier first.
RULES: Final[dict[str, Callable[[Sums], I64]]] = {
    "single rounding": _single,
    "no rounding": _down,
    "float32 rounding": _float,
    "float32 rounding away from zero": _away,
    "cutting off": _truncated,
    "wrapping": _wrap,
    "no fused activation": _no_activation,
    "clamping before the zero point": _late_zero_point,
    "no output zero point": _no_output_zero_point,
    "no bias": _no_bias,
}


def _zero_points(s: Sums, output: int, inside: int, everywhere: int) -> I64:
    """Other zero points: of the output, of inputs, and of inputs and what pads them."""
    total = s.total - inside * s.inside - everywhere * s.everywhere
    return np.clip(s.requantized(total) + s.zero_point + output, s.low, s.high)


def _wrapped(s: Sums, bits: int) -> I64:
    half = np.int64(1) << (bits - 1)
    return s.finished((s.total + half) % (2 * half) - half)


def _stopped(s: Sums, bits: int) -> I64:
    half = np.int64(1) << (bits - 1)
    return s.finished(np.clip(s.total, -half, half - 1))


def guesses(layer: Layer) -> Iterator[Guess]:
    """Yield the rules; none for layers without such sums."""
    if layer.op.name not in MATRIX:
        return
    for name, rule in RULES.items():
        yield _gives(name, name, rule)
    for bits in WIDTHS:
        yield _gives("narrow sums", f"sums that wrap in {bits} bits", partial(_wrapped, bits=bits))
        yield _gives("narrow sums", f"sums that stop at {bits} bits", partial(_stopped, bits=bits))
    zero = layer.graph.need(layer.op, 0).zero_point
    for k in ZERO_POINTS:
        text = f"an input zero point of {zero + k} instead of {zero}"
        for places in ((0, k, 0), (0, 0, k)):
            yield _gives("input zero point", text, partial(_shifted, places=places))
    for k in ZERO_POINTS:
        text = f"an output zero point {k:+d} off"
        yield _gives("output zero point", text, partial(_shifted, places=(k, 0, 0)))
    yield from _dropped(layer)
    yield from _padded(layer)
    yield Guess("wrapping", "a factor too large, and codes that wrap around", _factor, True)


def _shifted(s: Sums, places: tuple[int, int, int]) -> I64:
    return _zero_points(s, *places)


def _gives(name: str, text: str, rule: Callable[[Sums], I64]) -> Guess:
    return gives(name, text, lambda layer: rule(sums_of(layer)))


def _dropped(layer: Layer) -> Iterator[Guess]:
    """Sums that leave out their first or last inputs."""
    weights = layer.graph.need(layer.op, 1)
    depth = math.prod(weights.shape[1:])
    for count in range(1, min(depth, MOST_DROPPED)):
        for where, part in (("last", slice(depth - count)), ("first", slice(count, depth))):
            text = f"sums without their {where} {count} of {depth} inputs"
            yield gives("dropped inputs", text, partial(_without, part=part))


def _without(layer: Layer, part: slice) -> I64:
    s, (under, rows) = sums_of(layer), _factors(layer)
    return s.finished(row_dot(under[..., part], rows[:, part]) + s.bias)


def _padded(layer: Layer) -> Iterator[Guess]:
    """Edges of a convolution: what stands there, and where the first window lies."""
    if layer.op.name != "CONV_2D":
        return
    down, across = conv_windows(layer.graph, layer.op)
    if not down.pad and not across.pad:
        return
    zero = layer.graph.need(layer.op, 0).zero_point
    text = "edges padded with code 0 instead of the zero point"
    yield gives("padding", text, partial(_edges, down=down, across=across, outside=-zero))
    for step in (-1, 1):
        moved = [replace(w, pad=w.pad + step) if w.kernel > 1 else w for w in (down, across)]
        text = f"windows that begin one place {'early' if step > 0 else 'late'}"
        yield gives("padding", text, partial(_edges, down=moved[0], across=moved[1], outside=0))


def _edges(layer: Layer, down: Window, across: Window, outside: int) -> I64:
    s, (_, rows) = sums_of(layer), _factors(layer)
    source = layer.graph.need(layer.op, 0)
    x = layer.inputs[source.index].astype(np.int64) - source.zero_point
    under = patches(x, down, across, outside)
    return s.finished(row_dot(under.reshape(*under.shape[:4], -1), rows) + s.bias)


def _factor(layer: Layer) -> bool:
    """Whether one factor on every multiplier, and codes that wrap, give the device's codes.

    Rounded codes leave the factor open by a little: the one that comes closest is taken.
    """
    s = sums_of(layer)
    real, codes = s.real, layer.actual.reshape(s.real.shape).astype(np.float64) - s.zero_point
    step = -(-real.size // MOST_SCANNED)
    some, theirs = real.ravel()[::step], codes.ravel()[::step]
    lowest = s.low - s.zero_point

    def off(factor: float) -> float:
        # What is clamped below fits no factor: it counts for no more than what is far off.
        return float(np.minimum(_circular(factor * some - theirs), FAR)[theirs > lowest].sum())

    best = min(FACTORS, key=off)
    return any(_wraps(s, f * real, codes) for f in best * np.linspace(0.998, 1.002, 81))


def _circular(difference: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how far codes are apart that wrap around."""
    apart: NDArray[np.float64] = np.abs((difference + 128) % 256 - 128)
    return apart


def _wraps(s: Sums, real: NDArray[np.float64], codes: NDArray[np.float64]) -> bool:
    """Whether `codes`, less the zero point, are real values of which some have wrapped around."""
    made = np.rint(real)
    if not (made + s.zero_point > s.high).any():
        return False
    for below in (made, np.maximum(made, s.low - s.zero_point)):
        off = _circular(below - codes)
        if off.max() <= 1 and (off > 0).mean() <= OFF_BY_ONE:
            return True
    return False


@lru_cache(maxsize=4)
def sums_of(layer: Layer) -> Sums:
    """Return the sums of a CONV_2D or FULLY_CONNECTED on its inputs; every rule asks for them."""
    graph, op = layer.graph, layer.op
    source, target = graph.need(op, 0), graph.output_of(op)
    under, rows = _factors(layer)
    multiplier, shift = row_multipliers(graph, op)
    low, high = activation_range(op.options.activation, target.scale, target.zero_point)
    return Sums(
        products=row_dot(under, rows),
        inside=row_dot(_inside(graph, op, under.shape), rows),
        everywhere=rows.astype(np.int64).sum(axis=1),
        bias=biases(graph, op, BIAS, len(rows)),
        multiplier=multiplier,
        shift=shift,
        input_zero_point=source.zero_point,
        zero_point=target.zero_point,
        low=low,
        high=high,
    )


def _factors(layer: Layer) -> tuple[I64, NDArray[np.int8]]:
    """Return the inputs less their zero point, [N, …, depth], and the weights [rows, depth]."""
    graph, op = layer.graph, layer.op
    source, weights = graph.need(op, 0), graph.need(op, 1)
    assert weights.data is not None
    depth = math.prod(weights.shape[1:])
    x = layer.inputs[source.index].astype(np.int64) - source.zero_point
    return under_rows(graph, op, x, depth), weights.data.reshape(-1, depth)


def under_rows(graph: Graph, op: Op, x: NDArray[Any], depth: int) -> NDArray[Any]:
    """Return what of x [N, *shape] lies under a row of weights, [N, …, depth]; 0 outside."""
    if op.name != "CONV_2D":
        return x.reshape(len(x), -1, depth)
    under = patches(x, *conv_windows(graph, op), 0)
    return under.reshape(*under.shape[:4], -1)


def _inside(graph: Graph, op: Op, shape: tuple[int, ...]) -> I64:
    """Return 1 where an input lies under a row of weights, 0 where padding does."""
    ones = np.ones((1, *graph.need(op, 0).shape), np.int64)
    made: I64 = under_rows(graph, op, ones, shape[-1])
    return made
