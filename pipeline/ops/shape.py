"""RESHAPE and STRIDED_SLICE: operators that only choose or rename places."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.ir import Graph, Op
from pipeline.ops.base import (
    Operator,
    Values,
    check_io,
    check_options,
    check_same_quantization,
    constant,
    require,
)
from pipeline.options import StridedSliceOptions


def _check_reshape(graph: Graph, op: Op) -> None:
    check_io(graph, op, range(1, 3))
    check_same_quantization(graph, op)
    source, target = graph.need(op, 0), graph.output_of(op)
    require(source.elements == target.elements, "input and output differ in size")


def _reshape(graph: Graph, op: Op, values: Values) -> NDArray[np.int8]:
    x: NDArray[np.int8] = values[op.inputs[0]]
    return x.reshape(len(x), *graph.output_of(op).shape)


def _in_place(_graph: Graph, _op: Op) -> int | None:
    return 0


def slice_index(graph: Graph, op: Op) -> tuple[slice | int, ...]:
    """Return STRIDED_SLICE's choice as a NumPy index. Raises RefusedError for unsupported forms."""
    o, shape = op.options, graph.need(op, 0).shape
    check_options(op, StridedSliceOptions)
    unused = (o.ellipsis_mask, o.new_axis_mask, o.offset)
    require(not any(unused), "uses an ellipsis, a new axis or an offset")
    vectors = [
        constant(graph, op, i, what, "int32")
        for i, what in ((1, "begin"), (2, "end"), (3, "strides"))
    ]
    require(all(v.shape == (len(shape),) for v in vectors), "must give one range per axis")
    return tuple(
        _axis_index(o, axis, *(int(v[axis]) for v in vectors)) for axis in range(len(shape))
    )


def _axis_index(options: object, axis: int, begin: int, end: int, stride: int) -> slice | int:
    def masked(name: str) -> bool:
        return bool(getattr(options, name) >> axis & 1)

    require(stride != 0, "has a stride of 0")
    if masked("shrink_axis_mask"):
        require(stride == 1, "has a stride on an axis it removes")
        return 0 if masked("begin_mask") else begin
    start = None if masked("begin_mask") else begin
    stop = None if masked("end_mask") else end
    # NumPy counts a negative place from the end once; TFLite clamps what is still negative.
    return slice(start, stop, stride)


def _chosen(graph: Graph, op: Op) -> NDArray[np.int64]:
    """Return the places of the input that the output takes, in its order."""
    source = graph.need(op, 0)
    places = np.arange(source.elements).reshape(source.shape)
    try:
        chosen: NDArray[np.int64] = places[slice_index(graph, op)]
    except IndexError:
        require(False, "names a place outside its input")
        raise
    return chosen


def _slice_alias(graph: Graph, op: Op) -> int | None:
    places = _chosen(graph, op).reshape(-1)
    one_piece = len(places) > 0 and bool((np.diff(places) == 1).all())
    return int(places[0]) if one_piece else None


def _check_slice(graph: Graph, op: Op) -> None:
    check_io(graph, op, range(4, 5))
    check_same_quantization(graph, op)
    expected, target = _chosen(graph, op).shape, graph.output_of(op).shape
    require(target == expected, f"output is {list(target)}, must be {list(expected)}")
    require(_slice_alias(graph, op) is not None, "does not choose one piece of memory")


def _slice(graph: Graph, op: Op, values: Values) -> NDArray[np.int8]:
    chosen: NDArray[np.int8] = values[op.inputs[0]][(slice(None), *slice_index(graph, op))]
    return chosen


OPERATORS = (
    Operator("RESHAPE", _check_reshape, _reshape, alias=_in_place),
    Operator("STRIDED_SLICE", _check_slice, _slice, alias=_slice_alias),
)
