"""Which kernel computes a layer: the plain one, or a twin that is faster and equal bit for bit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from pipeline.emit_c import packed_depthwise, packed_lstm, packed_matrix
from pipeline.emit_c.layer import Emitter
from pipeline.ir import Graph, Op

#: Operator → a function that returns the twin's emitter, or says why it cannot compute the layer.
TWINS: Final[dict[str, Callable[[Graph, Op], Emitter | str]]] = {
    **packed_matrix.TWINS,
    **packed_depthwise.TWINS,
    **packed_lstm.TWINS,
}


@dataclass(frozen=True)
class Choice:
    """A layer's emitter. why: for the comment above the layer, "" where there is but one kernel."""

    op: Op
    emitter: Emitter
    why: str


def choose(graph: Graph, op: Op, plain: Emitter) -> Choice:
    """Return the kernel of a layer whose plain emitter is given."""
    twin = TWINS[op.name](graph, op) if op.name in TWINS else None
    if twin is None:
        return Choice(op, plain, "")
    if isinstance(twin, str):
        return Choice(op, plain, f"plain: {twin}")
    return Choice(op, twin, twin.note)
