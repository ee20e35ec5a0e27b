"""Faults in what a layer is computed from: its weights, biases and gates, before C is emitted.

Each takes the graph, the operator and an amount, and returns another graph of the same identity.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hil.errors import InputError
from pipeline.ir import Graph, Op

WEIGHTS, BIAS = 1, 2
#: Inputs of UNIDIRECTIONAL_SEQUENCE_LSTM: weights of the input and of the state, and biases, each
#: for the gates input, forget, cell, output (TFLite's schema).
LSTM: Final = "UNIDIRECTIONAL_SEQUENCE_LSTM"
LSTM_GATES: Final = ((1, 5, 12), (2, 6, 13), (3, 7, 14), (4, 8, 15))
#: How far weights of another training lie from these, in steps of int8: as two trainings of one
#: model do, they agree in nothing but their spread.
STALE_SEED: Final = 20


def layer(graph: Graph, name: str) -> Op:
    """Return the operator with a layer's name. Raises InputError for an unknown one."""
    for op in graph.ops:
        if graph.layer_name(op) == name:
            return op
    raise InputError(f"no layer {name!r} to plant a fault in")


def _with(graph: Graph, index: int, data: NDArray[Any]) -> Graph:
    tensors = list(graph.tensors)
    data = np.ascontiguousarray(data.astype(tensors[index].dtype))
    tensors[index] = dataclasses.replace(tensors[index], data=data)
    return dataclasses.replace(graph, tensors=tuple(tensors))


def _constant(graph: Graph, index: int) -> NDArray[Any]:
    data = graph.tensors[index].data
    assert data is not None
    return data


def _weights(op: Op) -> int:
    """Return the tensor of the layer's weights; of an LSTM those that see its input, cell gate."""
    return op.inputs[LSTM_GATES[2][0] if op.name == LSTM else WEIGHTS]


def _biases(op: Op) -> int:
    return op.inputs[LSTM_GATES[2][2] if op.name == LSTM else BIAS]


def _rows(share: float, rows: int) -> slice:
    """Return the first `share` of the output channels, at least one."""
    return slice(0, max(1, round(share * rows)))


def transpose_weights(graph: Graph, op: Op, amount: float) -> Graph:
    """Read `amount` (a share) of the rows column by column, as a kernel of the other order does."""
    index = _weights(op)
    data = _constant(graph, index)
    matrix = data.reshape(len(data), -1).copy()
    part = _rows(amount, len(matrix))
    matrix[part] = matrix[part].T.reshape(matrix[part].shape)
    return _with(graph, index, matrix.reshape(data.shape))


def stale_weights(graph: Graph, op: Op, amount: float) -> Graph:
    """Take a share `amount` of the output channels from another training: the same spread, other
    values, and the biases with them.
    """
    random = np.random.default_rng(STALE_SEED)
    index, made = _weights(op), graph
    for tensor in (index, _biases(op)):
        data = _constant(graph, tensor).copy()
        part = _rows(amount, len(data))
        data[part] = random.permuted(data[part].reshape(-1)).reshape(data[part].shape)
        made = _with(made, tensor, data)
    return made


def lose_bias(graph: Graph, op: Op, amount: float) -> Graph:
    """Leave a share `amount` of the output channels without their bias."""
    data = _constant(graph, _biases(op)).copy()
    data[_rows(amount, len(data))] = 0
    return _with(graph, _biases(op), data)


def flip_weight_bits(graph: Graph, op: Op, amount: float) -> Graph:
    """Turn the sign bit of `amount` weights, spread over the tensor."""
    data = _constant(graph, _weights(op)).copy()
    flat = data.reshape(-1)
    count = min(int(amount), flat.size)
    flat[np.arange(count) * flat.size // count + flat.size // (2 * count)] ^= -128
    return _with(graph, _weights(op), data)


def swap_gates(graph: Graph, op: Op, amount: float) -> Graph:
    """Read the gates in another framework's order: 0 input and forget exchanged, 1 cell and output,
    2 forget and cell.
    """
    if op.name != LSTM:
        raise InputError(f"{graph.layer_name(op)} has no gates to exchange")
    first, second = ((0, 1), (2, 3), (1, 2))[int(amount)]
    inputs = list(op.inputs)
    for a, b in zip(LSTM_GATES[first], LSTM_GATES[second], strict=True):
        inputs[a], inputs[b] = inputs[b], inputs[a]
    swapped = dataclasses.replace(op, inputs=tuple(inputs))
    ops = tuple(swapped if o.index == op.index else o for o in graph.ops)
    return dataclasses.replace(graph, ops=ops)


CHANGES: Final[dict[str, Callable[[Graph, Op, float], Graph]]] = {
    "transpose-weights": transpose_weights,
    "stale-weights": stale_weights,
    "lose-bias": lose_bias,
    "flip-weight-bits": flip_weight_bits,
    "swap-gates": swap_gates,
}
