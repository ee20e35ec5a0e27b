"""ARG_MAX over one axis: the place of the largest code, the first of equal ones.

TFLM knows int32 places only. Keras asks for int64 unless told otherwise; the same number in eight
bytes is what LiteRT gives, and is given here.
"""

from __future__ import annotations

import math
from typing import Any

from numpy.typing import NDArray

from pipeline.ir import Graph, Op
from pipeline.ops.base import Operator, Values, check_activation, constant, require

PLACES = ("int32", "int64")


def sizes(graph: Graph, op: Op) -> tuple[int, int, int]:
    """Return the input as [outer, count, inner], of which the middle is searched."""
    shape = graph.need(op, 0).shape
    axes = constant(graph, op, 1, "axis", "int32")
    require(axes.size == 1, "must have one axis")
    axis = int(axes.reshape(-1)[0])
    require(-len(shape) <= axis < len(shape), f"has no axis {axis}")
    axis %= len(shape)
    return math.prod(shape[:axis]), shape[axis], math.prod(shape[axis + 1 :])


def _check(graph: Graph, op: Op) -> None:
    require(len(op.inputs) == 2 and len(op.outputs) == 1, "must have two inputs and one output")
    source, target = graph.input_of(op, 0), graph.output_of(op)
    require(source is not None, "has no input")
    assert source is not None
    check_activation(source, "input")
    require(target.dtype in PLACES, f"output is {target.dtype}, must be int32 or int64")
    outer, _, inner = sizes(graph, op)
    good = target.elements == outer * inner
    require(good, f"output is {list(target.shape)}, which does not go with the axis")


def _arg_max(graph: Graph, op: Op, values: Values) -> NDArray[Any]:
    target = graph.output_of(op)
    x = values[op.inputs[0]].reshape(-1, *sizes(graph, op))
    places: NDArray[Any] = x.argmax(axis=2).astype(target.dtype)
    return places.reshape(-1, *target.shape)


OPERATORS = (Operator("ARG_MAX", _check, _arg_max),)
