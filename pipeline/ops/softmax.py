"""SOFTMAX over the last axis."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from pipeline.ir import Graph, Op
from pipeline.ops.base import Operator, Values, check_io, check_options, require
from pipeline.options import SoftmaxOptions
from pipeline.quant import MAX_CLASSES, softmax, softmax_scaling


def scaling_of(graph: Graph, op: Op) -> tuple[int, int, int]:
    """Return (multiplier, left shift, smallest difference) of a SOFTMAX."""
    return softmax_scaling(op.options.beta, graph.need(op, 0).scale)


def _check(graph: Graph, op: Op) -> None:
    check_io(graph, op, range(1, 2))
    check_options(op, SoftmaxOptions)
    beta = op.options.beta
    require(math.isfinite(beta) and beta > 0, "beta is not a positive number")
    source, target = graph.need(op, 0), graph.output_of(op)
    require(source.shape == target.shape and len(source.shape) >= 1, "shapes differ")
    require(source.shape[-1] <= MAX_CLASSES, f"has more than {MAX_CLASSES} classes")
    fixed = target.scale == np.float32(1 / 256) and target.zero_point == -128
    require(fixed, "output must have scale 1/256 and zero point -128")
    require(scaling_of(graph, op)[1] >= 1, "input scale is absurdly small")


def _softmax(graph: Graph, op: Op, values: Values) -> NDArray[np.int8]:
    return softmax(values[op.inputs[0]], *scaling_of(graph, op))


OPERATORS = (Operator("SOFTMAX", _check, _softmax),)
