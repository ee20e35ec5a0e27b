"""Bytes of flash that a choice of kernels takes: constants, and about as much code as GCC makes.

Code is estimated: the emitter has no compiler. The table is what `python -m benchmarks.code_size`
prints, of GCC 12.2 with the firmware's flags, rounded: functions that all layers on a kernel share,
and what is compiled into each layer. Of plain kernels, whose loops are unrolled for each shape,
that is the most that was seen, of others the mean: a plain kernel is taken where it surely is
smaller.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pipeline.emit_c.layer import Context, Emitter
from pipeline.ir import Graph, Op
from pipeline.ops import OPERATORS
from pipeline.place import Moment
from pipeline.plan import Plan


@dataclass(frozen=True)
class Code:
    """Bytes of code: once for all layers on a kernel, and in each layer."""

    once: int
    each: int


#: Kernels of operators that have several; those of others are the same in every choice.
CODE: Final = {
    "nn_conv_2d.h": Code(0, 1060),
    "nn_conv_2d_packed.h": Code(1100, 240),
    "nn_conv_2d_sparse.h": Code(1030, 110),
    "nn_conv_2d_pairs.h": Code(1750, 70),
    "nn_depthwise_conv_2d.h": Code(0, 320),
    "nn_depthwise_conv_2d_packed.h": Code(300, 230),
    "nn_fully_connected.h": Code(0, 780),
    "nn_fully_connected_packed.h": Code(450, 110),
    "nn_fully_connected_sparse.h": Code(0, 270),
    "nn_fully_connected_pairs.h": Code(0, 380),
    "nn_lstm.h": Code(0, 4070),
    "nn_lstm_packed.h": Code(380, 3410),
    "nn_pool.h": Code(0, 260),
    "nn_pool_packed.h": Code(0, 240),
    "nn_add.h": Code(0, 190),
    "nn_add_line.h": Code(0, 90),
    "nn_mean.h": Code(0, 110),
    "nn_mean_packed.h": Code(0, 180),
}


class Flash:
    """Bytes of flash of one model's layers; what a kernel takes of a layer is looked at once."""

    def __init__(self, graph: Graph) -> None:
        nowhere = Plan(defaultdict(int), defaultdict(int), 0, {}, Moment(0, (), 0))
        self._context = Context(graph, "m", nowhere)
        self._constants: dict[tuple[int, Emitter], int] = {}

    def of_layer(self, op: Op, emitter: Emitter) -> int:
        """Return the bytes of a layer that is alone on its kernel."""
        code = CODE.get(emitter.header or "", Code(0, 0))
        return code.once + code.each + self._constants_of(op, emitter)

    def of_model(self, layers: Sequence[tuple[Op, Emitter]]) -> int:
        """Return the bytes of all layers, less the code that every choice has."""
        headers = {emitter.header or "" for _, emitter in layers}
        shared = sum(CODE.get(header, Code(0, 0)).once for header in headers)
        each = sum(CODE.get(e.header or "", Code(0, 0)).each for _, e in layers)
        return shared + each + sum(self._constants_of(op, emitter) for op, emitter in layers)

    def _constants_of(self, op: Op, emitter: Emitter) -> int:
        if OPERATORS[op.name].alias(self._context.graph, op) is not None:
            return 0
        key = (op.index, emitter)
        if key not in self._constants:
            self._constants[key] = emitter.code(self._context, op).constant_bytes
        return self._constants[key]
