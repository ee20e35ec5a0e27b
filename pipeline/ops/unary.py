"""Functions of one code: RELU, RELU6, LEAKY_RELU, HARD_SWISH, LOGISTIC, TANH, and QUANTIZE from
one 8-bit scale to another.

Each is defined on codes; since there are 256 of them, what a device runs is a table (`table_of`)
of what the definition gives. Fixed-point formats: Qa.b has a integer and b fraction bits.

Scales are divided in float64: TFLM's sources of 2026-08 divide some in float32, the tflite-micro
wheel does not, and it is the definition (tests/engine/test_unary.py looks for the difference).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.ir import Graph, Op
from pipeline.ops.base import (
    Operator,
    Values,
    check_activation,
    check_options,
    require,
)
from pipeline.options import Activation, LeakyReluOptions
from pipeline.quant import (
    I64,
    INT32_MAX,
    activation_range,
    divide_by_pot,
    exp_on_negative,
    one_minus_over_one_plus,
    one_over_one_plus,
    quantize_multiplier,
    requantize,
)

#: Largest real multiplier of a code: 256 · 2^22 stays below 2^30, so that nothing wraps.
MAX_GAIN: Final = 2.0**22
#: Integer bits of LOGISTIC's and TANH's input, Q4.27.
INPUT_BITS: Final = 4

CODES: Final = {"int8": (-128, 127), "uint8": (0, 255)}


def _gain(real: float) -> tuple[int, int]:
    require(0 <= real <= MAX_GAIN, "scales are absurdly far apart")
    return quantize_multiplier(real)


def _rescaled(x: I64, real: float) -> I64:
    """Return codes (zero point taken out) on another scale."""
    return requantize(x, *_gain(real))


def _relu(graph: Graph, op: Op, x: I64) -> I64:
    source, target = graph.need(op, 0), graph.output_of(op)
    codes = _rescaled(x, float(source.scale) / float(target.scale)) + target.zero_point
    low, high = activation_range(Activation.RELU, target.scale, target.zero_point)
    return np.clip(codes, low, high)


def _relu6(graph: Graph, op: Op, x: I64) -> I64:
    """TFLM clamps codes and leaves the scale as it is; `_check` requires that it is the same."""
    target = graph.output_of(op)
    low, high = activation_range(Activation.RELU6, target.scale, target.zero_point)
    return np.clip(x + target.zero_point, low, high)


def _leaky_relu(graph: Graph, op: Op, x: I64) -> I64:
    source, target = graph.need(op, 0), graph.output_of(op)
    alpha = np.float32(op.options.alpha)
    require(0 <= float(alpha) < math.inf, "alpha is not a number from 0 up")
    scale = float(target.scale)
    below = _rescaled(x, float(source.scale) * float(alpha) / scale)
    above = _rescaled(x, float(source.scale) / scale)
    return np.where(x >= 0, above, below) + target.zero_point


def _quantize(graph: Graph, op: Op, x: I64) -> I64:
    source, target = graph.need(op, 0), graph.output_of(op)
    return _rescaled(x, float(source.scale) / float(target.scale)) + target.zero_point


def _to_q4(scale: np.float32, x: I64) -> tuple[I64, NDArray[np.bool_]]:
    """Return (x in Q4.27, where it is inside ±16); outside, the result is a rail anyway."""
    multiplier, shift = quantize_multiplier(float(scale) * 2.0 ** (31 - INPUT_BITS))
    require(shift >= -8, "input scale is absurdly small")
    radius = math.floor((2**INPUT_BITS - 1) * 2.0 ** (31 - INPUT_BITS - shift))
    inside = np.abs(x) < radius
    return requantize(np.where(inside, x, 0), multiplier, shift), inside


def _logistic(graph: Graph, op: Op, x: I64) -> I64:
    scaled, inside = _to_q4(graph.need(op, 0).scale, x)
    positive = one_over_one_plus(exp_on_negative(-np.abs(scaled), INPUT_BITS))
    result = np.where(scaled > 0, positive, INT32_MAX - positive)
    result = np.where(scaled == 0, 1 << 30, result)
    codes = np.minimum(divide_by_pot(result, 31 - 8) - 128, 127)
    return np.where(inside, codes, np.where(x > 0, 127, -128))


def _tanh(graph: Graph, op: Op, x: I64) -> I64:
    scaled, inside = _to_q4(graph.need(op, 0).scale, x)
    # tanh(a) = (1 − e^−2a) / (1 + e^−2a); 2a in Q5.26 is the same bits as a in Q4.27.
    size = one_minus_over_one_plus(exp_on_negative(-np.abs(scaled)))
    codes = np.minimum(divide_by_pot(np.sign(scaled) * size, 31 - 7), 127)
    return np.where(inside, codes, np.where(x > 0, 127, -128))


def _hard_swish(graph: Graph, op: Op, x: I64) -> I64:
    """x · relu6(x + 3) / 6 with 16-bit products, as TFLM has it."""
    source, target = graph.need(op, 0), graph.output_of(op)
    fine = float(source.scale) / 128
    out, out_shift = quantize_multiplier(fine / float(target.scale))
    gate, gate_shift = quantize_multiplier(fine / (3 / 32768))
    require(-15 <= out_shift <= 0, "scales are absurdly far apart")
    require(-15 <= gate_shift <= 30, "input scale is absurd")
    fine_x = x << 7
    above = _high_mul_16(fine_x, _upper_half(out))
    share = fine_x if gate_shift <= 0 else _saturated_16(fine_x << (gate_shift - 1))
    share = _high_mul_16(share, _upper_half(gate))
    share = _saturated_16(share << 1) if gate_shift > 0 else divide_by_pot(share, -gate_shift)
    product = ((share + 2**15) >> 1) * above
    halved = np.sign(product) * (np.abs(product) >> 15)  # towards zero
    total = divide_by_pot(halved, -out_shift) + target.zero_point
    return (total + 2**15) % 2**16 - 2**15  # an int16 in TFLM


def _upper_half(multiplier: int) -> int:
    return min((multiplier + 2**15) >> 16, 2**15 - 1)


def _saturated_16(x: I64) -> I64:
    return np.clip(x, -(2**15), 2**15 - 1)


def _high_mul_16(a: I64, b: int) -> I64:
    """Return a · b / 2^15, halves up."""
    return (a * b + 2**14) >> 15


Function = Callable[[Graph, Op, I64], I64]

FUNCTIONS: Final[dict[str, Function]] = {
    "RELU": _relu,
    "RELU6": _relu6,
    "LEAKY_RELU": _leaky_relu,
    "HARD_SWISH": _hard_swish,
    "LOGISTIC": _logistic,
    "TANH": _tanh,
    "QUANTIZE": _quantize,
}


def table_of(graph: Graph, op: Op) -> NDArray[np.int8]:
    """Return the output code for every input code, the lowest first; dtypes as the tensors'."""
    source, target = graph.need(op, 0), graph.output_of(op)
    low, high = CODES[source.dtype]
    codes = FUNCTIONS[op.name](graph, op, np.arange(low, high + 1) - source.zero_point)
    limited: NDArray[np.int8] = np.clip(codes, *CODES[target.dtype]).astype(target.dtype)
    return limited


def _check(graph: Graph, op: Op) -> None:
    require(len(op.inputs) == 1 and len(op.outputs) == 1, "must have one input and one output")
    source, target = graph.input_of(op, 0), graph.output_of(op)
    require(source is not None, "has no input")
    assert source is not None
    check_activation(source, "input")
    check_activation(target, "output")
    require(source.shape == target.shape, "shapes differ")
    if op.name == "LEAKY_RELU":
        check_options(op, LeakyReluOptions)
    if op.name == "RELU6":
        same = source.scale == target.scale and source.zero_point == target.zero_point
        require(same, "input and output scales differ")
    if op.name == "LOGISTIC":
        require(target.zero_point == -128, "output's zero point must be -128")
    table_of(graph, op)


def look_up(graph: Graph, op: Op, values: Values) -> NDArray[np.int8]:
    """Return the function of every code, by its table."""
    low, _ = CODES[graph.need(op, 0).dtype]
    return table_of(graph, op)[values[op.inputs[0]].astype(np.int64) - low]


OPERATORS = tuple(
    Operator(name, _check, look_up)
    for name in FUNCTIONS
    if name != "QUANTIZE"  # see convert.py
)
