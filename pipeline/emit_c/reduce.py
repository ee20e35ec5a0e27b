"""MEAN and REDUCE_MAX in C."""

from __future__ import annotations

import numpy as np

from pipeline.emit_c.layer import Context, Emitter, LayerCode, numbers, range_row, struct
from pipeline.emit_c.packed_matrix import finish_rows, scale_rows
from pipeline.emit_c.packing import Scales, shifts_fit
from pipeline.emit_c.pool import BY_FOUR, MAX_SUMMED
from pipeline.ir import Graph, Op
from pipeline.ops.reduce import mean_of, sizes_of

SIZES = "outer, count, middle, count, inner: the counts are reduced"


def _mean(context: Context, op: Op) -> LayerCode:
    symbol, mean = context.symbol(op), mean_of(context.graph, op)
    target = context.graph.output_of(op)
    layer = struct(
        "nn_mean",
        symbol,
        [
            (numbers(*mean.sizes), SIZES),
            (
                f"{{{numbers(mean.bias, mean.multiplier, mean.shift)}}}",
                "-count * zero point, multiplier, shift",
            ),
            range_row(target.zero_point, -128, 127, [mean.shift]),
        ],
    )
    call = f"nn_mean(&{symbol}, {context.source(op)}, {context.target(op)});"
    return LayerCode(layer, call, 0)


def _packed_sizes(graph: Graph, op: Op) -> tuple[int, ...]:
    """Return the sizes with as many inner elements as lie side by side."""
    outer, count_1, middle, count_2, inner = mean_of(graph, op).sizes
    if count_2 == 1:
        return outer, count_1, 1, 1, middle * inner
    return outer, count_1, middle, count_2, inner


def _scales(graph: Graph, op: Op) -> Scales:
    """Return what becomes of the sums: one row."""
    mean = mean_of(graph, op)
    bias, multiplier, shift = (
        np.array([v], np.int64) for v in (mean.bias, mean.multiplier, mean.shift)
    )
    return Scales(bias, multiplier, shift, graph.output_of(op).zero_point, -128, 127)


def _mean_packed(context: Context, op: Op) -> LayerCode:
    symbol, scales = context.symbol(op), _scales(context.graph, op)
    layer = struct(
        "nn_mean_packed",
        symbol,
        [
            (numbers(*_packed_sizes(context.graph, op)), SIZES),
            (numbers(2 * int(scales.bias[0])), "what doubled sums start from"),
            (scale_rows(scales)[0], "multiplier, shift to the right, half a code and zero point"),
            *finish_rows(scales),
        ],
    )
    call = f"nn_mean_packed(&{symbol}, {context.source(op)}, {context.target(op)});"
    return LayerCode(layer, call, 0)


def _mean_twin(graph: Graph, op: Op) -> Emitter | str:
    sizes = _packed_sizes(graph, op)
    if sizes[4] % 4:
        return "inner elements are no multiple of 4"
    if sizes[1] * sizes[3] > MAX_SUMMED:
        return f"means of more than {MAX_SUMMED} elements"
    if not shifts_fit(_scales(graph, op).shift):
        return "a multiplier of 1/2 or more, or none"
    return Emitter("nn_mean_packed.h", _mean_packed, note=BY_FOUR)


def _max(context: Context, op: Op) -> LayerCode:
    symbol = context.symbol(op)
    sizes = numbers(*sizes_of(context.graph, op))
    layer = struct("nn_reduce_max", symbol, [(sizes, SIZES)])
    call = f"nn_reduce_max(&{symbol}, {context.source(op)}, {context.target(op)});"
    return LayerCode(layer, call, 0)


EMITTERS = {
    "MEAN": Emitter("nn_mean.h", _mean),
    "REDUCE_MAX": Emitter("nn_reduce_max.h", _max),
}
TWINS = {"MEAN": _mean_twin}
