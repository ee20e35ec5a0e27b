"""CONV_2D and FULLY_CONNECTED in C on packed weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pipeline.emit_c.layer import Context, Emitter, LayerCode, numbers, struct
from pipeline.emit_c.matrix import folded_bias
from pipeline.emit_c.overlap import Leads, by_position
from pipeline.emit_c.packing import Rows, Scales, even_rows, leaves_input, paired, quads, shifts_fit
from pipeline.emit_c.text import array, shape_text, word_array
from pipeline.ir import Graph, Op
from pipeline.ops.base import Window
from pipeline.ops.matrix import conv_windows, row_multipliers
from pipeline.quant import activation_range

#: For the comment above a layer.
NOTE: Final = "packed, two rows of weights to an int16 lane"

#: Bytes of a row's start and scale.
ROW_BYTES: Final = 16


def scales_of(graph: Graph, op: Op) -> Scales:
    """Return what becomes of a layer's sums; rows of zeros are settled."""
    target, weights = graph.output_of(op), graph.need(op, 1).data
    assert weights is not None
    low, high = activation_range(op.options.activation, target.scale, target.zero_point)
    multiplier, shift = row_multipliers(graph, op)
    scales = Scales(folded_bias(graph, op), multiplier, shift, target.zero_point, low, high)
    return scales.settled(weights)


def why_not(scales: Scales, rows: Rows) -> str | None:
    """Return what keeps a layer from the packed kernels, None where nothing does."""
    if not shifts_fit(scales.shift):
        return "a multiplier of 1/2 or more, or none"
    return rows.why_not()


def scale_rows(scales: Scales) -> list[str]:
    """Return the initialisers of a `struct nn_scale` per row."""
    return [
        f"{{{numbers(int(m), -int(s), (2 * scales.zero_point + 1) << -int(s) - 1)}}}"
        for m, s in zip(scales.multiplier, scales.shift, strict=True)
    ]


def scale_array(name: str, scales: Scales) -> str:
    """Return the `struct nn_scale` array of a layer."""
    rows = "\n".join(f"    {row}," for row in scale_rows(scales))
    return (
        "/* per output channel: multiplier, shift to the right, half a code and the zero point */\n"
        f"static const struct nn_scale {name}[{len(scales.shift)}] = {{\n{rows}\n}};\n"
    )


def finish_rows(scales: Scales) -> list[tuple[str, str]]:
    """Return the last rows of a packed layer's struct."""
    return [
        (f"{{{numbers(scales.low, scales.high)}}}", "output: lowest and highest code"),
        (scales.finish, "how results become codes"),
    ]


def _constants(context: Context, op: Op, rows: Rows, block: int, axes: str) -> tuple[str, int]:
    """Return the packed weights, the starts and the scales of a layer, and their bytes."""
    words, scales = rows.words(block), scales_of(context.graph, op)
    shape = shape_text(context.graph.need(op, 1).shape)
    comment = f"weights {shape}: {axes}; packed by {block} rows (nn_packed.h)"
    return (
        word_array(context.symbol(op, "weights"), words, comment)
        + array("int32_t", context.symbol(op, "start"), rows.starts, "what sums start from")
        + scale_array(context.symbol(op, "scale"), scales),
        4 * len(words) + ROW_BYTES * len(scales.shift),
    )


def _fully_connected_rows(graph: Graph, op: Op) -> Rows:
    weights = graph.need(op, 1).data
    assert weights is not None
    return Rows(even_rows(quads(weights)), even_rows(scales_of(graph, op).bias))


def _fully_connected(context: Context, op: Op) -> LayerCode:
    graph, symbol = context.graph, context.symbol(op)
    rows, depth = graph.need(op, 1).shape
    fours = -(-depth // 4)
    layer = struct(
        "nn_fully_connected_packed",
        symbol,
        [
            (numbers(graph.output_of(op).elements // rows, depth, rows), "batch, depth, rows"),
            (numbers(fours), "inputs read, in fours"),
            *finish_rows(scales_of(graph, op)),
        ],
    )
    constants, size = _constants(context, op, _fully_connected_rows(graph, op), 8, "row, depth")
    call = (
        f"nn_fully_connected_packed(&{symbol}, {context.source(op)}, {symbol}_weights,\n"
        f"                              {symbol}_start, {symbol}_scale, {context.target(op)});"
    )
    source = graph.need(op, 0)
    read = context.plan.tensors[source.index] + source.elements - depth + 4 * fours
    return LayerCode(constants + layer, call, size, reads_to=read)


def _fully_connected_twin(graph: Graph, op: Op) -> Emitter | str:
    reason = why_not(scales_of(graph, op), _fully_connected_rows(graph, op))
    return reason or Emitter("nn_fully_connected_packed.h", _fully_connected, note=NOTE)


@dataclass(frozen=True)
class ConvShape:
    """A convolution as the kernel sees it: one over time lies along the width, as does one of 1×1.

    rows, columns: its windows along height and width.
    """

    batch: int
    depth: int
    rows: Window
    columns: Window

    @property
    def segment(self) -> int:
        """Return the bytes of one kernel row."""
        return self.columns.kernel * self.depth

    @property
    def pairs(self) -> int:
        """Return the pairs of a widened patch."""
        return self.rows.kernel * -(-self.segment // 2)

    @property
    def overhangs(self) -> bool:
        """Return whether any patch leaves the input."""
        return leaves_input(self.rows, self.columns)


ONE = Window(1, 1, 1, 1, 1, 0)


def conv_shape(graph: Graph, op: Op) -> ConvShape:
    """Return the shape of a CONV_2D for the packed kernel."""
    batch, _, _, depth = graph.need(op, 0).shape
    rows, columns = conv_windows(graph, op)
    if columns == ONE:
        rows, columns = ONE, rows
    plain = all((w.kernel, w.stride) == (1, 1) for w in (rows, columns))
    if plain:
        size = batch * rows.size * columns.size
        return ConvShape(1, depth, ONE, Window(size, 1, 1, 1, size, 0))
    return ConvShape(batch, depth, rows, columns)


def _conv_rows(graph: Graph, op: Op) -> Rows:
    weights, shape = graph.need(op, 1).data, conv_shape(graph, op)
    assert weights is not None
    segments = weights.reshape(len(weights), shape.rows.kernel, shape.segment)
    return Rows(even_rows(paired(segments)), even_rows(scales_of(graph, op).bias))


def _conv(context: Context, op: Op) -> LayerCode:
    graph, symbol, shape = context.graph, context.symbol(op), conv_shape(context.graph, op)
    rows, columns, scratch = shape.rows, shape.columns, context.plan.scratch[op.index]
    layer = struct(
        "nn_conv_2d_packed",
        symbol,
        [
            (
                numbers(shape.batch, rows.size, columns.size, shape.depth),
                "input: batch, height, width, channels",
            ),
            (
                numbers(rows.out, columns.out, len(row_multipliers(graph, op)[0])),
                "output: height, width, channels",
            ),
            (
                numbers(rows.kernel, columns.kernel, rows.stride, columns.stride, rows.dilation),
                "kernel, stride: height, width; dilation: height",
            ),
            (numbers(rows.pad, columns.pad), "padding above, to the left"),
            (numbers(graph.need(op, 0).zero_point), "input: zero point"),
            (
                numbers(shape.pairs, int(shape.overhangs)),
                "pairs of int16 in a patch, whether patches leave the input",
            ),
            *finish_rows(scales_of(graph, op)),
        ],
    )
    axes = "output channel, height, width, input channel"
    constants, size = _constants(context, op, _conv_rows(graph, op), 4, axes)
    call = (
        f"nn_conv_2d_packed(&{symbol}, {context.source(op)}, {symbol}_weights, {symbol}_start,\n"
        f"                      {symbol}_scale, {context.at_word(scratch, 'u32')},\n"
        f"                      {context.name}_arena.i8 + {scratch + 8 * shape.pairs}, "
        f"{context.target(op)});"
    )
    return LayerCode(constants + layer, call, size)


def _patch_bytes(graph: Graph, op: Op) -> int:
    """Two widened patches and, where patches leave the input, one kernel row."""
    shape = conv_shape(graph, op)
    return 8 * shape.pairs + (shape.segment if shape.overhangs else 0)


def _conv_leads(graph: Graph, op: Op) -> Leads:
    # The patches of both positions are widened before the first code of either is written.
    return by_position(graph, op, conv_windows(graph, op), together=0)


def _conv_twin(graph: Graph, op: Op) -> Emitter | str:
    shape = conv_shape(graph, op)
    if graph.output_of(op).shape[3] % 4:
        return "output channels are no multiple of 4"
    if shape.columns.dilation > 1 and shape.columns.kernel > 1:
        return "dilated along the width"
    reason = why_not(scales_of(graph, op), _conv_rows(graph, op))
    return reason or Emitter("nn_conv_2d_packed.h", _conv, _patch_bytes, NOTE, _conv_leads)


TWINS = {"CONV_2D": _conv_twin, "FULLY_CONNECTED": _fully_connected_twin}
