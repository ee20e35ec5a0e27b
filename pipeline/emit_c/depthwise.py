"""DEPTHWISE_CONV_2D in C."""

from __future__ import annotations

import numpy as np

from pipeline.emit_c.layer import Context, Emitter, LayerCode, channels, numbers, range_row, struct
from pipeline.emit_c.matrix import CHANNEL_BYTES
from pipeline.emit_c.overlap import Leads, by_position
from pipeline.emit_c.text import array, shape_text
from pipeline.ir import Graph, Op
from pipeline.ops.base import biases
from pipeline.ops.depthwise import channel_multipliers, depthwise_windows
from pipeline.ops.matrix import BIAS
from pipeline.quant import activation_range


def _constants(context: Context, op: Op) -> tuple[str, int]:
    """Return weights and channels, and their bytes."""
    graph = context.graph
    weights = graph.need(op, 1).data
    assert weights is not None
    out = weights.shape[3]
    sums = weights.astype(np.int64).sum(axis=(0, 1, 2))
    folded = biases(graph, op, BIAS, out) - graph.need(op, 0).zero_point * sums
    comment = f"weights {shape_text(weights.shape)}: 1, height, width, output channel"
    return (
        array("int8_t", context.symbol(op, "weights"), weights, comment)
        + channels(context.symbol(op, "channels"), folded, *channel_multipliers(graph, op)),
        weights.size + CHANNEL_BYTES * out,
    )


def _depthwise(context: Context, op: Op) -> LayerCode:
    graph, symbol, o = context.graph, context.symbol(op), op.options
    source, target = graph.need(op, 0), graph.output_of(op)
    rows, columns = depthwise_windows(graph, op)
    low_high = activation_range(o.activation, target.scale, target.zero_point)
    shifts = channel_multipliers(graph, op)[1]
    layer = struct(
        "nn_depthwise_conv_2d",
        symbol,
        [
            (numbers(*source.shape), "input: batch, height, width, channels"),
            (numbers(rows.out, columns.out), "output: height, width"),
            (numbers(target.shape[3] // source.shape[3]), "kernels per input channel"),
            (
                numbers(
                    rows.kernel, columns.kernel, o.stride_h, o.stride_w, o.dilation_h, o.dilation_w
                ),
                "kernel, stride, dilation: height, width",
            ),
            (numbers(rows.pad, columns.pad), "padding above, to the left"),
            (numbers(source.zero_point), "input: zero point"),
            range_row(target.zero_point, *low_high, np.asarray(shifts)),
        ],
    )
    constants, size = _constants(context, op)
    call = (
        f"nn_depthwise_conv_2d(&{symbol}, {context.source(op)}, {symbol}_weights,\n"
        f"                         {symbol}_channels, {context.target(op)});"
    )
    return LayerCode(constants + layer, call, size)


def leads(graph: Graph, op: Op) -> Leads:
    """Return the lead of the input: channel after channel of one position, then the next."""
    return by_position(graph, op, depthwise_windows(graph, op), together=1)


EMITTERS = {"DEPTHWISE_CONV_2D": Emitter("nn_depthwise_conv_2d.h", _depthwise, leads=leads)}
