"""UNIDIRECTIONAL_SEQUENCE_LSTM with int8 activations and weights and an int16 cell state.

Without peephole, projection or layer normalisation: what Keras's LSTM converts to. As TFLM's
reference kernel computes it: the input's and the state's part of a gate are requantized to Q3.12
and saturated each by itself, then added with saturation; gates are Q0.15; both products of the
new cell state are rounded and saturated before they are added.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.ir import Graph, Op, Tensor
from pipeline.ops.base import (
    Operator,
    RefusedError,
    Values,
    check_accumulator,
    check_activation,
    check_options,
    check_per_tensor,
    constant,
    multipliers,
    require,
    row_dot,
)
from pipeline.options import Activation, SequenceLstmOptions
from pipeline.quant import requantize, sigmoid, tanh

#: Places of the operator's 24 inputs (schema's order: input, forget, cell, output gate).
INPUT_WEIGHTS = {"input": 1, "forget": 2, "cell": 3, "output": 4}
RECURRENT_WEIGHTS = {"input": 5, "forget": 6, "cell": 7, "output": 8}
BIAS = {"input": 12, "forget": 13, "cell": 14, "output": 15}
HIDDEN, CELL = 18, 19
UNUSED = (9, 10, 11, 16, 17, 20, 21, 22, 23)

GATES = ("forget", "input", "cell", "output")

GATE_SCALE = 2.0**-12  # Q3.12
UNIT_SCALE = 2.0**-15  # Q0.15


@dataclass(frozen=True, eq=False)
class Matrix:
    """Weights [units, depth] of a gate. bias [units] has the zero point of x folded in."""

    weights: NDArray[np.int8]
    bias: NDArray[np.int64]
    multiplier: int
    shift: int

    def apply(self, x: NDArray[np.int8]) -> NDArray[np.int64]:
        """Return the part of a gate that comes from x [N, depth], as int16 values [N, units]."""
        sums = row_dot(x.astype(np.int64), self.weights) + self.bias
        return saturate16(requantize(sums, self.multiplier, self.shift))


@dataclass(frozen=True, eq=False)
class Lstm:
    """What an LSTM layer computes with. Pairs are (multiplier, shift) of `quant.requantize`."""

    steps: int
    depth: int
    units: int
    input: dict[str, Matrix]
    recurrent: dict[str, Matrix]
    forget: tuple[int, int]
    update: tuple[int, int]
    hidden: tuple[int, int]
    hidden_zero_point: int
    cell_shift: int
    cell_clip: int


def saturate16(x: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return x limited to int16."""
    return np.clip(x, -32768, 32767)


def lstm_of(graph: Graph, op: Op) -> Lstm:
    """Return the sizes and constants of an LSTM whose tensors have been checked."""
    source, hidden, cell = (graph.need(op, i) for i in (0, HIDDEN, CELL))
    depth, units = source.shape[2], hidden.elements
    cell_scale, hidden_scale = float(cell.scale), float(hidden.scale)
    pair = tuple(
        (int(m), int(s))
        for m, s in zip(
            *multipliers([UNIT_SCALE * cell_scale / cell_scale, UNIT_SCALE**2 / cell_scale,
                          UNIT_SCALE**2 / hidden_scale]),
            strict=True,
        )
    )  # fmt: skip
    return Lstm(
        steps=source.elements // depth,
        depth=depth,
        units=units,
        input={g: _matrix(graph, op, source, INPUT_WEIGHTS[g], BIAS[g]) for g in GATES},
        recurrent={g: _matrix(graph, op, hidden, RECURRENT_WEIGHTS[g], None) for g in GATES},
        forget=pair[0],
        update=pair[1],
        hidden=pair[2],
        hidden_zero_point=hidden.zero_point,
        cell_shift=12 + round(math.log2(cell_scale)),
        cell_clip=int(min(op.options.cell_clip / cell_scale, 32767.0)),
    )


def _matrix(graph: Graph, op: Op, x: Tensor, place: int, bias: int | None) -> Matrix:
    tensor = graph.need(op, place)
    weights = constant(graph, op, place, f"input {place}", "int8")
    real = float(x.scale) * float(tensor.scale) / GATE_SCALE
    (multiplier,), (shift,) = multipliers([real])
    start = np.zeros(len(weights), np.int64)
    if bias is not None:
        start = constant(graph, op, bias, f"input {bias}", "int32").astype(np.int64)
    check_accumulator(weights, start, x.zero_point)
    folded = start - x.zero_point * weights.astype(np.int64).sum(axis=1)
    return Matrix(weights, folded, int(multiplier), int(shift))


def _check(graph: Graph, op: Op) -> None:
    require(len(op.inputs) == 24 and len(op.outputs) == 1, "is not a plain LSTM")
    require(all(graph.input_of(op, i) is None for i in UNUSED), "has a peephole or a projection")
    check_options(op, SequenceLstmOptions)
    o = op.options
    require(o.activation == Activation.TANH, "has an activation other than tanh")
    require(not o.diagonal_recurrent, "has diagonal weights")
    require(o.cell_clip >= 0 and math.isfinite(o.cell_clip), "has an impossible cell clip")
    source, target = graph.input_of(op, 0), graph.output_of(op)
    require(source is not None, "has no input")
    assert source is not None
    check_activation(source, "input")
    check_activation(target, "output")
    _check_shapes(graph, op, source, target)
    lstm_of(graph, op)


def _check_shapes(graph: Graph, op: Op, source: Tensor, target: Tensor) -> None:
    require(len(source.shape) == 3, f"input has {len(source.shape)} axes, must be 3")
    require(source.shape[1 if op.options.time_major else 0] == 1, "has a batch of more than 1")
    hidden, cell = _state(graph, op, HIDDEN, "int8"), _state(graph, op, CELL, "int16")
    units, depth = hidden.elements, source.shape[2]
    require(cell.elements == units, "hidden and cell state differ in size")
    require(target.shape == (*source.shape[:2], units), "output does not go with input and state")
    same = target.scale == hidden.scale and target.zero_point == hidden.zero_point
    require(same, "output and hidden state have different scales")
    check_per_tensor(cell, "cell state", 0, 0)
    power = math.log2(float(cell.scale))
    require(power == round(power) and -15 <= power <= -3, "cell state's scale is not 2^-15…2^-3")
    for gate in GATES:
        for places, size in ((INPUT_WEIGHTS, depth), (RECURRENT_WEIGHTS, units)):
            weights = graph.input_of(op, places[gate])
            good = weights is not None and weights.shape == (units, size)
            require(good, f"{gate} gate's weights have a wrong shape")
            assert weights is not None
            check_per_tensor(weights, f"{gate} gate's weights", 0, 0)
        bias = constant(graph, op, BIAS[gate], f"{gate} gate's bias", "int32")
        require(bias.shape == (units,), f"{gate} gate's bias has a wrong shape")


def _state(graph: Graph, op: Op, place: int, dtype: str) -> Tensor:
    tensor = graph.input_of(op, place)
    if tensor is None or not tensor.variable or tensor.dtype != dtype or tensor.data is not None:
        raise RefusedError(f"state is not a variable {dtype} tensor")
    check_per_tensor(tensor, "state", -128, 127)
    return tensor


def _lstm(graph: Graph, op: Op, values: Values) -> NDArray[np.int8]:
    layer = lstm_of(graph, op)
    x = values[op.inputs[0]].reshape(-1, layer.steps, layer.depth)
    # A reset sets the states to their real 0: the code of the hidden state is its zero point.
    hidden = np.full((len(x), layer.units), layer.hidden_zero_point, np.int8)
    cell = np.zeros((len(x), layer.units), np.int64)
    out = np.empty((len(x), layer.steps, layer.units), np.int8)
    for step in range(layer.steps):
        hidden, cell = _step(layer, x[:, step], hidden, cell)
        out[:, step] = hidden
    return out.reshape(-1, *graph.output_of(op).shape)


def _step(
    layer: Lstm, x: NDArray[np.int8], hidden: NDArray[np.int8], cell: NDArray[np.int64]
) -> tuple[NDArray[np.int8], NDArray[np.int64]]:
    sums = {
        g: saturate16(layer.input[g].apply(x) + layer.recurrent[g].apply(hidden)) for g in GATES
    }
    kept = saturate16(requantize(sigmoid(sums["forget"]) * cell, *layer.forget))
    fresh = sigmoid(sums["input"]) * tanh(sums["cell"], 0)
    cell = saturate16(kept + saturate16(requantize(fresh, *layer.update)))
    if layer.cell_clip > 0:
        cell = np.clip(cell, -layer.cell_clip, layer.cell_clip)
    product = tanh(cell, layer.cell_shift) * sigmoid(sums["output"])
    codes = requantize(product, *layer.hidden) + layer.hidden_zero_point
    return np.clip(codes, -128, 127).astype(np.int8), cell


def _macs(graph: Graph, op: Op) -> int:
    layer = lstm_of(graph, op)
    return layer.steps * len(GATES) * layer.units * (layer.depth + layer.units)


OPERATORS = (Operator("UNIDIRECTIONAL_SEQUENCE_LSTM", _check, _lstm, _macs),)
