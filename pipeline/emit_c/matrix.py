"""CONV_2D and FULLY_CONNECTED in C."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from pipeline.emit_c.layer import Context, Emitter, LayerCode, channels, numbers, range_row, struct
from pipeline.emit_c.overlap import Leads, by_position
from pipeline.emit_c.text import array, shape_text
from pipeline.ir import Graph, Op
from pipeline.ops.base import biases
from pipeline.ops.matrix import BIAS, conv_windows, row_multipliers
from pipeline.quant import activation_range

CHANNEL_BYTES = 12


def folded_bias(graph: Graph, op: Op) -> NDArray[np.int64]:
    """Return the bias per row less what the input's zero point adds to a sum over all weights."""
    weights = graph.need(op, 1).data
    assert weights is not None
    row_sums = weights.reshape(len(weights), -1).astype(np.int64).sum(axis=1)
    folded: NDArray[np.int64] = (
        biases(graph, op, BIAS, len(weights)) - graph.need(op, 0).zero_point * row_sums
    )
    return folded


def _constants(context: Context, op: Op, axes: str) -> tuple[str, int]:
    """Return the weights and channels of a layer, and their bytes."""
    graph = context.graph
    tensor = graph.need(op, 1)
    assert tensor.data is not None
    weights = tensor.data
    comment = f"weights {shape_text(weights.shape)}: {axes}"
    return (
        array("int8_t", context.symbol(op, "weights"), weights, comment)
        + channels(
            context.symbol(op, "channels"), folded_bias(graph, op), *row_multipliers(graph, op)
        ),
        weights.size + CHANNEL_BYTES * len(weights),
    )


def _range(graph: Graph, op: Op) -> tuple[str, str]:
    target = graph.output_of(op)
    low, high = activation_range(op.options.activation, target.scale, target.zero_point)
    return range_row(target.zero_point, low, high, row_multipliers(graph, op)[1])


def _conv(context: Context, op: Op) -> LayerCode:
    graph, symbol = context.graph, context.symbol(op)
    source, o = graph.need(op, 0), op.options
    rows, columns = conv_windows(graph, op)
    _, out_h, out_w, out_c = graph.output_of(op).shape
    layer = struct(
        "nn_conv_2d",
        symbol,
        [
            (numbers(*source.shape), "input: batch, height, width, channels"),
            (numbers(out_h, out_w, out_c), "output: height, width, channels"),
            (
                numbers(
                    rows.kernel, columns.kernel, o.stride_h, o.stride_w, o.dilation_h, o.dilation_w
                ),
                "kernel, stride, dilation: height, width",
            ),
            (numbers(rows.pad, columns.pad), "padding above, to the left"),
            (numbers(source.zero_point), "input: zero point"),
            _range(graph, op),
        ],
    )
    constants, size = _constants(context, op, "output channel, height, width, input channel")
    call = (
        f"nn_conv_2d(&{symbol}, {context.source(op)}, {symbol}_weights, {symbol}_channels,\n"
        f"               {context.scratch(op)}, {context.target(op)});"
    )
    return LayerCode(constants + layer, call, size)


def _patch_bytes(graph: Graph, op: Op) -> int:
    return math.prod(graph.need(op, 1).shape[1:])


def _leads(graph: Graph, op: Op) -> Leads:
    return by_position(graph, op, conv_windows(graph, op), together=1)


def _fully_connected(context: Context, op: Op) -> LayerCode:
    graph, symbol = context.graph, context.symbol(op)
    rows, depth = graph.need(op, 1).shape
    layer = struct(
        "nn_fully_connected",
        symbol,
        [
            (numbers(graph.output_of(op).elements // rows, depth, rows), "batch, depth, rows"),
            _range(graph, op),
        ],
    )
    constants, size = _constants(context, op, "row, depth")
    call = (
        f"nn_fully_connected(&{symbol}, {context.source(op)}, {symbol}_weights,\n"
        f"                       {symbol}_channels, {context.target(op)});"
    )
    return LayerCode(constants + layer, call, size)


EMITTERS = {
    "CONV_2D": Emitter("nn_conv_2d.h", _conv, _patch_bytes, leads=_leads),
    "FULLY_CONNECTED": Emitter("nn_fully_connected.h", _fully_connected),
}
