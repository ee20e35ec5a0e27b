"""MEAN and REDUCE_MAX over any axes."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.ir import Graph, Op
from pipeline.ops.base import Operator, Values, check_io, constant, multipliers, require
from pipeline.quant import INT32_MAX, requantize

AXES = 1
#: More than any tensor has; an axis may be named again.
MAX_AXES = 64

#: [outer, count, middle, count, inner]: the counts are reduced. Four axes need no more.
Sizes = tuple[int, int, int, int, int]


@dataclass(frozen=True)
class Mean:
    """What becomes of each of MEAN's sums over `sizes`."""

    sizes: Sizes
    bias: int
    multiplier: int
    shift: int


def sizes_of(graph: Graph, op: Op) -> Sizes:
    """Return the input's shape as five axes of which the second and the fourth are reduced."""
    shape, axes = graph.need(op, 0).shape, constant(graph, op, AXES, "axes", "int32")
    rank = len(shape)
    require(axes.size <= MAX_AXES, f"names {axes.size} axes")
    require(bool((axes >= -rank).all() and (axes < rank).all()), "axes are wrong")
    # Axes of one element may be taken in or left out.
    reduced = sorted({int(a) % rank for a in axes.flat if shape[int(a) % rank] > 1})
    sizes = [1, 1, 1, 1, 1]
    place = 0
    for axis, extent in enumerate(shape):
        # Counts stand at odd places; an axis goes to the next place of its kind.
        if extent > 1 and (axis in reduced) != (place % 2 == 1):
            place += 1
        require(place < len(sizes), f"reduces {reduced}: more groups of axes than two")
        sizes[place] *= extent
    return sizes[0], sizes[1], sizes[2], sizes[3], sizes[4]


def mean_of(graph: Graph, op: Op) -> Mean:
    """Return the sizes and constants of a MEAN."""
    source, target = graph.need(op, 0), graph.output_of(op)
    sizes = sizes_of(graph, op)
    count = sizes[1] * sizes[3]
    real = float(source.scale) / float(target.scale)
    multiplier, shift = (int(v[0]) for v in multipliers([real]))
    # TFLM takes the division by `count` into the multiplier, keeping as many bits as fit.
    bits = min(count.bit_length() - 1, 32, 31 + shift)
    multiplier = (multiplier << bits) // count
    return Mean(sizes, -count * source.zero_point, multiplier, shift - bits)


def _check_sizes(graph: Graph, op: Op) -> Sizes:
    check_io(graph, op, range(2, 3))
    sizes, target = sizes_of(graph, op), graph.output_of(op)
    kept = math.prod(sizes) // (sizes[1] * sizes[3])
    good = target.elements == kept
    require(good, f"output is {list(target.shape)}, which does not go with the axes")
    return sizes


def _check_mean(graph: Graph, op: Op) -> None:
    sizes = _check_sizes(graph, op)
    require(256 * sizes[1] * sizes[3] <= INT32_MAX, "sums can leave 32 bits")
    mean_of(graph, op)


def _check_max(graph: Graph, op: Op) -> None:
    _check_sizes(graph, op)
    source, target = graph.need(op, 0), graph.output_of(op)
    same = source.scale == target.scale and source.zero_point == target.zero_point
    require(same, "input and output scales differ")


def _mean(graph: Graph, op: Op, values: Values) -> NDArray[np.int8]:
    target, mean = graph.output_of(op), mean_of(graph, op)
    x = values[op.inputs[0]].astype(np.int64)
    sums = x.reshape(-1, *mean.sizes).sum(axis=(2, 4)) + mean.bias
    codes = requantize(sums, mean.multiplier, mean.shift) + target.zero_point
    return np.clip(codes, -128, 127).astype(np.int8).reshape(-1, *target.shape)


def _max(graph: Graph, op: Op, values: Values) -> NDArray[np.int8]:
    x: NDArray[np.int8] = values[op.inputs[0]].reshape(-1, *sizes_of(graph, op)).max(axis=(2, 4))
    return x.reshape(-1, *graph.output_of(op).shape)


OPERATORS = (
    Operator("MEAN", _check_mean, _mean),
    Operator("REDUCE_MAX", _check_max, _max),
)
