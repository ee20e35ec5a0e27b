"""MAX_POOL_2D in C."""

from __future__ import annotations

from pipeline.emit_c.layer import Context, Emitter, LayerCode, numbers, struct
from pipeline.ir import Op
from pipeline.ops.pool import pool_windows
from pipeline.quant import activation_range


def _max_pool(context: Context, op: Op) -> LayerCode:
    graph, symbol, o = context.graph, context.symbol(op), op.options
    target = graph.output_of(op)
    rows, columns = pool_windows(graph, op)
    layer = struct(
        "nn_pool",
        symbol,
        [
            (numbers(*graph.need(op, 0).shape), "input: batch, height, width, channels"),
            (numbers(*target.shape[1:3]), "output: height, width"),
            (
                numbers(o.filter_h, o.filter_w, o.stride_h, o.stride_w),
                "filter, stride: height, width",
            ),
            (numbers(rows.pad, columns.pad), "padding above, to the left"),
            (
                numbers(*activation_range(o.activation, target.scale, target.zero_point)),
                "lowest and highest code",
            ),
        ],
    )
    call = f"nn_max_pool_2d(&{symbol}, {context.source(op)}, {context.target(op)});"
    return LayerCode(layer, call, 0)


EMITTERS = {"MAX_POOL_2D": Emitter("nn_pool.h", _max_pool)}
