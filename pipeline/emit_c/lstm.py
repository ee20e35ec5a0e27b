"""UNIDIRECTIONAL_SEQUENCE_LSTM in C."""

from __future__ import annotations

import numpy as np

from pipeline.emit_c.layer import Context, Emitter, LayerCode, numbers, struct
from pipeline.emit_c.overlap import Leads, lead
from pipeline.emit_c.text import array, shape_text
from pipeline.ir import Graph, Op
from pipeline.ops.lstm import CELL, GATES, HIDDEN, Lstm, Matrix, lstm_of


def _matrix(context: Context, op: Op, matrix: Matrix, part: str) -> tuple[str, str]:
    """Return (definitions, initialisers) of one gate's matrix."""
    weights, bias = (context.symbol(op, f"{part}_{kind}") for kind in ("weights", "bias"))
    shape = shape_text(matrix.weights.shape)
    return (
        array("int8_t", weights, matrix.weights, f"{part} weights {shape}: unit, depth")
        + array("int32_t", bias, matrix.bias, f"{part} bias, zero point folded in"),
        f"{{{weights}, {bias}, {numbers(matrix.multiplier, matrix.shift)}}}",
    )


def _matrices(context: Context, op: Op, layer: Lstm) -> tuple[str, list[tuple[str, str]]]:
    definitions, rows = "", []
    for kind, matrices in (("input", layer.input), ("recurrent", layer.recurrent)):
        parts = [_matrix(context, op, matrices[g], f"{kind}_{g}") for g in GATES]
        definitions += "".join(text for text, _ in parts)
        initialisers = ",\n     ".join(row for _, row in parts)
        rows.append((f"{{{initialisers}}}", f"{kind}: forget, input, cell, output gate"))
    return definitions, rows


def layer_rows(layer: Lstm) -> list[tuple[str, str]]:
    """Return the rows of a `struct nn_lstm`, within braces: all but the matrices."""
    rows = [
        (numbers(layer.steps, layer.depth, layer.units), "steps, depth, units"),
        (numbers(*layer.forget), "forget gate * cell state: multiplier, shift"),
        (numbers(*layer.update), "input gate * cell gate: multiplier, shift"),
        (numbers(*layer.hidden), "tanh(cell state) * output gate: multiplier, shift"),
        (numbers(layer.hidden_zero_point), "hidden state: zero point"),
        (numbers(layer.cell_shift), "cell state: integer bits less 3"),
        (numbers(layer.cell_clip), "cell state: largest code, 0: not limited"),
    ]
    return [("{" + rows[0][0], rows[0][1]), *rows[1:-1], (rows[-1][0] + "}", rows[-1][1])]


def reset_code(context: Context, op: Op) -> str:
    """Return the statements that clear the state."""
    hidden, cell = context.graph.need(op, HIDDEN), context.graph.need(op, CELL)
    return (
        f"    memset({context.at(hidden)}, {hidden.zero_point}, {hidden.size});\n"
        f"    memset({context.at(cell)}, 0, {cell.size});\n"
    )


def _lstm(context: Context, op: Op) -> LayerCode:
    graph, symbol, layer = context.graph, context.symbol(op), lstm_of(context.graph, op)
    definitions, matrices = _matrices(context, op, layer)
    rows = [*layer_rows(layer), *matrices]
    hidden, cell = graph.need(op, HIDDEN), graph.need(op, CELL)
    cell_at = context.at_int16(context.plan.tensors[cell.index])
    gates_at = context.at_int16(context.plan.scratch[op.index])
    call = (
        f"nn_lstm(&{symbol}, {context.source(op)}, {context.at(hidden)},\n"
        f"            {cell_at}, {gates_at}, {context.target(op)});"
    )
    weights = 4 * layer.units * (layer.depth + layer.units)
    return LayerCode(
        definitions + struct("nn_lstm", symbol, rows),
        call,
        weights + 8 * layer.units * 4,
        reset_code(context, op),
    )


def _gate_bytes(graph: Graph, op: Op) -> int:
    return len(GATES) * graph.need(op, CELL).size


def leads(graph: Graph, op: Op) -> Leads:
    """Return the lead of the input: a step's input is read before its output is made."""
    layer = lstm_of(graph, op)
    return {0: lead(np.arange(layer.steps) * layer.depth, layer.units)}


EMITTERS = {"UNIDIRECTIONAL_SEQUENCE_LSTM": Emitter("nn_lstm.h", _lstm, _gate_bytes, leads=leads)}
