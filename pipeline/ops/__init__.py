"""The supported operators: one file per family, and the registry of them all.

A new operator takes its options in `pipeline/options.py`, its family's file here, its emitter in
`pipeline/emit_c` and its kernel in `firmware/lib/nn`.
"""

from __future__ import annotations

from typing import Final

from pipeline.ops import (
    arg_max,
    convert,
    depthwise,
    elementwise,
    join,
    lstm,
    matrix,
    pool,
    reduce,
    shape,
    softmax,
    svdf,
    unary,
    view,
)
from pipeline.ops.base import Operator, RefusedError

__all__ = ["OPERATORS", "SHAPE_ONLY", "Operator", "RefusedError"]

FAMILIES: Final = (
    matrix, depthwise, pool, elementwise, unary, convert, reduce, arg_max, softmax, shape, view,
    join, lstm, svdf,
)  # fmt: skip

#: TFLite's name → operator.
OPERATORS: Final[dict[str, Operator]] = {o.name: o for f in FAMILIES for o in f.OPERATORS}

#: Operators that rename or rescale but compute no layer of their own; also unsupported ones.
SHAPE_ONLY: Final = frozenset({"RESHAPE", "SQUEEZE", "EXPAND_DIMS", "QUANTIZE", "DEQUANTIZE"})
