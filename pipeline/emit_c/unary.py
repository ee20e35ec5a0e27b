"""Functions of one code in C: a table of 256 codes, whatever the function."""

from __future__ import annotations

from pipeline.emit_c.layer import Context, Emitter, LayerCode
from pipeline.emit_c.overlap import element_by_element
from pipeline.emit_c.text import array
from pipeline.ir import Op
from pipeline.ops.unary import CODES, FUNCTIONS, table_of

TABLE_BYTES = 256


def look_up(context: Context, op: Op) -> LayerCode:
    """Return a layer that looks every code up."""
    graph, name = context.graph, context.symbol(op, "table")
    source, target = graph.need(op, 0), graph.output_of(op)
    low, high = CODES[source.dtype]
    table = array(
        "int8_t", name, table_of(graph, op).view("int8"), f"output for the codes {low} to {high}"
    )
    call = (
        f"nn_lookup({name}, {low}, {context.source(op)}, {target.elements}, {context.target(op)});"
    )
    return LayerCode(table, call, TABLE_BYTES)


EMITTERS = {
    name: Emitter("nn_lookup.h", look_up, leads=element_by_element)
    for name in FUNCTIONS
    if name != "QUANTIZE"
}
