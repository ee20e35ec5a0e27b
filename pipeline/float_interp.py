"""The float model in plain batched NumPy, with a say in every constant and every output.

For experiments that change one layer at a time (pipeline/experiments.py); held against LiteRT by
tests/engine. Operators: those that the three architectures and their likes consist of.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pipeline.ir import Graph, Op
from pipeline.ops import OPERATORS
from pipeline.ops.base import patches
from pipeline.ops.lstm import BIAS, GATES, INPUT_WEIGHTS, RECURRENT_WEIGHTS
from pipeline.ops.matrix import conv_windows
from pipeline.ops.pool import pool_windows
from pipeline.options import Activation

F32 = NDArray[np.float32]
#: Operators that only move values: the integer ones do.
MOVING: Final = ("RESHAPE", "SQUEEZE", "EXPAND_DIMS", "STRIDED_SLICE")
LIMITS: Final = {
    Activation.NONE: (-np.inf, np.inf),
    Activation.RELU: (0.0, np.inf),
    Activation.RELU6: (0.0, 6.0),
    Activation.RELU_N1_TO_1: (-1.0, 1.0),
}


@dataclass(frozen=True)
class Changes:
    """What is other than in the file, by tensor index.

    constants: what takes a constant's place. outputs: what is done to an output (values one by
    one: an LSTM's are changed step by step as well as together).
    """

    constants: Mapping[int, F32] = field(default_factory=dict)
    outputs: Mapping[int, Callable[[F32], F32]] = field(default_factory=dict)


class UnknownOperatorError(ValueError):
    """The model has an operator that this interpreter does not know."""


def run(graph: Graph, inputs: F32, changes: Changes | None = None) -> dict[int, F32]:
    """Return tensor index → values [N, *shape] of the input and of every operator's output."""
    changes = changes or Changes()
    source = graph.tensors[graph.inputs[0]]
    values = {source.index: np.asarray(inputs, np.float32).reshape(len(inputs), *source.shape)}
    for op in graph.ops:
        target = graph.output_of(op)
        change = changes.outputs.get(target.index, _unchanged)
        made = _evaluate(graph, op, values, changes.constants, change)
        made = made.reshape(len(inputs), *target.shape).astype(np.float32)
        values[target.index] = change(made)
    return values


def _unchanged(x: F32) -> F32:
    return x


def _evaluate(
    graph: Graph,
    op: Op,
    values: dict[int, F32],
    constants: Mapping[int, F32],
    change: Callable[[F32], F32],
) -> NDArray[Any]:
    def constant(place: int) -> NDArray[Any] | None:
        tensor = graph.input_of(op, place)
        return None if tensor is None else constants.get(tensor.index, tensor.data)

    x = values[op.inputs[0]]
    if op.name == "UNIDIRECTIONAL_SEQUENCE_LSTM":
        return _lstm(graph, op, x, constant, change)
    if op.name in KERNELS:
        return KERNELS[op.name](graph, op, x, constant)
    if op.name in MOVING:
        moved: NDArray[Any] = OPERATORS[op.name].evaluate(graph, op, dict(values))
        return moved
    raise UnknownOperatorError(op.name)


Constant = Callable[[int], "NDArray[Any] | None"]


def _weights(constant: Constant, place: int) -> NDArray[Any]:
    weights = constant(place)
    assert weights is not None
    return weights


def _finish(op: Op, sums: NDArray[Any], bias: NDArray[Any] | None) -> NDArray[Any]:
    total = sums if bias is None else sums + bias
    clamped: NDArray[Any] = np.clip(total, *LIMITS[Activation(op.options.activation)])
    return clamped


def _conv(graph: Graph, op: Op, x: F32, constant: Constant) -> NDArray[Any]:
    weights = _weights(constant, 1)
    under = patches(x, *conv_windows(graph, op), 0)
    rows = weights.reshape(len(weights), -1)
    return _finish(op, under.reshape(*under.shape[:4], -1) @ rows.T, constant(2))


def _fully_connected(_graph: Graph, op: Op, x: F32, constant: Constant) -> NDArray[Any]:
    weights = _weights(constant, 1)
    return _finish(op, x.reshape(len(x), -1, weights.shape[1]) @ weights.T, constant(2))


def _max_pool(graph: Graph, op: Op, x: F32, _constant: Constant) -> NDArray[Any]:
    lowest = int(np.floor(x.min())) - 1
    under = patches(x, *pool_windows(graph, op), lowest)
    return _finish(op, under.max(axis=(4, 5)), None)


def _mean(graph: Graph, op: Op, x: F32, constant: Constant) -> NDArray[Any]:
    axes = tuple(int(a) % (x.ndim - 1) + 1 for a in _weights(constant, 1).flat)
    mean: NDArray[Any] = x.mean(axis=axes)
    return mean


def _softmax(_graph: Graph, op: Op, x: F32, _constant: Constant) -> NDArray[Any]:
    powers = np.exp(op.options.beta * (x - x.max(axis=-1, keepdims=True)))
    shares: NDArray[Any] = powers / powers.sum(axis=-1, keepdims=True)
    return shares


def _lstm(
    graph: Graph, op: Op, x: F32, constant: Constant, change: Callable[[F32], F32]
) -> NDArray[Any]:
    """One layer; gates as in the operator's own definition, pipeline/ops/lstm.py.

    What is done to its output is done in every step: it is what the next step is fed.
    """
    depth = graph.need(op, 0).shape[2]
    windows = x.reshape(len(x), -1, depth)
    into = {g: _weights(constant, INPUT_WEIGHTS[g]).T for g in GATES}
    back = {g: _weights(constant, RECURRENT_WEIGHTS[g]).T for g in GATES}
    bias = {g: _weights(constant, BIAS[g]) for g in GATES}
    hidden = np.zeros((len(x), len(bias["cell"])), np.float32)
    cell, out = hidden, []
    for step in range(windows.shape[1]):
        sums = {g: windows[:, step] @ into[g] + hidden @ back[g] + bias[g] for g in GATES}
        gate = {g: 1 / (1 + np.exp(-sums[g])) for g in ("input", "forget", "output")}
        cell = gate["forget"] * cell + gate["input"] * np.tanh(sums["cell"])
        if op.options.cell_clip > 0:
            cell = np.clip(cell, -op.options.cell_clip, op.options.cell_clip)
        hidden = change((gate["output"] * np.tanh(cell)).astype(np.float32))
        out.append(hidden)
    return np.stack(out, axis=1)


KERNELS: Final = {
    "CONV_2D": _conv,
    "FULLY_CONNECTED": _fully_connected,
    "MAX_POOL_2D": _max_pool,
    "MEAN": _mean,
    "SOFTMAX": _softmax,
}
