"""An input that may be an activation or a constant."""

from __future__ import annotations

from pipeline.emit_c.layer import Context
from pipeline.emit_c.text import array, shape_text
from pipeline.ir import Op


def operand(context: Context, op: Op, place: int) -> tuple[str, str, int]:
    """Return (definition, address, bytes of constants) of an input."""
    tensor = context.graph.need(op, place)
    if tensor.data is None:
        return "", context.at(tensor), 0
    name = context.symbol(op, f"input_{place}")
    # Bytes, whatever they mean: joins move them.
    content = tensor.data.reshape(-1).view("int8")
    comment = f"constant input {shape_text(tensor.shape)}"
    return array("int8_t", name, content, comment), name, tensor.size
