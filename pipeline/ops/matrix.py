"""CONV_2D and FULLY_CONNECTED: rows of int8 weights times int8 inputs, one multiplier per row."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from pipeline.ir import Graph, Op
from pipeline.ops.base import (
    Operator,
    Values,
    Window,
    biases,
    check_io,
    check_options,
    check_weights,
    check_windows,
    multipliers,
    patches,
    require,
    row_dot,
    window,
)
from pipeline.options import Activation, Conv2DOptions, FullyConnectedOptions
from pipeline.quant import activation_range, requantize

BIAS = 2
ACTIVATIONS = (Activation.NONE, Activation.RELU, Activation.RELU6, Activation.RELU_N1_TO_1)


def check_fused(activation: int) -> None:
    """Require a fused activation that only limits the range."""
    require(activation in ACTIVATIONS, f"has the fused activation {activation}")


def conv_windows(graph: Graph, op: Op) -> tuple[Window, Window]:
    """Return CONV_2D's windows along height and width."""
    _, height, width, _ = graph.need(op, 0).shape
    _, kernel_h, kernel_w, _ = graph.need(op, 1).shape
    o = op.options
    return (
        window(height, kernel_h, o.stride_h, o.dilation_h, o.padding),
        window(width, kernel_w, o.stride_w, o.dilation_w, o.padding),
    )


def row_multipliers(graph: Graph, op: Op) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return (multiplier, shift) per row: input scale · weight scale / output scale, in float64.

    Sources of TFLM up to 2026-08 multiply the first two in float32 where there is one weight
    scale; the tflite-micro wheel does not, and it is the definition.
    """
    source, target = float(graph.need(op, 0).scale), float(graph.output_of(op).scale)
    weights = graph.need(op, 1)
    assert weights.quantization is not None
    scales = np.broadcast_to(weights.quantization.scale, weights.shape[0])
    return multipliers(source * scales.astype(np.float64) / target)


def _check_conv(graph: Graph, op: Op) -> None:
    check_io(graph, op, range(2, 4))
    check_options(op, Conv2DOptions)
    check_fused(op.options.activation)
    weights = check_weights(graph, op, 4, BIAS)
    source, target = graph.need(op, 0).shape, graph.output_of(op).shape
    require(len(source) == 4, f"input has {len(source)} axes, must be 4")
    require(weights.shape[3] == source[3], "is a grouped convolution")
    rows, columns = conv_windows(graph, op)
    check_windows(rows, columns, source[3], source[0])
    expected = (source[0], rows.out, columns.out, weights.shape[0])
    require(target == expected, f"output is {list(target)}, must be {list(expected)}")
    row_multipliers(graph, op)


def _check_fully_connected(graph: Graph, op: Op) -> None:
    check_io(graph, op, range(2, 4))
    check_options(op, FullyConnectedOptions)
    check_fused(op.options.activation)
    require(op.options.weights_format == 0, "has shuffled weights")
    weights = check_weights(graph, op, 2, BIAS)
    source, target = graph.need(op, 0), graph.output_of(op)
    require(source.elements % weights.shape[1] == 0, "input does not go with the weights")
    expected = source.elements // weights.shape[1] * weights.shape[0]
    good = target.elements == expected and target.shape[-1:] == weights.shape[:1]
    require(good, f"output is {list(target.shape)}, which does not go with the weights")
    _check_bias_scale(graph, op)
    row_multipliers(graph, op)


def _check_bias_scale(graph: Graph, op: Op) -> None:
    """Require what TFLM does of a FULLY_CONNECTED with one weight scale.

    The bias is added to sums of products: its scale must be theirs, to 2 % of the output's.
    """
    bias, weights = graph.input_of(op, BIAS), graph.need(op, 1).quantization
    assert weights is not None
    if bias is None or len(weights.scale) > 1:
        return
    product = float(graph.need(op, 0).scale) * float(weights.scale[0])
    scale = float(bias.scale) if bias.quantization is not None else 0.0
    off = abs(product - scale) / float(graph.output_of(op).scale)
    require(off <= 0.02, "bias scale is not input scale times weight scale")


def _finish(graph: Graph, op: Op, sums: NDArray[np.int64]) -> NDArray[np.int8]:
    """Return sums […, rows] with bias, requantized and clamped to the fused activation."""
    multiplier, shift = row_multipliers(graph, op)
    target = graph.output_of(op)
    low, high = activation_range(op.options.activation, target.scale, target.zero_point)
    total = sums + biases(graph, op, BIAS, sums.shape[-1])
    codes = requantize(total, multiplier, shift) + target.zero_point
    return np.clip(codes, low, high).astype(np.int8).reshape(-1, *target.shape)


def _conv(graph: Graph, op: Op, values: Values) -> NDArray[np.int8]:
    source, weights = graph.need(op, 0), graph.need(op, 1)
    assert weights.data is not None
    x = values[source.index].astype(np.int64) - source.zero_point
    under = patches(x, *conv_windows(graph, op), 0)
    depth = math.prod(weights.shape[1:])
    sums = row_dot(under.reshape(*under.shape[:4], depth), weights.data.reshape(-1, depth))
    return _finish(graph, op, sums)


def _fully_connected(graph: Graph, op: Op, values: Values) -> NDArray[np.int8]:
    source, weights = graph.need(op, 0), graph.need(op, 1).data
    assert weights is not None
    x = values[source.index]
    x = x.reshape(len(x), -1, weights.shape[1]).astype(np.int64) - source.zero_point
    return _finish(graph, op, row_dot(x, weights))


def _conv_macs(graph: Graph, op: Op) -> int:
    return graph.output_of(op).elements * math.prod(graph.need(op, 1).shape[1:])


def _fully_connected_macs(graph: Graph, op: Op) -> int:
    return graph.output_of(op).elements * graph.need(op, 1).shape[1]


OPERATORS = (
    Operator("CONV_2D", _check_conv, _conv, _conv_macs),
    Operator("FULLY_CONNECTED", _check_fully_connected, _fully_connected, _fully_connected_macs),
)
