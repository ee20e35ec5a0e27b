"""CONCATENATION, PACK, PAD and PADV2: inputs, or constants, laid beside each other."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.ir import Graph, Op, Tensor
from pipeline.ops.base import (
    Operator,
    Values,
    check_moved,
    check_options,
    constant,
    require,
)
from pipeline.options import Activation, ConcatenationOptions, PackOptions

Pairs = tuple[tuple[int, int], ...]


def join_axis(graph: Graph, op: Op) -> int:
    """Return the axis of the output along which the inputs follow one another."""
    rank = len(graph.output_of(op).shape)
    axis: int = op.options.axis
    require(-rank <= axis < rank, f"has no axis {axis}")
    return axis % rank


def pieces(graph: Graph, op: Op) -> tuple[int, list[int]]:
    """Return (rows, bytes of each input in a row); a row of the output is one of each input."""
    target, axis = graph.output_of(op), join_axis(graph, op)
    rows = math.prod(target.shape[:axis])
    return rows, [graph.need(op, i).size // rows for i in range(len(op.inputs))]


def _sides(graph: Graph, op: Op) -> list[Tensor]:
    require(len(op.inputs) >= 1, "has no inputs")
    for place in range(len(op.inputs)):
        check_moved(graph, op, place)
    return [graph.need(op, i) for i in range(len(op.inputs))]


def _check_concatenation(graph: Graph, op: Op) -> None:
    check_options(op, ConcatenationOptions)
    require(op.options.activation == Activation.NONE, "has a fused activation")
    shapes = [t.shape for t in _sides(graph, op)]
    target, axis = graph.output_of(op).shape, join_axis(graph, op)
    good = all(len(s) == len(target) for s in shapes)
    require(good, "inputs and output differ in their number of axes")
    expected = list(shapes[0])
    expected[axis] = sum(s[axis] for s in shapes)
    same = all(s[:axis] + s[axis + 1 :] == target[:axis] + target[axis + 1 :] for s in shapes)
    require(same and list(target) == expected, f"output is {list(target)}, inputs do not go there")


def _check_pack(graph: Graph, op: Op) -> None:
    check_options(op, PackOptions)
    shapes = [t.shape for t in _sides(graph, op)]
    target, axis = graph.output_of(op).shape, join_axis(graph, op)
    require(op.options.count == len(shapes), f"says that it has {op.options.count} inputs")
    same = all(s == target[:axis] + target[axis + 1 :] for s in shapes)
    good = same and target[axis] == len(shapes)
    require(good, f"output is {list(target)}, inputs do not go there")


def _joined(graph: Graph, op: Op, values: Values) -> NDArray[Any]:
    """Return the inputs laid out one after the other; a constant is the same in every window."""
    batch = max((len(values[i]) for i in op.inputs if i in values), default=1)
    axis = join_axis(graph, op) + 1
    parts = []
    for tensor in (graph.need(op, i) for i in range(len(op.inputs))):
        if tensor.data is None:
            parts.append(values[tensor.index])
        else:
            parts.append(np.broadcast_to(tensor.data, (batch, *tensor.shape)))
    join = np.stack if op.name == "PACK" else np.concatenate
    return join(parts, axis)


def margins(graph: Graph, op: Op) -> Pairs:
    """Return PAD's (before, after) per axis."""
    rank = len(graph.need(op, 0).shape)
    table = constant(graph, op, 1, "padding", "int32")
    require(table.shape == (rank, 2), f"padding has the shape {list(table.shape)}")
    require(bool((table >= 0).all()), "has a negative padding")
    return tuple((int(before), int(after)) for before, after in table)


def filler(graph: Graph, op: Op) -> int:
    """Return the code that PAD fills with: real zero, or PADV2's constant."""
    target = graph.output_of(op)
    if op.name == "PAD":
        return target.zero_point
    value, tensor = constant(graph, op, 2, "padding value", "int8"), graph.need(op, 2)
    require(value.size == 1 and tensor.quantization is not None, "padding value is not one code")
    same = tensor.scale == target.scale and tensor.zero_point == target.zero_point
    require(same, "padding value and output differ in scale or zero point")
    return int(value.reshape(-1)[0])


def _check_pad(graph: Graph, op: Op) -> None:
    require(len(op.inputs) == (2 if op.name == "PAD" else 3), f"has {len(op.inputs)} inputs")
    check_moved(graph, op, 0)
    source, target = graph.need(op, 0), graph.output_of(op).shape
    require(source.dtype == "int8", f"input is {source.dtype}, must be int8")
    filler(graph, op)
    expected = tuple(
        before + extent + after
        for extent, (before, after) in zip(source.shape, margins(graph, op), strict=True)
    )
    require(target == expected, f"output is {list(target)}, must be {list(expected)}")


def _pad(graph: Graph, op: Op, values: Values) -> NDArray[np.int8]:
    widths = ((0, 0), *margins(graph, op))
    x: NDArray[np.int8] = values[op.inputs[0]]
    return np.pad(x, widths, constant_values=filler(graph, op))


OPERATORS = (
    Operator("CONCATENATION", _check_concatenation, _joined),
    Operator("PACK", _check_pack, _joined),
    Operator("PAD", _check_pad, _pad),
    Operator("PADV2", _check_pad, _pad),
)
