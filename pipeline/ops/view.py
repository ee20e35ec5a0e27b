"""STRIDED_SLICE, SLICE, SPLIT, SPLIT_V, UNPACK, TRANSPOSE: some places of the input, in some order.

Each is a NumPy view, so what a device must copy is the view's strides, and where the view is one
piece of memory there is nothing to copy. SPLIT, SPLIT_V and UNPACK have one operator per output
here (pipeline/tflite.py); `Op.part` says which.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pipeline.ir import Graph, Op
from pipeline.ops.base import Operator, Values, check_moved, check_options, constant, require
from pipeline.options import SplitOptions, StridedSliceOptions, UnpackOptions

Array = NDArray[Any]

#: Outputs of one operator, as many as pipeline/tflite.py reads.
MAX_PARTS: Final = 256

#: Place of the input that is viewed: SPLIT has its axis first.
VIEWED: Final = {"SPLIT": 1}
INPUTS: Final = {
    "STRIDED_SLICE": 4, "SLICE": 3, "SPLIT": 2, "SPLIT_V": 3, "UNPACK": 1, "TRANSPOSE": 2,
}  # fmt: skip


def _strided_slice(graph: Graph, op: Op, x: Array) -> Array:
    o, rank = op.options, len(graph.need(op, 0).shape)
    check_options(op, StridedSliceOptions)
    unused = (o.ellipsis_mask, o.new_axis_mask, o.offset)
    require(not any(unused), "uses an ellipsis, a new axis or an offset")
    vectors = [
        constant(graph, op, i, what, "int32")
        for i, what in ((1, "begin"), (2, "end"), (3, "strides"))
    ]
    # Fewer would be clear in meaning, but TFLM reads one per axis whether it is there or not.
    require(all(v.shape == (rank,) for v in vectors), "must give one range per axis")
    ranges = (_axis_index(o, i, *(int(v[i]) for v in vectors)) for i in range(rank))
    return x[(slice(None), *ranges)]


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


def _slice(graph: Graph, op: Op, x: Array) -> Array:
    shape = graph.need(op, 0).shape
    begin, size = (constant(graph, op, i, w, "int32") for i, w in ((1, "begin"), (2, "size")))
    require(begin.shape == size.shape == (len(shape),), "must give one range per axis")
    ranges = [slice(None)]
    for extent, first, count in zip(shape, begin.tolist(), size.tolist(), strict=True):
        end = extent if count == -1 else first + count
        require(0 <= first <= end <= extent, "names a place outside its input")
        ranges.append(slice(first, end))
    return x[tuple(ranges)]


def _axis(axis: int, rank: int) -> int:
    require(-rank <= axis < rank, f"has no axis {axis}")
    return axis % rank


def _split(graph: Graph, op: Op, x: Array) -> Array:
    check_options(op, SplitOptions)
    axes = constant(graph, op, 0, "axis", "int32")
    require(axes.size == 1, "must have one axis")
    axis, count = _axis(int(axes.reshape(-1)[0]), x.ndim - 1), op.options.count
    extent = x.shape[axis + 1]
    require(count > op.part and extent % count == 0, f"cannot split {extent} into {count}")
    piece = extent // count
    index = [slice(None)] * x.ndim
    index[axis + 1] = slice(op.part * piece, (op.part + 1) * piece)
    return x[tuple(index)]


def _split_v(graph: Graph, op: Op, x: Array) -> Array:
    sizes, axes = (constant(graph, op, i, w, "int32") for i, w in ((1, "sizes"), (2, "axis")))
    require(axes.size == 1, "must have one axis")
    good = sizes.ndim == 1 and op.part < sizes.size <= MAX_PARTS
    require(good, "must have a size for each output")
    axis = _axis(int(axes.reshape(-1)[0]), x.ndim - 1)
    told, extent = sizes.tolist(), x.shape[axis + 1]
    require(min(told) >= -1 and told.count(-1) <= 1, "has a size below zero")
    if -1 in told:  # what the others leave
        told[told.index(-1)] = extent - sum(size for size in told if size > 0)
    require(min(told) >= 0 and sum(told) == extent, f"cannot split {extent} into {sizes.tolist()}")
    index = [slice(None)] * x.ndim
    index[axis + 1] = slice(sum(told[: op.part]), sum(told[: op.part + 1]))
    return x[tuple(index)]


def _unpack(_graph: Graph, op: Op, x: Array) -> Array:
    check_options(op, UnpackOptions)
    axis = _axis(op.options.axis, x.ndim - 1)
    extent = x.shape[axis + 1]
    require(op.options.count == extent and op.part < extent, f"cannot unpack {extent} places")
    index: list[slice | int] = [slice(None)] * x.ndim
    index[axis + 1] = op.part
    return x[tuple(index)]


def _transpose(graph: Graph, op: Op, x: Array) -> Array:
    order = constant(graph, op, 1, "order of axes", "int32")
    rank = x.ndim - 1
    good = order.shape == (rank,) and sorted(order.tolist()) == list(range(rank))
    require(good, "order of axes is not a permutation")
    return x.transpose(0, *(int(a) + 1 for a in order))


VIEWS: Final[dict[str, Callable[[Graph, Op, Array], Array]]] = {
    "STRIDED_SLICE": _strided_slice,
    "SLICE": _slice,
    "SPLIT": _split,
    "SPLIT_V": _split_v,
    "UNPACK": _unpack,
    "TRANSPOSE": _transpose,
}


@dataclass(frozen=True)
class Places:
    """The places of the input that an output takes: of its first element, and from one to the next.

    in_order: they follow one another.
    """

    first: int
    shape: tuple[int, ...]
    steps: tuple[int, ...]
    in_order: bool


def places(graph: Graph, op: Op) -> Places:
    """Return the places of the input that the output takes. Raises RefusedError."""
    source = graph.need(op, VIEWED.get(op.name, 0))
    # One byte stands for an element; none is ever read or written.
    every = np.empty((1, *source.shape), np.int8)
    try:
        chosen = VIEWS[op.name](graph, op, every)[0, ...]
    except IndexError:
        require(False, "names a place outside its input")
        raise
    first = _address(chosen) - _address(every)
    return Places(first, chosen.shape, chosen.strides, chosen.flags.c_contiguous)


def _address(x: Array) -> int:
    address: int = x.__array_interface__["data"][0]
    return address


def _alias(graph: Graph, op: Op) -> int | None:
    chosen, item = places(graph, op), np.dtype(graph.output_of(op).dtype).itemsize
    return chosen.first * item if chosen.in_order else None


def _check(graph: Graph, op: Op) -> None:
    require(len(op.inputs) == INPUTS[op.name], f"has {len(op.inputs)} inputs")
    check_moved(graph, op, VIEWED.get(op.name, 0))
    expected, target = places(graph, op).shape, graph.output_of(op).shape
    require(target == expected, f"output is {list(target)}, must be {list(expected)}")
    require(0 not in expected, "chooses nothing")


def _evaluate(graph: Graph, op: Op, values: Values) -> Array:
    return VIEWS[op.name](graph, op, values[op.inputs[VIEWED.get(op.name, 0)]])


OPERATORS = tuple(Operator(name, _check, _evaluate, alias=_alias) for name in VIEWS)
