"""MAX_POOL_2D and AVERAGE_POOL_2D in C."""

from __future__ import annotations

from functools import partial
from typing import Final

from pipeline.emit_c.layer import Context, Emitter, LayerCode, numbers, struct
from pipeline.emit_c.overlap import Leads, by_position
from pipeline.emit_c.packing import leaves_input
from pipeline.ir import Graph, Op
from pipeline.ops.pool import pool_windows
from pipeline.quant import activation_range

#: Codes whose sum int16 holds.
MAX_SUMMED: Final = 256

#: For the comment above a layer.
BY_FOUR: Final = "four channels at a time"

KERNELS = {"MAX_POOL_2D": "nn_max_pool_2d", "AVERAGE_POOL_2D": "nn_average_pool_2d"}


def _pool(suffix: str, context: Context, op: Op) -> LayerCode:
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
            (numbers(int(leaves_input(rows, columns))), "whether windows leave the input"),
            (
                numbers(*activation_range(o.activation, target.scale, target.zero_point)),
                "lowest and highest code",
            ),
        ],
    )
    call = f"{KERNELS[op.name]}{suffix}(&{symbol}, {context.source(op)}, {context.target(op)});"
    return LayerCode(layer, call, 0)


def _leads(graph: Graph, op: Op) -> Leads:
    return by_position(graph, op, pool_windows(graph, op), together=1)


def _twin(graph: Graph, op: Op) -> Emitter | str:
    rows, columns = pool_windows(graph, op)
    if graph.need(op, 0).shape[3] % 4:
        return "channels are no multiple of 4"
    if op.name == "AVERAGE_POOL_2D" and rows.kernel * columns.kernel > MAX_SUMMED:
        return f"windows of more than {MAX_SUMMED} places"
    return Emitter("nn_pool_packed.h", partial(_pool, "_packed"), note=BY_FOUR, leads=_leads)


EMITTERS = {name: Emitter("nn_pool.h", partial(_pool, ""), leads=_leads) for name in KERNELS}
TWINS = dict.fromkeys(KERNELS, _twin)
