"""Rules about a layer's constants: read in another order, from another place, or not at all.

Each makes another graph, of which the definition computes the layer.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from itertools import permutations
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pipeline.hypotheses.layer import Guess, Layer, gives
from pipeline.ir import Graph, Op
from pipeline.ops import OPERATORS
from pipeline.ops.lstm import BIAS, INPUT_WEIGHTS, RECURRENT_WEIGHTS

#: Operators whose input 1 is their weights, input 2 their bias.
WEIGHTED: Final = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
LSTM: Final = "UNIDIRECTIONAL_SEQUENCE_LSTM"
#: Bytes by which a pointer may be off.
MISPLACED: Final = (1, 2, 3, 4, 8, 16)
KINDS: Final = {
    "input weights": INPUT_WEIGHTS,
    "recurrent weights": RECURRENT_WEIGHTS,
    "biases": BIAS,
}

Array = NDArray[Any]


def guesses(layer: Layer) -> Iterator[Guess]:
    """Yield the rules for a layer with weights."""
    if layer.op.name in WEIGHTED:
        weights = layer.graph.need(layer.op, 1)
        assert weights.data is not None
        for text, data in orders(weights.data):
            yield _with("layout", f"weights {text}", layer.op, {weights.index: data})
    elif layer.op.name == LSTM:
        yield from _gates(layer)
        yield from _matrices(layer)


def _with(rule: str, text: str, op: Op, changed: dict[int, Array]) -> Guess:
    return gives(rule, text, lambda layer: _computed(layer, op, changed))


def _computed(layer: Layer, op: Op, changed: dict[int, Array]) -> Array:
    graph = _replaced(layer.graph, changed)
    return OPERATORS[op.name].evaluate(graph, op, layer.inputs)


def _replaced(graph: Graph, changed: dict[int, Array]) -> Graph:
    tensors = list(graph.tensors)
    for index, data in changed.items():
        tensors[index] = dataclasses.replace(tensors[index], data=np.ascontiguousarray(data))
    return dataclasses.replace(graph, tensors=tuple(tensors))


def orders(data: Array) -> Iterator[tuple[str, Array]]:
    """Yield the same values in the orders that other frameworks, kernels and pointers have."""
    matrix = data.reshape(len(data), -1)
    yield "read column by column", matrix.T.reshape(data.shape)
    yield "stored column by column", matrix.reshape(matrix.shape[::-1]).T.reshape(data.shape)
    for order in permutations(range(data.ndim)):
        if data.ndim < 3 or order == tuple(range(data.ndim)):
            continue
        axes = "".join("OHWI"[i] if data.ndim == 4 else str(i) for i in order)
        yield f"read as {axes}", data.transpose(order).reshape(data.shape)
        sizes = [data.shape[i] for i in order]
        yield f"stored as {axes}", data.reshape(sizes).transpose(np.argsort(order))
    if data.ndim == 4:
        yield "with the kernel turned round", data[:, ::-1, ::-1, :]
    flat = data.reshape(-1)
    for size in (2, 4):
        if flat.size % size == 0:
            yield (
                f"with the bytes of {8 * size}-bit words exchanged",
                flat.reshape(-1, size)[:, ::-1].reshape(data.shape),
            )
    for count in MISPLACED:
        if count < flat.size:
            yield f"read {count} bytes too far on", np.roll(flat, -count).reshape(data.shape)
            yield f"read {count} bytes too early", np.roll(flat, count).reshape(data.shape)


def _gates(layer: Layer) -> Iterator[Guess]:
    """An LSTM whose gates are taken for one another, in all its constants or in one kind."""
    names = tuple(INPUT_WEIGHTS)
    for kinds in (tuple(KINDS), *((k,) for k in KINDS)):
        for order in permutations(names):
            if order == names:
                continue
            inputs = list(layer.op.inputs)
            for kind in kinds:
                for place, taken in zip(names, order, strict=True):
                    inputs[KINDS[kind][place]] = layer.op.inputs[KINDS[kind][taken]]
            op = dataclasses.replace(layer.op, inputs=tuple(inputs))
            what = "gates" if len(kinds) > 1 else f"gates' {kinds[0]}"
            yield _with("gate order", f"{what} in the order {', '.join(order)}", op, {})


def _matrices(layer: Layer) -> Iterator[Guess]:
    """An LSTM with matrices in another order, or biases left out: of one gate, or of all."""
    for gates in (tuple(INPUT_WEIGHTS), *((g,) for g in INPUT_WEIGHTS)):
        which = "every gate" if len(gates) > 1 else f"the {gates[0]} gate"
        for kind in ("input weights", "recurrent weights"):
            tensors = [layer.graph.need(layer.op, KINDS[kind][g]) for g in gates]
            made = [dict(orders(t.data)) for t in tensors if t.data is not None]
            for text in made[0] if made else ():
                changed = {t.index: m[text] for t, m in zip(tensors, made, strict=True)}
                yield _with("layout", f"{kind} of {which} {text}", layer.op, changed)
        biases = [t for g in gates if (t := layer.graph.input_of(layer.op, BIAS[g])) is not None]
        lost = {t.index: np.zeros_like(t.data) for t in biases if t.data is not None}
        if lost:
            yield _with("no bias", f"no bias in {which}", layer.op, lost)
