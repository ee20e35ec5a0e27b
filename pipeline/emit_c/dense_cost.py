"""What kernels that compute with all weights cost: the rivals of those for pruned layers.

Of each kernel, because the packed ones cannot take every layer: instructions as fitted to counts of
some hundred layers on an emulated core (GCC 12.2 -O2), bytes of weights exact. The compiler leaves
zeros out of a plain layer of a few dozen weights, which it unrolls as a whole: that is not
foreseen, and such layers cost next to nothing either way.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

from pipeline.emit_c.layer import Emitter
from pipeline.emit_c.packed_matrix import conv_shape, scales_of
from pipeline.emit_c.sparse import Cost
from pipeline.ir import Graph, Op
from pipeline.ops.matrix import conv_windows

#: Instructions of a packed CONV_2D for the codes of four rows at two positions, and what is around.
CONV_CODES: Final = {"NN_FINISH_FLOOR": 77, "NN_FINISH_FULL": 85, "NN_FINISH_CLAMP": 152}


def _packed_conv(graph: Graph, op: Op) -> Cost:
    """Per block of 4 rows × 2 positions: 12 a pair of inputs, and the codes.

    Widening takes 3.6 a pair and 44 a kernel row, 51 where it may be outside.
    """
    shape, rows = conv_shape(graph, op), graph.output_of(op).shape[3]
    positions = shape.batch * shape.rows.out * shape.columns.out
    blocks = -(-positions // 2) * (rows // 4)
    patch = 3.6 * shape.pairs + shape.rows.kernel * (51 if shape.overhangs else 44)
    codes = CONV_CODES[scales_of(graph, op).finish]
    instructions = blocks * (12 * shape.pairs + codes) + positions * patch
    return Cost(round(instructions), 4 * shape.pairs * rows // 2)


def _rows(rows: int, depth: int, code: int) -> float:
    """Return what nn_rows takes: four rows at once share the inputs."""
    return depth * (2.5 * (rows - rows % 4) + 3.7 * (rows % 4)) + code * rows


def _plain_conv(graph: Graph, op: Op) -> Cost:
    """Gathering a patch that is not one piece of memory takes 6 a tap."""
    rows, height, width, depth = graph.need(op, 1).shape
    windows = conv_windows(graph, op)
    positions = graph.output_of(op).elements // rows
    in_place = height == 1 and (width == 1 or windows[1].dilation == 1)
    gather = 0 if in_place else 6 * height * width
    instructions = positions * (_rows(rows, height * width * depth, 25) + gather)
    return Cost(round(instructions), math.prod(graph.need(op, 1).shape))


def _packed_fully_connected(graph: Graph, op: Op) -> Cost:
    """Blocks of eight rows take 32.4 a four of inputs and 147 besides, those of two 14 and 60."""
    rows, depth = graph.need(op, 1).shape
    batch, fours = graph.output_of(op).elements // rows, -(-depth // 4)
    eights, twos = rows // 8, (rows % 8 + 1) // 2
    codes = 8 * rows if scales_of(graph, op).finish == "NN_FINISH_CLAMP" else 0
    instructions = eights * (32.4 * fours + 147) + twos * (14 * fours + 60) + codes
    return Cost(round(batch * instructions), 4 * fours * (rows + rows % 2))


def _plain_fully_connected(graph: Graph, op: Op) -> Cost:
    rows, depth = graph.need(op, 1).shape
    batch = graph.output_of(op).elements // rows
    return Cost(round(batch * _rows(rows, depth, 29)), rows * depth)


#: A kernel's header → its cost on a layer.
COSTS: Final[dict[str, Callable[[Graph, Op], Cost]]] = {
    "nn_conv_2d_packed.h": _packed_conv,
    "nn_conv_2d.h": _plain_conv,
    "nn_fully_connected_packed.h": _packed_fully_connected,
    "nn_fully_connected.h": _plain_fully_connected,
}


def dense_cost(graph: Graph, op: Op, emitter: Emitter) -> Cost:
    """Return what a kernel that computes with all weights of a layer costs."""
    assert emitter.header is not None
    return COSTS[emitter.header](graph, op)
