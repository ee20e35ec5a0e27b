"""ARG_MAX in C."""

from __future__ import annotations

import numpy as np

from pipeline.emit_c.layer import Context, Emitter, LayerCode, numbers, struct
from pipeline.ir import Op
from pipeline.ops.arg_max import sizes


def _arg_max(context: Context, op: Op) -> LayerCode:
    graph, symbol = context.graph, context.symbol(op)
    width = np.dtype(graph.output_of(op).dtype).itemsize
    layer = struct(
        "nn_arg_max",
        symbol,
        [
            (numbers(*sizes(graph, op)), "outer, count, inner"),
            (numbers(width), "bytes of a place"),
        ],
    )
    call = f"nn_arg_max(&{symbol}, {context.source(op)}, {context.target(op)});"
    return LayerCode(layer, call, 0)


EMITTERS = {"ARG_MAX": Emitter("nn_arg_max.h", _arg_max)}
