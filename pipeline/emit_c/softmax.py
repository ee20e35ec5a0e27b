"""SOFTMAX in C."""

from __future__ import annotations

from pipeline.emit_c.layer import Context, Emitter, LayerCode, numbers, struct
from pipeline.emit_c.overlap import element_by_element
from pipeline.ir import Op
from pipeline.ops.softmax import scaling_of


def _softmax(context: Context, op: Op) -> LayerCode:
    symbol, source = context.symbol(op), context.graph.need(op, 0)
    classes = source.shape[-1]
    multiplier, shift, smallest = scaling_of(context.graph, op)
    layer = struct(
        "nn_softmax",
        symbol,
        [
            (numbers(source.elements // classes, classes), "rows, classes"),
            (numbers(multiplier, shift), "differences to Q5.26: multiplier, left shift"),
            (numbers(smallest), "smallest difference that counts"),
        ],
    )
    call = f"nn_softmax(&{symbol}, {context.source(op)}, {context.target(op)});"
    return LayerCode(layer, call, 0)


EMITTERS = {"SOFTMAX": Emitter("nn_softmax.h", _softmax, leads=element_by_element)}
