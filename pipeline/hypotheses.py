"""One layer computed again under named wrong rules: which of them explains what a device gave?

A device's layer that differs from the definition is compared with these; the one that gives its
bytes is the explanation. Only layers with an accumulator (CONV_2D, FULLY_CONNECTED) have any:
the rules are about what follows the sum of products.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pipeline.ir import Graph, Op
from pipeline.ops.base import biases, patches, row_dot
from pipeline.ops.matrix import BIAS, conv_windows, row_multipliers
from pipeline.quant import I64, activation_range, requantize, wrap32


@dataclass(frozen=True)
class Sums:
    """What a layer adds up, with its constants, all […, rows].

    products: of the weights and the inputs less their zero point; offset: input zero point times
    the sum of a row's weights, which is what leaving that zero point out would add.
    """

    products: I64
    offset: I64
    bias: I64
    multiplier: I64
    shift: I64
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
        return requantize(total, self.multiplier, self.shift)


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


def _wrap(s: Sums) -> I64:
    """No clamping: the low byte is kept."""
    return (s.requantized(s.total) + s.zero_point + 128) % 256 - 128


def _no_activation(s: Sums) -> I64:
    """Clamped to the rails of int8, not to the fused activation."""
    return np.clip(s.requantized(s.total) + s.zero_point, -128, 127)


def _no_output_zero_point(s: Sums) -> I64:
    """The output's zero point is left out."""
    return np.clip(s.requantized(s.total), s.low, s.high)


def _no_input_zero_point(s: Sums) -> I64:
    """The input's zero point is not subtracted."""
    return s.codes(s.requantized(wrap32(s.total + s.offset)))


def _no_bias(s: Sums) -> I64:
    """The bias is left out."""
    return s.codes(s.requantized(s.products))


#: Name → rule, the likelier first. hil/verdict/rules/layer_causes.py gives each its cause.
RULES: Final[dict[str, Callable[[Sums], I64]]] = {
    "single rounding": _single,
    "no rounding": _down,
    "float32 rounding": _float,
    "wrapping": _wrap,
    "no fused activation": _no_activation,
    "no output zero point": _no_output_zero_point,
    "no input zero point": _no_input_zero_point,
    "no bias": _no_bias,
}


def recompute(
    graph: Graph, tensor: int, inputs: dict[int, NDArray[Any]]
) -> dict[str, NDArray[np.int8]]:
    """Return rule → output [N, *shape] of the layer that writes `tensor`; empty where none fits.

    inputs: tensor index → codes [N, *shape], as the definition has them.
    """
    op = next((o for o in graph.ops if tensor in o.outputs), None)
    if op is None or op.name not in ("CONV_2D", "FULLY_CONNECTED"):
        return {}
    sums = _sums(graph, op, inputs)
    shape = (-1, *graph.tensors[tensor].shape)
    return {name: rule(sums).astype(np.int8).reshape(shape) for name, rule in RULES.items()}


def _sums(graph: Graph, op: Op, inputs: dict[int, NDArray[Any]]) -> Sums:
    source, target, weights = graph.need(op, 0), graph.output_of(op), graph.need(op, 1)
    assert weights.data is not None
    depth = math.prod(weights.shape[1:])
    rows = weights.data.reshape(-1, depth)
    x = inputs[source.index].astype(np.int64) - source.zero_point
    under = _conv_patches(graph, op, x) if op.name == "CONV_2D" else x.reshape(len(x), -1, depth)
    offset = source.zero_point * rows.astype(np.int64).sum(axis=1)
    multiplier, shift = row_multipliers(graph, op)
    low, high = activation_range(op.options.activation, target.scale, target.zero_point)
    bias = biases(graph, op, BIAS, len(rows))
    zero_point = target.zero_point
    return Sums(row_dot(under, rows), offset, bias, multiplier, shift, zero_point, low, high)


def _conv_patches(graph: Graph, op: Op, x: I64) -> I64:
    under = patches(x, *conv_windows(graph, op), 0)
    flat: I64 = under.reshape(*under.shape[:4], -1)
    return flat
