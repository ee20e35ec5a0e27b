"""QUANTIZE and DEQUANTIZE: between float32 at a model's ends, or uint8, and int8 within.

float32 → int8 divides by the scale, rounds halves away from zero and adds the zero point; what is
too large for any code becomes the last one, and a NaN the zero point (TFLM's result is undefined
there). int8 → float32 is one exact product, rounded once. From one 8-bit code to another, see
unary.py.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.ir import Graph, Op, Tensor
from pipeline.ops import unary
from pipeline.ops.base import Operator, Values, check_activation, check_per_tensor, require

#: Codes beyond any zero point and range; keeps infinities out of the integers.
FAR = 1024.0


def _check_ends(graph: Graph, op: Op) -> tuple[Tensor, Tensor]:
    require(len(op.inputs) == 1 and len(op.outputs) == 1, "must have one input and one output")
    source, target = graph.input_of(op, 0), graph.output_of(op)
    require(source is not None and source.data is None, "input is a constant")
    assert source is not None
    require(source.elements > 0 and source.shape == target.shape, "shapes differ")
    return source, target


def _check_quantize(graph: Graph, op: Op) -> None:
    source, target = _check_ends(graph, op)
    if source.dtype == "float32":
        check_activation(target, "output")
        return
    ends = (source.dtype, target.dtype)
    known = ends in (("int8", "int8"), ("uint8", "int8"), ("int8", "uint8"))
    require(known, f"input is {source.dtype}, output {target.dtype}")
    check_per_tensor(source, "input", *unary.CODES[source.dtype])
    check_per_tensor(target, "output", *unary.CODES[target.dtype])
    unary.table_of(graph, op)


def _quantize(graph: Graph, op: Op, values: Values) -> NDArray[np.int8]:
    source, target = graph.need(op, 0), graph.output_of(op)
    if source.dtype != "float32":
        return unary.look_up(graph, op, values)
    with np.errstate(over="ignore", invalid="ignore"):
        steps = np.nan_to_num(values[source.index] / target.scale, posinf=FAR, neginf=-FAR)
    limited = np.clip(steps, -FAR, FAR).astype(np.float64)
    rounded = np.copysign(np.floor(np.abs(limited) + 0.5), limited).astype(np.int64)
    return np.clip(rounded + target.zero_point, -128, 127).astype(np.int8)


def _check_dequantize(graph: Graph, op: Op) -> None:
    source, target = _check_ends(graph, op)
    check_activation(source, "input")
    require(target.dtype == "float32", f"output is {target.dtype}, must be float32")


def _dequantize(graph: Graph, op: Op, values: Values) -> NDArray[np.float32]:
    source = graph.need(op, 0)
    steps = values[source.index].astype(np.int64) - source.zero_point
    return (steps * np.float64(source.scale)).astype(np.float32)


OPERATORS = (
    Operator("QUANTIZE", _check_quantize, _quantize),
    Operator("DEQUANTIZE", _check_dequantize, _dequantize),
)
