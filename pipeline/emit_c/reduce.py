"""MEAN and REDUCE_MAX in C."""

from __future__ import annotations

from pipeline.emit_c.layer import Context, Emitter, LayerCode, numbers, range_row, struct
from pipeline.ir import Op
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
