"""UNIDIRECTIONAL_SEQUENCE_LSTM in C on packed weights."""

from __future__ import annotations

from pipeline.emit_c.layer import Context, Emitter, LayerCode, numbers, struct
from pipeline.emit_c.lstm import layer_rows, leads, reset_code
from pipeline.emit_c.packed_matrix import NOTE
from pipeline.emit_c.packing import Rows, even_rows, quads
from pipeline.emit_c.text import array, shape_text, word_array
from pipeline.ir import Graph, Op
from pipeline.ops.lstm import CELL, GATES, HIDDEN, Lstm, Matrix, lstm_of

#: Rows of one block of weights.
BLOCK = 8


def _rows(matrix: Matrix) -> Rows:
    return Rows(even_rows(quads(matrix.weights)), even_rows(matrix.bias))


def _matrix(context: Context, op: Op, matrix: Matrix, part: str) -> tuple[str, str]:
    """Return (definitions, initialisers) of one gate's matrix."""
    weights, start = (context.symbol(op, f"{part}_{kind}") for kind in ("weights", "start"))
    rows, shape = _rows(matrix), shape_text(matrix.weights.shape)
    comment = f"{part} weights {shape}: unit, depth; packed by {BLOCK} rows (nn_packed.h)"
    return (
        word_array(weights, rows.words(BLOCK), comment)
        + array("int32_t", start, rows.starts, f"{part}: what sums start from"),
        f"{{{weights}, {start}, {numbers(matrix.multiplier, matrix.shift)}}}",
    )


def _matrices(context: Context, op: Op, layer: Lstm) -> tuple[str, list[tuple[str, str]]]:
    definitions, rows = "", []
    for kind, matrices in (("input", layer.input), ("recurrent", layer.recurrent)):
        parts = [_matrix(context, op, matrices[g], f"{kind}_{g}") for g in GATES]
        definitions += "".join(text for text, _ in parts)
        initialisers = ",\n     ".join(row for _, row in parts)
        rows.append((f"{{{initialisers}}}", f"{kind}: forget, input, cell, output gate"))
    return definitions, rows


def _lstm(context: Context, op: Op) -> LayerCode:
    graph, symbol, layer = context.graph, context.symbol(op), lstm_of(context.graph, op)
    definitions, matrices = _matrices(context, op, layer)
    input_quads, hidden_quads = _quads(layer)
    packed = struct(
        "nn_lstm_packed",
        symbol,
        [
            *layer_rows(layer),
            (numbers(input_quads, hidden_quads), "input's depth and units in fours, rounded up"),
            *matrices,
        ],
    )
    hidden, cell = graph.need(op, HIDDEN), graph.need(op, CELL)
    scratch, hidden_at = context.plan.scratch[op.index], context.plan.tensors[hidden.index]
    cell_at = context.at_int16(context.plan.tensors[cell.index])
    call = (
        f"nn_lstm_packed(&{symbol}, {context.source(op)}, {context.at(hidden)},\n"
        f"                   {cell_at}, {context.at_word(scratch, 'u32')}, {context.target(op)});"
    )
    first = context.plan.tensors[graph.need(op, 0).index]
    read = first + (layer.steps - 1) * layer.depth + 4 * input_quads
    words = sum(len(_rows(m).words(BLOCK)) for m in _all(layer))
    return LayerCode(
        definitions + packed,
        call,
        4 * words + 8 * layer.units * 4,
        reset_code(context, op),
        max(read, hidden_at + 4 * hidden_quads),
    )


def _all(layer: Lstm) -> list[Matrix]:
    return [*layer.input.values(), *layer.recurrent.values()]


def _quads(layer: Lstm) -> tuple[int, int]:
    """Return the inputs and the units in fours, rounded up."""
    return -(-layer.depth // 4), -(-layer.units // 4)


def _scratch_bytes(graph: Graph, op: Op) -> int:
    """Return the bytes of widened inputs, doubled sums of a gate's matrices, and gates' codes."""
    layer = lstm_of(graph, op)
    units = layer.units
    return 8 * sum(_quads(layer)) + 8 * (units + units % 2) + 2 * len(GATES) * units


def _twin(graph: Graph, op: Op) -> Emitter | str:
    for matrix in _all(lstm_of(graph, op)):
        rows = _rows(matrix)
        if reason := rows.why_not():
            return reason
        if matrix.shift < -30 or 2 * rows.largest << max(matrix.shift, 0) >= 2**31:
            return "a gate's sums leave 32 bits"
    return Emitter("nn_lstm_packed.h", _lstm, _scratch_bytes, NOTE, leads)


TWINS = {"UNIDIRECTIONAL_SEQUENCE_LSTM": _twin}
