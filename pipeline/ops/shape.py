"""RESHAPE, SQUEEZE and EXPAND_DIMS: the same bytes under another shape.

The output's shape stands in the file; what the operator's options or further inputs say of it is
not needed, and files that leave it out are read all the same.
"""

from __future__ import annotations

from typing import Any, Final

from numpy.typing import NDArray

from pipeline.ir import Graph, Op
from pipeline.ops.base import Operator, Values, check_moved, require

INPUTS: Final = {"RESHAPE": range(1, 3), "SQUEEZE": range(1, 2), "EXPAND_DIMS": range(2, 3)}


def _check(graph: Graph, op: Op) -> None:
    require(len(op.inputs) in INPUTS[op.name], f"has {len(op.inputs)} inputs")
    check_moved(graph, op, 0)
    source, target = graph.need(op, 0), graph.output_of(op)
    require(source.elements == target.elements, "input and output differ in size")
    if op.name != "RESHAPE":
        same = [d for d in source.shape if d != 1] == [d for d in target.shape if d != 1]
        require(same, "input and output differ in more than axes of 1")


def _evaluate(graph: Graph, op: Op, values: Values) -> NDArray[Any]:
    x = values[op.inputs[0]]
    return x.reshape(len(x), *graph.output_of(op).shape)


def _in_place(_graph: Graph, _op: Op) -> int | None:
    return 0


OPERATORS = tuple(Operator(name, _check, _evaluate, alias=_in_place) for name in INPUTS)
