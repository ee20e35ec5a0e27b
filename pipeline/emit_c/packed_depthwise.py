"""DEPTHWISE_CONV_2D in C, four channels at a time."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.emit_c.depthwise import leads
from pipeline.emit_c.layer import Context, Emitter, LayerCode, numbers, struct
from pipeline.emit_c.packed_matrix import ROW_BYTES, finish_rows, scale_array
from pipeline.emit_c.packing import LOW_LIMIT, Scales, largest_sums, leaves_input, shifts_fit
from pipeline.emit_c.text import array, shape_text, word_array
from pipeline.ir import Graph, Op
from pipeline.ops.base import biases
from pipeline.ops.depthwise import channel_multipliers, depthwise_windows
from pipeline.ops.matrix import BIAS
from pipeline.quant import activation_range

#: NN_DEPTHWISE_MAX_TAPS.
MAX_TAPS: Final = 32

NOTE: Final = "four channels at a time"


def _weights(graph: Graph, op: Op) -> NDArray[np.int64]:
    """Return [channels, taps]."""
    weights = graph.need(op, 1).data
    assert weights is not None
    return weights.reshape(-1, weights.shape[3]).T.astype(np.int64)


def _scales(graph: Graph, op: Op) -> Scales:
    target, weights = graph.output_of(op), _weights(graph, op)
    bias = biases(graph, op, BIAS, len(weights))
    folded = bias - graph.need(op, 0).zero_point * weights.sum(axis=1)
    low, high = activation_range(op.options.activation, target.scale, target.zero_point)
    multiplier, shift = channel_multipliers(graph, op)
    return Scales(folded, multiplier, shift, target.zero_point, low, high).settled(weights)


def _words(weights: NDArray[np.int64]) -> NDArray[np.uint32]:
    """Return weights [channels, taps] as the kernel reads them.

    By fours of channels and taps: channels 0 and 2, then 1 and 3.
    """
    lanes = (weights & 0xFFFF).reshape(-1, 2, 2, weights.shape[1])
    words = lanes[:, 0] | lanes[:, 1] << 16
    return words.transpose(0, 2, 1).reshape(-1).astype(np.uint32)


def _depthwise(context: Context, op: Op) -> LayerCode:
    graph, symbol, o = context.graph, context.symbol(op), op.options
    source, target = graph.need(op, 0), graph.output_of(op)
    rows, columns = depthwise_windows(graph, op)
    scales, words = _scales(graph, op), _words(2 * _weights(graph, op))
    layer = struct(
        "nn_depthwise_conv_2d_packed",
        symbol,
        [
            (numbers(*source.shape), "input: batch, height, width, channels"),
            (numbers(*target.shape[1:3]), "output: height, width"),
            (
                numbers(
                    rows.kernel, columns.kernel, o.stride_h, o.stride_w, o.dilation_h, o.dilation_w
                ),
                "kernel, stride, dilation: height, width",
            ),
            (numbers(rows.pad, columns.pad), "padding above, to the left"),
            (numbers(source.zero_point), "input: zero point"),
            (numbers(int(leaves_input(rows, columns))), "whether taps leave the input"),
            *finish_rows(scales),
        ],
    )
    shape = shape_text(graph.need(op, 1).shape)
    comment = f"weights {shape}: 1, height, width, channel; doubled, by fours of channels"
    constants = (
        word_array(f"{symbol}_weights", words, comment)
        + array("int32_t", f"{symbol}_start", 2 * scales.bias, "what doubled sums start from")
        + scale_array(f"{symbol}_scale", scales)
    )
    outside = context.scratch(op) if op.index in context.plan.scratch else "NULL"
    call = (
        f"nn_depthwise_conv_2d_packed(&{symbol}, {context.source(op)}, {symbol}_weights,\n"
        f"                                {symbol}_start, {symbol}_scale, {outside}, "
        f"{context.target(op)});"
    )
    return LayerCode(constants + layer, call, 4 * len(words) + ROW_BYTES * len(scales.bias))


def _outside_bytes(graph: Graph, op: Op) -> int:
    overhangs = leaves_input(*depthwise_windows(graph, op))
    return graph.need(op, 0).shape[3] if overhangs else 0


def _twin(graph: Graph, op: Op) -> Emitter | str:
    weights, scales = _weights(graph, op), _scales(graph, op)
    channels = graph.need(op, 0).shape[3]
    if len(weights) != channels:
        return "several kernels per channel"
    if channels % 4:
        return "channels are no multiple of 4"
    if weights.shape[1] > MAX_TAPS:
        return f"more than {MAX_TAPS} taps"
    if not shifts_fit(scales.shift):
        return "a multiplier of 1/2 or more, or none"
    if int(largest_sums(weights, scales.bias).max()) > LOW_LIMIT:
        return "sums too large to double"
    return Emitter("nn_depthwise_conv_2d_packed.h", _depthwise, _outside_bytes, NOTE, leads)


TWINS = {"DEPTHWISE_CONV_2D": _twin}
