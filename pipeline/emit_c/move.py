"""Views, joins and PAD in C: only bytes move."""

from __future__ import annotations

import numpy as np

from pipeline.emit_c.layer import Context, Emitter, LayerCode, numbers, struct
from pipeline.emit_c.layout import MOVE_AXES, Strides, merged
from pipeline.emit_c.operand import operand
from pipeline.emit_c.shape import nothing
from pipeline.ir import Op
from pipeline.ops import OPERATORS
from pipeline.ops.join import filler, margins, pieces
from pipeline.ops.view import VIEWS, places


def _move(name: str, shape: tuple[int, ...], steps: Strides) -> str:
    extents, (joined,) = merged(shape, steps, loops=MOVE_AXES)
    rows = [
        (f"{{{numbers(*extents)}}}", "axes"),
        (f"{{{numbers(*joined)}}}", "bytes from one place to the next"),
    ]
    return struct("nn_move", name, rows)


def _view(context: Context, op: Op) -> LayerCode:
    graph, symbol = context.graph, context.symbol(op)
    if OPERATORS[op.name].alias(graph, op) is not None:
        return nothing(context, op)
    chosen, item = places(graph, op), np.dtype(graph.output_of(op).dtype).itemsize
    steps = tuple(step * item for step in chosen.steps)
    first = chosen.first * item
    shape, steps = ((*chosen.shape, item), (*steps, 1)) if item > 1 else (chosen.shape, steps)
    source = context.at(graph.source_of(op))
    call = f"nn_gather(&{symbol}, {source} + {first}, {context.target(op)});"
    return LayerCode(_move(symbol, shape, steps), call, 0)


def _join(context: Context, op: Op) -> LayerCode:
    rows, sizes = pieces(context.graph, op)
    definitions, calls, constant_bytes, before = "", [], 0, 0
    for place, size in enumerate(sizes):
        definition, address, stored = operand(context, op, place)
        target = f"{context.target(op)} + {before}"
        calls.append(f"nn_place({rows}, {size}, {sum(sizes)}, {address}, {target});")
        definitions, before = definitions + definition, before + size
        constant_bytes += stored
    return LayerCode(definitions, "\n    ".join(calls), constant_bytes)


def _pad(context: Context, op: Op) -> LayerCode:
    graph, symbol = context.graph, context.symbol(op)
    source, target = graph.need(op, 0), graph.output_of(op)
    steps = np.empty(target.shape, np.int8).strides
    before = (pair[0] for pair in margins(graph, op))
    first = sum(int(s) * b for s, b in zip(steps, before, strict=True))
    calls = (
        f"memset({context.target(op)}, {filler(graph, op)}, {target.size});\n"
        f"    nn_scatter(&{symbol}, {context.source(op)}, {context.target(op)} + {first});"
    )
    return LayerCode(_move(symbol, source.shape, tuple(map(int, steps))), calls, 0)


EMITTERS = {
    **{name: Emitter("nn_move.h", _view) for name in VIEWS},
    **{name: Emitter("nn_move.h", _join) for name in ("CONCATENATION", "PACK")},
    **{name: Emitter("nn_move.h", _pad) for name in ("PAD", "PADV2")},
}
