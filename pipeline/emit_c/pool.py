"""MAX_POOL_2D and AVERAGE_POOL_2D in C."""

from __future__ import annotations

from pipeline.emit_c.layer import Context, Emitter, LayerCode, numbers, struct
from pipeline.emit_c.overlap import Leads, by_position
from pipeline.ir import Graph, Op
from pipeline.ops.pool import pool_windows
from pipeline.quant import activation_range

KERNELS = {"MAX_POOL_2D": "nn_max_pool_2d", "AVERAGE_POOL_2D": "nn_average_pool_2d"}


def _pool(context: Context, op: Op) -> LayerCode:
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
    call = f"{KERNELS[op.name]}(&{symbol}, {context.source(op)}, {context.target(op)});"
    return LayerCode(layer, call, 0)


def _leads(graph: Graph, op: Op) -> Leads:
    return by_position(graph, op, pool_windows(graph, op), together=1)


EMITTERS = {name: Emitter("nn_pool.h", _pool, leads=_leads) for name in KERNELS}
