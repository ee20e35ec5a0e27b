"""MAX_POOL_2D and AVERAGE_POOL_2D. Places outside the input do not take part in either."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.ir import Graph, Op
from pipeline.ops.base import (
    Operator,
    Values,
    Window,
    check_io,
    check_options,
    check_same_quantization,
    check_windows,
    patches,
    require,
    window,
)
from pipeline.ops.matrix import check_fused
from pipeline.options import Pool2DOptions
from pipeline.quant import activation_range


def pool_windows(graph: Graph, op: Op) -> tuple[Window, Window]:
    """Return the windows along height and width."""
    _, height, width, _ = graph.need(op, 0).shape
    o = op.options
    return (
        window(height, o.filter_h, o.stride_h, 1, o.padding),
        window(width, o.filter_w, o.stride_w, 1, o.padding),
    )


def _check(graph: Graph, op: Op) -> None:
    check_io(graph, op, range(1, 2))
    check_options(op, Pool2DOptions)
    check_fused(op.options.activation)
    check_same_quantization(graph, op)
    source, target = graph.need(op, 0).shape, graph.output_of(op).shape
    require(len(source) == 4, f"input has {len(source)} axes, must be 4")
    rows, columns = pool_windows(graph, op)
    check_windows(rows, columns, source[3], source[0])
    expected = (source[0], rows.out, columns.out, source[3])
    require(target == expected, f"output is {list(target)}, must be {list(expected)}")


def _max_pool(graph: Graph, op: Op, values: Values) -> NDArray[np.int8]:
    target = graph.output_of(op)
    under = patches(values[op.inputs[0]], *pool_windows(graph, op), -128)
    low, high = activation_range(op.options.activation, target.scale, target.zero_point)
    clamped: NDArray[np.int8] = np.clip(under.max(axis=(4, 5)), low, high).astype(np.int8)
    return clamped


def _counts(rows: Window, columns: Window) -> NDArray[np.int64]:
    """Return [out_h, out_w, 1]: the places of each window that are inside."""
    down, across = (
        ((w.places() >= 0) & (w.places() < w.size)).sum(axis=1).astype(np.int64)
        for w in (rows, columns)
    )
    counts: NDArray[np.int64] = down[:, None, None] * across[None, :, None]
    return counts


def _average_pool(graph: Graph, op: Op, values: Values) -> NDArray[np.int8]:
    target, (rows, columns) = graph.output_of(op), pool_windows(graph, op)
    sums = patches(values[op.inputs[0]].astype(np.int64), rows, columns, 0).sum(axis=(4, 5))
    count = _counts(rows, columns)
    # The zero point is not taken out: TFLM divides codes, halves away from code 0.
    rounded = np.sign(sums) * ((np.abs(sums) + count // 2) // count)
    low, high = activation_range(op.options.activation, target.scale, target.zero_point)
    clamped: NDArray[np.int8] = np.clip(rounded, low, high).astype(np.int8)
    return clamped


OPERATORS = (
    Operator("MAX_POOL_2D", _check, _max_pool),
    Operator("AVERAGE_POOL_2D", _check, _average_pool),
)
