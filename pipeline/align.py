"""Pairs each int8 layer with the float model's layer that computes the same.

Tensor indices do not match between the two files (an int8 LSTM brings tensors of its own), and
names only partly: quantization-aware training prefixes them, and converters drop some. So the two
sequences of operators are aligned, shape-only and (de)quantizing ones left out: a pair must agree
in operator and output shape, and of all such alignments the one with the most pairs, then the most
equal Keras layer names, is taken.
"""

from __future__ import annotations

from hil.model_folder import LayerPair
from pipeline.ir import Graph, Op, keras_layer
from pipeline.ops import SHAPE_ONLY

#: (number of pairs, pairs whose names agree): compared in this order.
Score = tuple[int, int]


def align(int8: Graph, reference: Graph | None) -> tuple[LayerPair, ...]:
    """Return the int8 model's layers in order, each with the float tensor that is its reference.

    `float_tensor` is None where the float model has no such layer, or there is no float model.
    """
    ops = _layers(int8)
    others = _layers(reference) if reference is not None else []
    partner = _pairs(int8, ops, reference, others) if reference is not None else {}
    return tuple(
        LayerPair(
            name=int8.layer_name(op),
            op=op.name,
            int8_tensor=op.outputs[0],
            float_tensor=others[partner[i]].outputs[0] if i in partner else None,
        )
        for i, op in enumerate(ops)
    )


def _layers(graph: Graph) -> list[Op]:
    return [op for op in graph.ops if op.name not in SHAPE_ONLY and op.outputs]


def _match(int8: Graph, op: Op, reference: Graph, other: Op) -> Score | None:
    """Return what pairing two layers is worth, None where they cannot be the same one."""
    ours, theirs = int8.output_of(op), reference.output_of(other)
    if op.name != other.name or ours.shape != theirs.shape or theirs.dtype != "float32":
        return None
    return 1, int(keras_layer(ours.name) == keras_layer(theirs.name))


def _pairs(int8: Graph, ops: list[Op], reference: Graph, others: list[Op]) -> dict[int, int]:
    """Return index into ops → index into others: the best alignment that keeps both orders."""
    rows, columns = len(ops), len(others)
    best: list[list[Score]] = [[(0, 0)] * (columns + 1) for _ in range(rows + 1)]
    step: dict[tuple[int, int], tuple[int, int]] = {}
    for i in reversed(range(rows)):
        for j in reversed(range(columns)):
            choices = [(best[i + 1][j], (1, 0)), (best[i][j + 1], (0, 1))]
            worth = _match(int8, ops[i], reference, others[j])
            if worth is not None:
                rest = best[i + 1][j + 1]
                choices.append(((rest[0] + worth[0], rest[1] + worth[1]), (1, 1)))
            best[i][j], step[i, j] = max(choices)
    return _walk(step)


def _walk(step: dict[tuple[int, int], tuple[int, int]]) -> dict[int, int]:
    pairs: dict[int, int] = {}
    i = j = 0
    while (i, j) in step:
        down, right = step[i, j]
        if down and right:
            pairs[i] = j
        i, j = i + down, j + right
    return pairs
