"""DEPTHWISE_CONV_2D: every input channel has kernels of its own, `multiplier` of them.

Weights [1, height, width, channels · multiplier]; output channel c · multiplier + m comes from
input channel c. One weight scale per output channel (axis 3) or one for all.

Refused although the meaning is clear, because TFLM, which defines what is right, cannot run it: a
bias that is left off by −1 and not by being the last (its kernel reads it all the same, and
crashes), and a multiplier of 0 in the options (LiteRT takes it from the shapes; TFLM's kernel takes
it at its word and writes no output).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.ir import ABSENT, Graph, Op
from pipeline.ops.base import (
    Operator,
    Values,
    Window,
    biases,
    check_accumulator,
    check_io,
    check_options,
    constant,
    multipliers,
    require,
    window,
)
from pipeline.ops.matrix import BIAS, check_fused
from pipeline.options import DepthwiseConv2DOptions
from pipeline.quant import activation_range, requantize

CHANNEL_AXIS = 3


def depthwise_windows(graph: Graph, op: Op) -> tuple[Window, Window]:
    """Return the windows along height and width."""
    _, height, width, _ = graph.need(op, 0).shape
    _, kernel_h, kernel_w, _ = graph.need(op, 1).shape
    o = op.options
    return (
        window(height, kernel_h, o.stride_h, o.dilation_h, o.padding),
        window(width, kernel_w, o.stride_w, o.dilation_w, o.padding),
    )


def channel_multipliers(graph: Graph, op: Op) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return (multiplier, shift) per output channel, products in float64 as CONV_2D's."""
    source, target = float(graph.need(op, 0).scale), float(graph.output_of(op).scale)
    weights = graph.need(op, 1)
    assert weights.quantization is not None
    scales = np.broadcast_to(weights.quantization.scale, weights.shape[CHANNEL_AXIS])
    return multipliers(source * scales.astype(np.float64) / target)


def _weights(graph: Graph, op: Op) -> NDArray[np.int8]:
    weights = constant(graph, op, 1, "weights", "int8")
    good = weights.ndim == 4 and weights.shape[0] == 1 and weights.size > 0
    require(good, f"weights are {list(weights.shape)}")
    quantization = graph.need(op, 1).quantization
    require(quantization is not None, "weights have no scale or no zero point")
    assert quantization is not None
    require(not quantization.zero_point.any(), "weights have a zero point")
    one_per_channel = len(quantization.scale) == 1 or quantization.axis == CHANNEL_AXIS
    require(one_per_channel, f"weights have scales along axis {quantization.axis}, must be 3")
    return weights


def _check(graph: Graph, op: Op) -> None:
    check_io(graph, op, range(2, 4))
    check_options(op, DepthwiseConv2DOptions)
    check_fused(op.options.activation)
    weights = _weights(graph, op)
    source, target = graph.need(op, 0).shape, graph.output_of(op).shape
    require(len(source) == 4, f"input has {len(source)} axes, must be 4")
    out = weights.shape[CHANNEL_AXIS]
    require(out % source[3] == 0, f"{source[3]} channels do not go with {out} kernels")
    told, times = op.options.multiplier, out // source[3]
    require(told == times, f"depth multiplier is {told}, must be {times}")
    require(
        op.inputs[BIAS:] != (ABSENT,), "leaves its bias off by -1; it must have two inputs then"
    )
    if graph.input_of(op, BIAS) is not None:
        shape = constant(graph, op, BIAS, "bias", "int32").shape
        require(shape == (out,), f"bias has the shape {list(shape)}")
    by_channel = weights.reshape(-1, out).T
    check_accumulator(by_channel, biases(graph, op, BIAS, out), graph.need(op, 0).zero_point)
    rows, columns = depthwise_windows(graph, op)
    expected = (source[0], rows.out, columns.out, out)
    require(target == expected, f"output is {list(target)}, must be {list(expected)}")
    channel_multipliers(graph, op)


def _taps(x: NDArray[np.int64], axis: int, places: NDArray[np.intp]) -> NDArray[np.int64]:
    """Return x at `places` of an axis, 0 where they are outside."""
    size = x.shape[axis]
    taken = np.take(x, np.clip(places, 0, size - 1), axis)
    inside = ((places >= 0) & (places < size)).astype(np.int64)
    masked: NDArray[np.int64] = taken * inside.reshape(
        [-1 if i == axis else 1 for i in range(x.ndim)]
    )
    return masked


def _depthwise(graph: Graph, op: Op, values: Values) -> NDArray[np.int8]:
    source, target = graph.need(op, 0), graph.output_of(op)
    weights = graph.need(op, 1).data
    assert weights is not None
    x = values[source.index].astype(np.int64) - source.zero_point
    kernel = weights[0].astype(np.int64).reshape(*weights.shape[1:3], source.shape[3], -1)
    down, across = (w.places() for w in depthwise_windows(graph, op))
    total = np.zeros((len(x), *target.shape[:3], *kernel.shape[2:]), np.int64)
    for ky in range(kernel.shape[0]):
        rows = _taps(x, 2, down[:, ky])
        for kx in range(kernel.shape[1]):
            total += _taps(rows, 3, across[:, kx])[..., None] * kernel[ky, kx]
    sums = total.reshape(len(x), *target.shape) + biases(graph, op, BIAS, target.shape[3])
    codes = requantize(sums, *channel_multipliers(graph, op)) + target.zero_point
    low, high = activation_range(op.options.activation, target.scale, target.zero_point)
    clamped: NDArray[np.int8] = np.clip(codes, low, high).astype(np.int8)
    return clamped


def _macs(graph: Graph, op: Op) -> int:
    _, kernel_h, kernel_w, _ = graph.need(op, 1).shape
    return graph.output_of(op).elements * kernel_h * kernel_w


OPERATORS = (Operator("DEPTHWISE_CONV_2D", _check, _depthwise, _macs),)
