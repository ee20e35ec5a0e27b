"""CONV_2D and FULLY_CONNECTED of pruned layers in C: nonzero weights only.

Whether that pays is counted, layer by layer, from what the inner loops execute (see `dense_cost`).
"""

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
from pipeline.emit_c.text import array, shape_text
from pipeline.ir import Graph, Op

#: Largest gap that one tap bridges.
MAX_GAP: Final = 255
#: Most twos of taps in a row: their count is a byte.
MAX_TWOS: Final = 255
#: Output positions of one block of a convolution.
POSITIONS: Final = 8


@dataclass(frozen=True, eq=False)
class Taps:
    """The streams of all rows: [n, 2] of gap and weight, and how many twos each row has."""

    stream: NDArray[np.int64]
    twos: list[int]

    @property
    def bytes(self) -> int:
        """Return the bytes of the streams and of the counts."""
        return self.stream.size + len(self.twos)


def taps_of(weights: NDArray[Any], places: NDArray[Any]) -> Taps:
    """Return the taps of weights [rows, inputs]; places: where each input lies, from the first."""
    order = np.argsort(places)
    streams, twos = [], []
    for row in weights[:, order]:
        stream = _row_taps(places[order], row)
        streams += stream
        twos.append(len(stream) // 2)
    return Taps(np.array(streams, np.int64).reshape(-1, 2), twos)


def _row_taps(places: NDArray[Any], row: NDArray[Any]) -> list[tuple[int, int]]:
    taps, at = [], 0
    for place in np.flatnonzero(row):
        gap = int(places[place]) - at
        taps += [(MAX_GAP, 0)] * (gap // MAX_GAP) if gap > MAX_GAP else []
        taps.append((gap % MAX_GAP if gap > MAX_GAP else gap, int(row[place])))
        at += gap
    return taps + [(0, 0)] * (len(taps) % 2)


def _conv_taps(graph: Graph, op: Op) -> Taps:
    """Taps over lines [channels, columns]: input (kx, c) lies at c · columns + kx."""
    weights, shape = graph.need(op, 1).data, conv_shape(graph, op)
    assert weights is not None
    across, channel = np.divmod(np.arange(shape.segment), shape.depth)
    return taps_of(weights.reshape(len(weights), -1), channel * shape.columns.size + across)


def _fully_connected_taps(graph: Graph, op: Op) -> Taps:
    """Taps whose first byte is the input's place itself."""
    weights = graph.need(op, 1).data
    assert weights is not None
    streams, twos = [], []
    for row in weights:
        stream = [(int(place), int(row[place])) for place in np.flatnonzero(row)]
        stream += [(0, 0)] * (len(stream) % 2)
        streams += stream
        twos.append(len(stream) // 2)
    return Taps(np.array(streams, np.int64).reshape(-1, 2), twos)


def _constants(context: Context, op: Op, taps: Taps, doubled: int) -> tuple[str, int]:
    scales = scales_of(context.graph, op)
    shape = shape_text(context.graph.need(op, 1).shape)
    comment = f"nonzero weights of {shape}: place (of CONV_2D: gap), weight (nn_sparse.h)"
    stream = (taps.stream + 128) % 256 - 128
    symbol = context.symbol
    return (
        array("int8_t", symbol(op, "weights"), stream if stream.size else np.zeros(1), comment)
        + array("uint8_t", symbol(op, "twos"), np.array(taps.twos), "taps of each row, in twos")
        + array("int32_t", symbol(op, "start"), doubled * scales.bias, "what sums start from")
        + scale_array(symbol(op, "scale"), scales),
        taps.bytes + ROW_BYTES * len(scales.bias),
    )


def _conv(context: Context, op: Op) -> LayerCode:
    graph, symbol, shape = context.graph, context.symbol(op), conv_shape(context.graph, op)
    sizes = (shape.columns.size, shape.depth, shape.columns.out, graph.output_of(op).shape[3])
    layer = struct(
        "nn_conv_2d_sparse",
        symbol,
        [
            (numbers(*sizes), "input: columns, channels; output: positions, rows"),
            *finish_rows(scales_of(graph, op)),
        ],
    )
    constants, size = _constants(context, op, _conv_taps(graph, op), 2)
    lines = context.at_int16(context.plan.scratch[op.index])
    call = (
        f"nn_conv_2d_sparse(&{symbol}, {context.source(op)}, {symbol}_weights, {symbol}_twos,\n"
        f"                      {symbol}_start, {symbol}_scale, {lines}, {context.target(op)});"
    )
    return LayerCode(constants + layer, call, size)


def _lines_bytes(graph: Graph, op: Op) -> int:
    shape = conv_shape(graph, op)
    return 2 * (shape.columns.size * shape.depth + POSITIONS)


def _fully_connected(context: Context, op: Op) -> LayerCode:
    graph, symbol = context.graph, context.symbol(op)
    rows, depth = graph.need(op, 1).shape
    layer = struct(
        "nn_fully_connected_sparse",
        symbol,
        [
            (numbers(graph.output_of(op).elements // rows, depth, rows), "batch, depth, rows"),
            *finish_rows(scales_of(graph, op)),
        ],
    )
    constants, size = _constants(context, op, _fully_connected_taps(graph, op), 1)
    call = (
        f"nn_fully_connected_sparse(&{symbol}, {context.source(op)}, {symbol}_weights,\n"
        f"                              {symbol}_twos, {symbol}_start, {symbol}_scale, "
        f"{context.target(op)});"
    )
    return LayerCode(constants + layer, call, size)


@dataclass(frozen=True)
class Cost:
    """Estimated instructions of one inference, and bytes of weights in flash."""

    instructions: int
    flash: int


def conv_costs(graph: Graph, op: Op) -> tuple[Cost, Cost]:
    """Return (dense, sparse) costs of a CONV_2D.

    Dense, per block of 4 rows × 2 positions: 12 a pair of inputs and 110 besides; widening takes 2
    an input and position. Sparse, per row × 8 positions: 34 a two of taps and 110 besides; writing
    the input anew takes 3 a byte.
    """
    shape, rows, taps = conv_shape(graph, op), graph.output_of(op).shape[3], _conv_taps(graph, op)
    positions = shape.batch * shape.rows.out * shape.columns.out
    blocks = -(-positions // 2) * (rows // 4)
    dense = blocks * (12 * shape.pairs + 110) + 2 * positions * 2 * shape.pairs
    per_block = 34 * sum(taps.twos) + 110 * rows
    sparse = positions * per_block // POSITIONS + 3 * graph.need(op, 0).elements
    return Cost(dense, 4 * shape.pairs * rows // 2), Cost(sparse, taps.bytes)


def fully_connected_costs(graph: Graph, op: Op) -> tuple[Cost, Cost]:
    """Return (dense, sparse) costs of a FULLY_CONNECTED.

    Dense: 4.1 a four of inputs and row, 18 a row besides. Sparse: 10 a two of taps, 21 a row.
    """
    rows, depth = graph.need(op, 1).shape
    batch, taps = graph.output_of(op).elements // rows, _fully_connected_taps(graph, op)
    fours = -(-depth // 4)
    dense = batch * rows * (41 * fours // 10 + 18)
    sparse = batch * (10 * sum(taps.twos) + 21 * rows)
    return Cost(dense, 4 * fours * (rows + rows % 2)), Cost(sparse, taps.bytes)


def is_line(shape: ConvShape) -> bool:
    """Whether neighbouring outputs read neighbouring inputs, all of them there."""
    columns, rows = shape.columns, shape.rows
    alone = (rows.size, rows.kernel, shape.batch) == (1, 1, 1)
    return alone and columns.stride == 1 and columns.dilation == 1 and not shape.overhangs


def conv_emitter(graph: Graph, op: Op) -> Emitter | str:
    """Return the sparse emitter of a CONV_2D, or why it cannot compute the layer."""
    if not is_line(conv_shape(graph, op)):
        return "not along one line of inputs without padding"
    most = max(_conv_taps(graph, op).twos)
    return limits(graph, op, most, MAX_TWOS) or Emitter(
        "nn_conv_2d_sparse.h", _conv, _lines_bytes, leads=consumed
    )


def fully_connected_emitter(graph: Graph, op: Op) -> Emitter | str:
    """Return the sparse emitter of a FULLY_CONNECTED, or why it cannot compute the layer."""
    if graph.need(op, 1).shape[1] > MAX_GAP + 1:
        return f"more than {MAX_GAP + 1} inputs"
    most = max(_fully_connected_taps(graph, op).twos)
    return limits(graph, op, most, MAX_TWOS) or Emitter(
        "nn_fully_connected_sparse.h", _fully_connected
    )


def limits(graph: Graph, op: Op, most: int, allowed: int) -> str | None:
    """Return why no kernel for pruned layers can be used; most: taps in a row, `allowed` ones."""
    scales, weights = scales_of(graph, op), graph.need(op, 1).data
    assert weights is not None
    if not shifts_fit(scales.shift):
        return "a multiplier of 1/2 or more, or none"
    rows = weights.reshape(len(weights), -1).astype(np.int64)
    if int(largest_sums(rows, scales.bias).max()) > LOW_LIMIT:
        return "sums too large to double"
    return "too many taps in a row" if most > allowed else None


#: Operator → its sparse emitter and its costs.
SPARSE: Final = {
    "CONV_2D": (conv_emitter, conv_costs),
    "FULLY_CONNECTED": (fully_connected_emitter, fully_connected_costs),
}
