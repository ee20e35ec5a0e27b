"""CONV_2D and FULLY_CONNECTED of layers pruned in pairs in C: two weights share an index."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pipeline.emit_c.layer import Context, Emitter, LayerCode, numbers, struct
from pipeline.emit_c.overlap import consumed
from pipeline.emit_c.packed_matrix import (
    ROW_BYTES,
    ConvShape,
    conv_shape,
    finish_rows,
    scale_array,
    scales_of,
)
from pipeline.emit_c.packing import LOW_LIMIT, largest_sums, shifts_fit
from pipeline.emit_c.sparse import MAX_TAPS, Cost, first_and_rounds
from pipeline.emit_c.text import array, shape_text
from pipeline.ir import Graph, Op

#: Largest gap that one pair bridges.
MAX_GAP: Final = 255
#: Output positions of one block of a convolution.
POSITIONS: Final = 8
#: Most inputs of a FULLY_CONNECTED: a pair's place is a byte.
MAX_DEPTH: Final = 2 * (MAX_GAP + 1)
#: Instructions of a row's codes, at eight positions of a CONV_2D and of a FULLY_CONNECTED.
CONV_CODES: Final = {"NN_FINISH_FLOOR": 85, "NN_FINISH_FULL": 88, "NN_FINISH_CLAMP": 136}
CODES: Final = {"NN_FINISH_FLOOR": 20, "NN_FINISH_FULL": 26, "NN_FINISH_CLAMP": 33}


@dataclass(frozen=True, eq=False)
class Pairs:
    """The streams of all rows: [n, 3] of gap and two weights, and how many pairs each row has."""

    stream: NDArray[np.int64]
    counts: list[int]

    @property
    def bytes(self) -> int:
        """Return the bytes of the streams and of the counts."""
        return self.stream.size + 2 * len(self.counts)


def _pairs_of(weights: NDArray[Any], places: NDArray[Any], *, gaps: bool) -> Pairs:
    """Return the pairs of weights [rows, pairs, 2]; places: where each pair of inputs lies.

    gaps: a place is stated as its distance from the one before, the first one's from 0.
    """
    order = np.argsort(places)
    streams: list[tuple[int, int, int]] = []
    counts = []
    for row in weights[:, order]:
        before, at = len(streams), 0
        for index in np.flatnonzero(row.any(axis=1)):
            place = int(places[order][index])
            gap = place - at if gaps else place
            while gap > MAX_GAP and gaps:
                streams.append((MAX_GAP, 0, 0))
                gap -= MAX_GAP
            streams.append((gap, int(row[index, 0]), int(row[index, 1])))
            at = place
        counts.append(len(streams) - before)
    return Pairs(np.array(streams, np.int64).reshape(-1, 3), counts)


def _conv_pairs(graph: Graph, op: Op) -> Pairs:
    """Pairs over lines [channels / 2, columns]: inputs (kx, 2c), (kx, 2c + 1): c · columns + kx."""
    weights, shape = graph.need(op, 1).data, conv_shape(graph, op)
    assert weights is not None
    across, pair = np.divmod(np.arange(shape.segment // 2), shape.depth // 2)
    places = pair * shape.columns.size + across
    return _pairs_of(weights.reshape(len(weights), -1, 2), places, gaps=True)


def _fully_connected_pairs(graph: Graph, op: Op) -> Pairs:
    weights = graph.need(op, 1).data
    assert weights is not None
    places = np.arange(weights.shape[1] // 2)
    return _pairs_of(weights.reshape(len(weights), -1, 2), places, gaps=False)


def _constants(context: Context, op: Op, pairs: Pairs, doubled: int) -> tuple[str, int]:
    scales, symbol = scales_of(context.graph, op), context.symbol
    shape = shape_text(context.graph.need(op, 1).shape)
    comment = f"nonzero pairs of {shape}: place (of CONV_2D: gap), two weights (nn_pairs.h)"
    stream = (pairs.stream + 128) % 256 - 128
    return (
        array("int8_t", symbol(op, "weights"), stream if stream.size else np.zeros(1), comment)
        + array("uint8_t", symbol(op, "counts"), np.array(first_and_rounds(pairs.counts)),
                "per row: pairs beyond rounds, rounds")
        + array("int32_t", symbol(op, "start"), doubled * scales.bias, "what sums start from")
        + scale_array(symbol(op, "scale"), scales),
        pairs.bytes + ROW_BYTES * len(scales.bias),
    )  # fmt: skip


def _conv(context: Context, op: Op) -> LayerCode:
    graph, symbol, shape = context.graph, context.symbol(op), conv_shape(context.graph, op)
    sizes = (shape.columns.size, shape.depth, shape.columns.out, graph.output_of(op).shape[3])
    layer = struct(
        "nn_conv_2d_pairs",
        symbol,
        [
            (numbers(*sizes), "input: columns, channels; output: positions, rows"),
            *finish_rows(scales_of(graph, op)),
        ],
    )
    constants, size = _constants(context, op, _conv_pairs(graph, op), 2)
    lines = context.at_word(context.plan.scratch[op.index], "u32")
    call = (
        f"nn_conv_2d_pairs(&{symbol}, {context.source(op)}, {symbol}_weights, {symbol}_counts,\n"
        f"                     {symbol}_start, {symbol}_scale, {lines}, {context.target(op)});"
    )
    return LayerCode(constants + layer, call, size)


def _lines_bytes(graph: Graph, op: Op) -> int:
    shape = conv_shape(graph, op)
    return 2 * shape.columns.size * shape.depth + 4 * POSITIONS


def _fully_connected(context: Context, op: Op) -> LayerCode:
    graph, symbol = context.graph, context.symbol(op)
    rows, depth = graph.need(op, 1).shape
    layer = struct(
        "nn_fully_connected_pairs",
        symbol,
        [
            (numbers(graph.output_of(op).elements // rows, depth, rows), "batch, depth, rows"),
            *finish_rows(scales_of(graph, op)),
        ],
    )
    constants, size = _constants(context, op, _fully_connected_pairs(graph, op), 1)
    call = (
        f"nn_fully_connected_pairs(&{symbol}, {context.source(op)}, {symbol}_weights,\n"
        f"                             {symbol}_counts, {symbol}_start, {symbol}_scale, "
        f"{context.target(op)});"
    )
    return LayerCode(constants + layer, call, size)


def _is_line(shape: ConvShape) -> bool:
    """Whether neighbouring outputs read neighbouring inputs, all of them there."""
    columns, rows = shape.columns, shape.rows
    alone = (rows.size, rows.kernel, shape.batch) == (1, 1, 1)
    return alone and columns.stride == 1 and columns.dilation == 1 and not shape.overhangs


def _limits(graph: Graph, op: Op, pairs: Pairs) -> str | None:
    """Return why the kernels cannot compute a layer that has a cost, None where they can."""
    scales, weights = scales_of(graph, op), graph.need(op, 1).data
    assert weights is not None
    if not shifts_fit(scales.shift):
        return "a multiplier of 1/2 or more, or none"
    rows = weights.reshape(len(weights), -1).astype(np.int64)
    if int(largest_sums(rows, scales.bias).max()) > LOW_LIMIT:
        return "sums too large to double"
    return "too many pairs in a row" if max(pairs.counts) > MAX_TAPS else None


def _conv_variants(graph: Graph, op: Op) -> list[tuple[Emitter, Cost]] | str:
    """Return the emitter of a CONV_2D and its cost, or why it cannot be computed.

    Per row × 8 positions: 16 a pair of weights, 11 where four are left, and the codes; writing the
    input anew takes 4.6 a byte. As in dense_cost.py.
    """
    shape = conv_shape(graph, op)
    if not _is_line(shape) or shape.depth % 2:
        return "not an even number of channels along one line of inputs without padding"
    rows, pairs = graph.output_of(op).shape[3], _conv_pairs(graph, op)
    blocks, left = divmod(shape.columns.out, POSITIONS)
    few = 0 < left <= POSITIONS // 2
    codes = CONV_CODES[scales_of(graph, op).finish] * rows
    instructions = (blocks + (left > 0) - few) * (16 * sum(pairs.counts) + codes)
    instructions += few * (11 * sum(pairs.counts) + codes * 3 // 4)
    instructions += round(4.6 * graph.need(op, 0).elements)
    emitter = Emitter("nn_conv_2d_pairs.h", _conv, _lines_bytes, leads=consumed)
    return _limits(graph, op, pairs) or [(emitter, Cost(instructions, pairs.bytes))]


def _fully_connected_variants(graph: Graph, op: Op) -> list[tuple[Emitter, Cost]] | str:
    """Return the emitter of a FULLY_CONNECTED and its cost: 8 a pair, and the codes of each row."""
    rows, depth = graph.need(op, 1).shape
    if depth % 2 or depth > MAX_DEPTH:
        return f"an odd number of inputs, or more than {MAX_DEPTH}"
    pairs = _fully_connected_pairs(graph, op)
    batch = graph.output_of(op).elements // rows
    codes = CODES[scales_of(graph, op).finish] * rows
    cost = Cost(batch * (8 * sum(pairs.counts) + codes), pairs.bytes)
    emitter = Emitter("nn_fully_connected_pairs.h", _fully_connected)
    return _limits(graph, op, pairs) or [(emitter, cost)]


#: Operator → its kernels in pairs and their costs, or why there are none.
VARIANTS: Final = {
    "CONV_2D": _conv_variants,
    "FULLY_CONNECTED": _fully_connected_variants,
}
