"""ADD, SUB, MUL, MAXIMUM and MINIMUM of two int8 tensors, one of which may be a constant.

Shapes are broadcast as NumPy does. ADD and SUB bring both sides to twice the larger scale, 20 bits
up, before they add: 32 bits hold that with a bit to spare.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.ir import Graph, Op, Tensor
from pipeline.ops.base import (
    Operator,
    Values,
    check_activation,
    check_options,
    check_per_tensor,
    require,
)
from pipeline.ops.matrix import check_fused
from pipeline.options import AddOptions, MulOptions, SubOptions
from pipeline.quant import activation_range, quantize_multiplier, requantize

#: Left shift of both sides before they are added.
HEADROOM = 20
#: Real multipliers of a product stay below this: 255 · 255 · 2^15 fits 32 bits.
MAX_PRODUCT_GAIN = 2.0**15

Pair = tuple[int, int]

OPTIONS = {"ADD": AddOptions, "SUB": SubOptions, "MUL": MulOptions}


@dataclass(frozen=True)
class Sum:
    """(multiplier, shift) of both sides and of the sum; sign: −1 for SUB."""

    first: Pair
    second: Pair
    output: Pair
    sign: int


def sum_of(graph: Graph, op: Op) -> Sum:
    """Return the constants of an ADD or SUB. Raises RefusedError for an absurd output scale."""
    first, second = (float(graph.need(op, i).scale) for i in (0, 1))
    common = 2 * max(first, second)
    output = quantize_multiplier(common / (2**HEADROOM * float(graph.output_of(op).scale)))
    require(output[1] <= 0, "output scale is absurdly small")
    sides = (quantize_multiplier(first / common), quantize_multiplier(second / common))
    return Sum(*sides, output, -1 if op.name == "SUB" else 1)


def product_of(graph: Graph, op: Op) -> Pair:
    """Return (multiplier, shift) of a MUL. Raises RefusedError for an absurd output scale."""
    first, second = (float(graph.need(op, i).scale) for i in (0, 1))
    real = first * second / float(graph.output_of(op).scale)
    require(real < MAX_PRODUCT_GAIN, "output scale is absurdly small")
    return quantize_multiplier(real)


def limits(graph: Graph, op: Op) -> tuple[int, int]:
    """Return the codes that the fused activation clamps to."""
    target = graph.output_of(op)
    return activation_range(op.options.activation, target.scale, target.zero_point)


def _check_side(tensor: Tensor | None, what: str) -> Tensor:
    require(tensor is not None, f"has no {what}")
    assert tensor is not None
    require(tensor.dtype == "int8", f"{what} is {tensor.dtype}, must be int8")
    require(tensor.elements > 0, f"{what} is empty")
    check_per_tensor(tensor, what, -128, 127)
    return tensor


def _check_shapes(graph: Graph, op: Op) -> None:
    require(len(op.inputs) == 2, f"has {len(op.inputs)} inputs")
    require(len(op.outputs) == 1, f"has {len(op.outputs)} outputs")
    sides = [_check_side(graph.input_of(op, i), f"input {i}") for i in (0, 1)]
    require(any(t.data is None for t in sides), "has two constant inputs")
    target = graph.output_of(op)
    check_activation(target, "output")
    try:
        expected = np.broadcast_shapes(*(t.shape for t in sides))
    except ValueError:
        expected = None
    shapes = " and ".join(str(list(t.shape)) for t in sides)
    require(target.shape == expected, f"output is {list(target.shape)}, inputs are {shapes}")


def _check_arithmetic(graph: Graph, op: Op) -> None:
    _check_shapes(graph, op)
    check_options(op, OPTIONS[op.name])
    check_fused(op.options.activation)
    if op.name == "MUL":
        product_of(graph, op)
    else:
        sum_of(graph, op)


def _check_choice(graph: Graph, op: Op) -> None:
    """MAXIMUM and MINIMUM compare codes: all three must mean the same."""
    _check_shapes(graph, op)
    target = graph.output_of(op)
    for i in (0, 1):
        side = graph.need(op, i)
        same = side.scale == target.scale and side.zero_point == target.zero_point
        require(same, f"input {i} and output differ in scale or zero point")


def _side(graph: Graph, op: Op, values: Values, place: int) -> NDArray[np.int64]:
    """Return an input's codes less its zero point, axes added in front up to the output's."""
    tensor = graph.need(op, place)
    stored = tensor.data
    x = values[tensor.index] if stored is None else stored[None]
    lead = len(graph.output_of(op).shape) - len(tensor.shape)
    raw = x.reshape(len(x), *[1] * lead, *tensor.shape).astype(np.int64)
    return raw - tensor.zero_point


def _clamped(graph: Graph, op: Op, codes: NDArray[np.int64]) -> NDArray[np.int8]:
    low, high = limits(graph, op)
    clamped: NDArray[np.int8] = np.clip(codes, low, high).astype(np.int8)
    return clamped


def _sum(graph: Graph, op: Op, values: Values) -> NDArray[np.int8]:
    layer = sum_of(graph, op)
    first, second = (
        requantize(_side(graph, op, values, i) << HEADROOM, *pair)
        for i, pair in enumerate((layer.first, layer.second))
    )
    total = requantize(first + layer.sign * second, *layer.output)
    return _clamped(graph, op, total + graph.output_of(op).zero_point)


def _product(graph: Graph, op: Op, values: Values) -> NDArray[np.int8]:
    product = _side(graph, op, values, 0) * _side(graph, op, values, 1)
    codes = requantize(product, *product_of(graph, op)) + graph.output_of(op).zero_point
    return _clamped(graph, op, codes)


def _choice(graph: Graph, op: Op, values: Values) -> NDArray[np.int8]:
    sides = (_side(graph, op, values, i) for i in (0, 1))
    chosen = (np.maximum if op.name == "MAXIMUM" else np.minimum)(*sides)
    return (chosen + graph.output_of(op).zero_point).astype(np.int8)


OPERATORS = (
    Operator("ADD", _check_arithmetic, _sum),
    Operator("SUB", _check_arithmetic, _sum),
    Operator("MUL", _check_arithmetic, _product),
    Operator("MAXIMUM", _check_choice, _choice),
    Operator("MINIMUM", _check_choice, _choice),
)
