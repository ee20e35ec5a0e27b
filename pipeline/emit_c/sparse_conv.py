"""CONV_2D of pruned layers in C: nonzero weights only (firmware/lib/nn/nn_conv_2d_sparse.h)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.emit_c.layer import Context, Emitter, LayerCode, numbers, struct
from pipeline.emit_c.overlap import Leads
from pipeline.emit_c.packed_matrix import ConvShape, conv_shape, finish_rows, scales_of
from pipeline.emit_c.packing import Scales, largest_sums, shifts_fit
from pipeline.emit_c.sparse import Cost, Taps, stream_array, taps_by_gaps
from pipeline.emit_c.text import array, shape_text
from pipeline.ir import Graph, Op
from pipeline.place import ANYWHERE

#: Words that the kernel computes together, each of two positions.
TOGETHER: Final = 4
#: Largest sum that leaves the neighbour in its word alone (nn_sparse.h).
LANE_LIMIT: Final = 2**20 - 1
#: Instructions of a row's codes at eight positions, and what is around its taps.
CODES: Final = {"NN_FINISH_FLOOR": 84, "NN_FINISH_FULL": 92, "NN_FINISH_CLAMP": 158}
#: Bytes of a `struct nn_sparse_row` less the two that count taps.
ROW_BYTES: Final = 14


@dataclass(frozen=True)
class Block:
    """Neighbouring positions that are computed from one set of lines."""

    shape: ConvShape
    positions: int

    @property
    def pairs(self) -> int:
        """Return the words at one tap."""
        return max(TOGETHER, -(-self.positions // 2))

    @property
    def phases(self) -> int:
        """Return how many lines a kernel row has per channel: a stride leaves columns out."""
        columns = self.shape.columns
        return int((np.arange(columns.kernel) * columns.dilation % columns.stride).max()) + 1

    @property
    def words(self) -> int:
        """Return the words of a line."""
        columns = self.shape.columns
        return self.pairs + (columns.kernel - 1) * columns.dilation // columns.stride

    @property
    def lines(self) -> int:
        """Return how many lines there are."""
        return self.shape.depth * self.shape.rows.kernel * self.phases

    @property
    def starts(self) -> NDArray[np.int64]:
        """Return the first position of each block of a row; the last one may overlap."""
        out = self.shape.columns.out
        return np.minimum(np.arange(0, out, self.positions), out - self.positions)

    @property
    def where(self) -> tuple[int, int, int]:
        """Return how many lines of one image are inside the input, partly so, in no row of it."""
        rows, columns = self.shape.rows, self.shape.columns
        taps = np.arange(rows.out)[:, None] * rows.stride + np.arange(rows.kernel) * rows.dilation
        there = (taps >= rows.pad) & (taps < rows.size + rows.pad)
        past = (self.words - 1 + self.positions - self.pairs) * columns.stride
        first = self.starts[:, None] * columns.stride - columns.pad + np.arange(self.phases)
        whole = (first >= 0) & (first + past < columns.size)
        each = self.shape.depth * int(there.sum())
        inside, some = each * int(whole.sum()), each * whole.size
        return inside, some - inside, self.shape.depth * whole.size * there.size - some

    def places(self) -> NDArray[np.int64]:
        """Return [kernel height, kernel width, channels]: the word of each input, flattened."""
        rows, columns = self.shape.rows, self.shape.columns
        across = np.arange(columns.kernel) * columns.dilation
        along, phase = np.divmod(across, columns.stride)
        line = np.arange(rows.kernel)[:, None, None] * self.phases + phase[:, None]
        line = line * self.shape.depth + np.arange(self.shape.depth)
        return (line * self.words + along[:, None]).reshape(-1)


def blocks_of(shape: ConvShape) -> list[Block]:
    """Return blocks of fewer and fewer positions."""
    out, whole = shape.columns.out, 2 * TOGETHER
    sizes = {out, -(-out // 2), -(-out // 3), *(whole << i for i in range(5))}
    return [Block(shape, n) for n in sorted(sizes, reverse=True) if min(whole, out) <= n <= out]


def _weights(graph: Graph, op: Op) -> NDArray[np.int64]:
    weights = graph.need(op, 1).data
    assert weights is not None
    return weights.reshape(len(weights), -1).astype(np.int64)


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows that have weights: which, their taps; and the codes of all others, None without any."""

    channels: NDArray[np.intp]
    taps: Taps
    codes: NDArray[np.int64] | None

    @property
    def skips(self) -> list[int]:
        """Return how many channels lie between each row and the one before."""
        return [int(gap) for gap in np.diff(self.channels, prepend=-1) - 1]


def _rows(weights: NDArray[np.int64], scales: Scales, block: Block) -> Rows:
    computed = np.asarray(weights.any(axis=1))
    computed[255::256] = True  # a byte tells how many channels are skipped
    computed[0] |= not computed.any()  # the kernel takes one at least, and so does an array in C
    chosen = np.flatnonzero(computed)
    codes = None if computed.all() else np.where(computed, 0, scales.codes_of_bias)
    return Rows(chosen, taps_by_gaps(weights[chosen], block.places()), codes)


def _row_array(name: str, rows: Rows, scales: Scales) -> str:
    lines = []
    for c, skip, (first, rounds) in zip(
        rows.channels, rows.skips, rows.taps.first_and_rounds, strict=True
    ):
        right = -int(scales.shift[c])
        half = (2 * scales.zero_point + 1) << right - 1
        values = (int(scales.bias[c]), int(scales.multiplier[c]), half, right, first, rounds, skip)
        lines.append(f"    {{{numbers(*values)}}},")
    return (
        "/* per output channel with weights: what sums start from, multiplier, half a code and\n"
        " * the zero point, shift to the right, taps beyond rounds, rounds, channels left out\n"
        " * before it */\n"
        f"static const struct nn_sparse_row {name}[{len(lines)}] = {{\n"
        + "\n".join(lines)
        + "\n};\n"
    )


def _code(block: Block, context: Context, op: Op) -> LayerCode:
    graph, symbol, shape = context.graph, context.symbol(op), block.shape
    weights, scales = _weights(graph, op), scales_of(graph, op)
    rows, columns = shape.rows, shape.columns
    made = _rows(weights, scales, block)
    layer = struct(
        "nn_conv_2d_sparse",
        symbol,
        [
            (
                numbers(shape.batch, rows.size, columns.size, shape.depth),
                "input: batch, height, width, channels",
            ),
            (numbers(rows.out, columns.out, len(weights)), "output: height, width, channels"),
            (
                numbers(rows.kernel, rows.stride, columns.stride, rows.dilation, block.phases),
                "kernel: height; stride: height, width; dilation: height; lines of a kernel row",
            ),
            (numbers(rows.pad, columns.pad), "padding above, to the left"),
            (numbers(graph.need(op, 0).zero_point), "input: zero point"),
            (
                numbers(block.positions, block.pairs, block.words),
                "of a block: positions, words at one tap; words of a line",
            ),
            (numbers(len(made.channels)), "output channels with weights"),
            *finish_rows(scales),
        ],
    )
    comment = f"nonzero weights of {shape_text(graph.need(op, 1).shape)}: gap, weight (nn_sparse.h)"
    constants = stream_array(f"{symbol}_weights", made.taps, comment) + _row_array(
        f"{symbol}_rows", made, scales
    )
    size, codes = made.taps.bytes + ROW_BYTES * len(made.channels), "NULL"
    if made.codes is not None:
        codes = f"{symbol}_codes"
        constants += array("int8_t", codes, made.codes, "codes of channels without weights")
        size += len(made.codes)
    lines = context.at_word(context.plan.scratch[op.index], "u32")
    call = (
        f"nn_conv_2d_sparse(&{symbol}, {context.source(op)}, {symbol}_weights, {symbol}_rows,\n"
        f"                      {codes}, {lines}, {context.target(op)});"
    )
    return LayerCode(constants + layer, call, size)


def _scratch(block: Block, _graph: Graph, _op: Op) -> int:
    return 4 * block.lines * block.words


def _leads(block: Block, graph: Graph, op: Op) -> Leads:
    """Return the lead of the input: a block's lines are made before its codes are written."""
    shape, channels = block.shape, graph.output_of(op).shape[3]
    images, height = np.arange(shape.batch), shape.rows.out
    top = np.maximum(np.arange(height) * shape.rows.stride - shape.rows.pad, 0)
    left = np.maximum(block.starts * shape.columns.stride - shape.columns.pad, 0)
    row = images[:, None] * shape.rows.size + top
    first = (row[:, :, None] * shape.columns.size + left).reshape(-1) * shape.depth
    lines = np.arange(shape.batch * height)[:, None] * shape.columns.out
    written = (lines + block.starts + block.positions).reshape(-1) * channels
    needed = np.minimum.accumulate(first[::-1])[::-1]
    return {0: int((written[:-1] - needed[1:]).max(initial=ANYWHERE))}


def _cost(block: Block, graph: Graph, op: Op) -> Cost:
    """Return the cost of one way to cut the output into blocks, as in dense_cost.py.

    Per four words, 9.2 a tap, and the codes of each row; half an instruction a constant code; 182 a
    block. A line takes 7.5 and 8 a word; 12 and 27 where it is partly inside, 16 where it is not.
    """
    scales = scales_of(graph, op)
    rows = _rows(_weights(graph, op), scales, block)
    passes, blocks = -(-block.pairs // TOGETHER), block.shape.rows.out * len(block.starts)
    each = passes * (9.2 * len(rows.taps.stream) + CODES[scales.finish] * len(rows.channels)) + 182
    if rows.codes is not None:
        each += block.positions * len(rows.codes) / 2
    line = np.array([7.5, 12, 12]) + block.words * np.array([8, 27, 16])
    instructions = block.shape.batch * (blocks * each + float(line @ block.where))
    return Cost(round(instructions), rows.taps.bytes)


def variants(graph: Graph, op: Op) -> list[tuple[Emitter, Cost]] | str:
    """Return the sparse emitters of a CONV_2D, fastest first, or why it cannot be computed."""
    shape, scales, weights = conv_shape(graph, op), scales_of(graph, op), _weights(graph, op)
    if shape.columns.out < TOGETHER:
        return f"fewer than {TOGETHER} positions in a row"
    if not shifts_fit(scales.shift):
        return "a multiplier of 1/2 or more, or none"
    if int(largest_sums(weights, scales.bias).max()) > LANE_LIMIT:
        return "sums too large for two in a word"
    blocks = blocks_of(shape)
    if reason := _rows(weights, scales, blocks[-1]).taps.why_not():
        return reason
    found = [
        (
            Emitter("nn_conv_2d_sparse.h", partial(_code, b), partial(_scratch, b),
                    leads=partial(_leads, b)),
            _cost(b, graph, op),
        )
        for b in blocks
    ]  # fmt: skip
    return sorted(found, key=lambda variant: variant[1].instructions)
