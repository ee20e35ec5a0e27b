"""MEAN over adjacent axes (a global average pool, mostly)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.ir import Graph, Op
from pipeline.ops.base import Operator, Values, check_io, constant, multipliers, require
from pipeline.quant import INT32_MAX, requantize

AXES = 1


@dataclass(frozen=True)
class Mean:
    """MEAN as [outer, count, inner] → [outer, inner], and what becomes of each sum."""

    outer: int
    count: int
    inner: int
    bias: int
    multiplier: int
    shift: int


def mean_of(graph: Graph, op: Op) -> Mean:
    """Return the sizes and constants of a MEAN. Raises RefusedError where axes are not adjacent."""
    source, target = graph.need(op, 0), graph.output_of(op)
    outer, count, inner = _split(source.shape, constant(graph, op, AXES, "axes", "int32"))
    real = float(source.scale) / float(target.scale)
    multiplier, shift = (int(v[0]) for v in multipliers([real]))
    # TFLM takes the division by `count` into the multiplier, keeping as many bits as fit.
    bits = min(count.bit_length() - 1, 32, 31 + shift)
    multiplier = (multiplier << bits) // count
    return Mean(outer, count, inner, -count * source.zero_point, multiplier, shift - bits)


def _split(shape: tuple[int, ...], axes: NDArray[np.int32]) -> tuple[int, int, int]:
    rank = len(shape)
    require(axes.size > 0 and bool((axes >= -rank).all() and (axes < rank).all()), "axes are wrong")
    # Axes of one element may be taken in or left out.
    reduced = sorted({int(a) % rank for a in axes.flat if shape[int(a) % rank] > 1})
    if not reduced:
        return math.prod(shape), 1, 1
    first, last = reduced[0], reduced[-1]
    between = [a for a in range(first, last + 1) if shape[a] > 1]
    require(between == reduced, f"averages over axes {reduced}, which are not adjacent")
    return (
        math.prod(shape[:first]),
        math.prod(shape[first : last + 1]),
        math.prod(shape[last + 1 :]),
    )


def _check(graph: Graph, op: Op) -> None:
    check_io(graph, op, range(2, 3))
    mean = mean_of(graph, op)
    require(256 * mean.count <= INT32_MAX, "sums can leave 32 bits")
    target = graph.output_of(op)
    good = target.elements == mean.outer * mean.inner
    require(good, f"output is {list(target.shape)}, which does not go with the axes")


def _mean(graph: Graph, op: Op, values: Values) -> NDArray[np.int8]:
    target, mean = graph.output_of(op), mean_of(graph, op)
    x = values[op.inputs[0]].astype(np.int64)
    sums = x.reshape(-1, mean.outer, mean.count, mean.inner).sum(axis=2) + mean.bias
    codes = requantize(sums, mean.multiplier, mean.shift) + target.zero_point
    return np.clip(codes, -128, 127).astype(np.int8).reshape(-1, *target.shape)


OPERATORS = (Operator("MEAN", _check, _mean),)
