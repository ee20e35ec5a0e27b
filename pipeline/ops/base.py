"""What an operator is to the pipeline, and the checks that several share.

One file of this package holds one family: what the operator accepts (`check`), what it computes
(`evaluate`, the definition, on batches) and what it costs. Its C is emitted by the file of the
same name in `pipeline/emit_c`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.ir import Graph, Op, Tensor
from pipeline.options import Padding
from pipeline.quant import INT32_MAX, MAX_LEFT_SHIFT, quantize_multipliers

#: Tensor index → values of N windows, shape [N, *tensor.shape].
Values = dict[int, NDArray[Any]]


class RefusedError(ValueError):
    """The operator is known but not in this form; the text says what is wrong."""


def _no_macs(_graph: Graph, _op: Op) -> int:
    return 0


def _no_alias(_graph: Graph, _op: Op) -> int | None:
    return None


@dataclass(frozen=True)
class Operator:
    """One operator of TFLite.

    check raises RefusedError. evaluate returns the first output's values, [N, *shape]; state
    starts fresh for every window. macs: multiply-accumulates of one inference. alias: where the
    output is a piece of the first activation as it lies in memory, its first byte there, else
    None; such a layer moves no bytes.
    """

    name: str
    check: Callable[[Graph, Op], None]
    evaluate: Callable[[Graph, Op, Values], NDArray[Any]]
    macs: Callable[[Graph, Op], int] = _no_macs
    alias: Callable[[Graph, Op], int | None] = _no_alias


def require(condition: bool, reason: str) -> None:
    """Raise RefusedError with `reason` unless the condition holds."""
    if not condition:
        raise RefusedError(reason)


def check_options(op: Op, kind: type) -> None:
    """Require the options table that goes with the operator (the file could name another one)."""
    require(isinstance(op.options, kind), "has no options of its kind")


def check_io(graph: Graph, op: Op, inputs: range) -> None:
    """Require one int8 output, a number of inputs in `inputs`, and a first input that is int8."""
    require(len(op.inputs) in inputs, f"has {len(op.inputs)} inputs")
    require(len(op.outputs) == 1, f"has {len(op.outputs)} outputs")
    first = graph.input_of(op, 0)
    require(first is not None, "has no input")
    assert first is not None
    check_activation(first, "input")
    check_activation(graph.output_of(op), "output")


#: What may be moved about as it is; int32 and float32 come from ARG_MAX and DEQUANTIZE.
MOVABLE = ("int8", "int32", "float32")


def check_moved(graph: Graph, op: Op, place: int) -> None:
    """Require that input `place` can go into the one output byte for byte: same type and meaning.

    TFLM allows any scales here and moves codes all the same; another scale is another model.
    """
    require(len(op.outputs) == 1, f"has {len(op.outputs)} outputs")
    source, target = graph.input_of(op, place), graph.output_of(op)
    require(source is not None and source.elements > 0, f"input {place} is missing or empty")
    assert source is not None
    require(source.dtype in MOVABLE, f"input {place} is {source.dtype}")
    require(source.dtype == target.dtype, f"input is {source.dtype}, output {target.dtype}")
    if source.dtype == "int8":
        check_per_tensor(source, f"input {place}", -128, 127)
        check_per_tensor(target, "output", -128, 127)
        same = source.scale == target.scale and source.zero_point == target.zero_point
        require(same, "input and output scales differ")


def check_activation(tensor: Tensor, what: str) -> None:
    """Require an int8 activation that is quantized as a whole."""
    require(tensor.data is None, f"{what} is a constant")
    require(tensor.dtype == "int8", f"{what} is {tensor.dtype}, must be int8")
    require(tensor.elements > 0, f"{what} is empty")
    check_per_tensor(tensor, what, -128, 127)


def check_per_tensor(tensor: Tensor, what: str, low: int, high: int) -> None:
    """Require one scale and one zero point in [low, high]."""
    quantization = tensor.quantization
    require(quantization is not None, f"{what} has no scale or no zero point")
    assert quantization is not None
    require(len(quantization.scale) == 1, f"{what} has a scale per channel")
    require(low <= tensor.zero_point <= high, f"{what}'s zero point is {tensor.zero_point}")


def constant(graph: Graph, op: Op, place: int, what: str, dtype: str) -> NDArray[Any]:
    """Return a constant input. Raises RefusedError where it is not one, or of another dtype."""
    tensor = graph.input_of(op, place)
    require(tensor is not None and tensor.data is not None, f"{what} is not a constant")
    assert tensor is not None
    assert tensor.data is not None
    require(tensor.dtype == dtype, f"{what} is {tensor.dtype}, must be {dtype}")
    return tensor.data


def check_same_quantization(graph: Graph, op: Op) -> None:
    """Require input and output to share scale and zero point, as TFLM does where codes are moved.

    TFLM allows scales to differ by 1e-6 for pooling; a larger difference is another model.
    """
    before, after = graph.need(op, 0), graph.output_of(op)
    close = abs(float(before.scale) - float(after.scale)) <= 1e-6
    require(close and before.zero_point == after.zero_point, "input and output scales differ")


def check_weights(graph: Graph, op: Op, rank: int, bias: int) -> NDArray[np.int8]:
    """Require symmetric int8 weights [rows, …] and an int32 bias (or none) at input `bias`.

    Requires that no accumulator can leave 32 bits: TFLM's result would be undefined.
    """
    weights = constant(graph, op, 1, "weights", "int8")
    require(weights.ndim == rank and weights.size > 0, f"weights have {weights.ndim} axes")
    quantization = graph.need(op, 1).quantization
    require(quantization is not None, "weights have no scale or no zero point")
    assert quantization is not None
    require(not quantization.zero_point.any(), "weights have a zero point")
    one_per_row = len(quantization.scale) == 1 or quantization.axis == 0
    require(one_per_row, f"weights have scales along axis {quantization.axis}, must be 0")
    if graph.input_of(op, bias) is not None:
        shape = constant(graph, op, bias, "bias", "int32").shape
        require(shape == (len(weights),), f"bias has the shape {list(shape)}")
    check_accumulator(weights, biases(graph, op, bias, len(weights)), graph.need(op, 0).zero_point)
    return weights


def check_accumulator(
    weights: NDArray[np.int8], bias: NDArray[np.int64], input_zero_point: int
) -> None:
    """Require |bias| + Σ|w| · (128 + |zero point|) to fit 32 bits in every row."""
    rows = np.abs(weights.reshape(len(weights), -1).astype(np.int64)).sum(axis=1)
    largest = int((np.abs(bias) + rows * (128 + abs(input_zero_point))).max())
    require(largest <= INT32_MAX, f"sums can reach {largest}, more than 32 bits hold")


def biases(graph: Graph, op: Op, place: int, rows: int) -> NDArray[np.int64]:
    """Return the bias at input `place` as int64 [rows], zeros where there is none."""
    tensor = graph.input_of(op, place)
    if tensor is None or tensor.data is None:
        return np.zeros(rows, np.int64)
    values: NDArray[np.int64] = tensor.data.astype(np.int64)
    return values


def multipliers(
    reals: Sequence[float] | NDArray[np.float64],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return (multiplier, shift) per real multiplier; RefusedError for one of 2^30 or more."""
    multiplier, shift = quantize_multipliers(np.asarray(reals, np.float64))
    require(bool((shift <= MAX_LEFT_SHIFT).all()), "output scale is absurdly small")
    return multiplier, shift


def row_dot(x: NDArray[np.int64], weights: NDArray[np.int8]) -> NDArray[np.int64]:
    """Return x[…, depth] · weights[rows, depth]ᵀ as int64 […, rows].

    Computed in float64, for the speed of BLAS: exact, as every partial sum is an integer below
    2^53 (`check_accumulator` keeps them below 2^31).
    """
    return (x.astype(np.float64) @ weights.T.astype(np.float64)).astype(np.int64)


@dataclass(frozen=True)
class Window:
    """Where a kernel lies on one axis of its input. `pad` places hang over its start."""

    size: int
    kernel: int
    stride: int
    dilation: int
    out: int
    pad: int

    def places(self) -> NDArray[np.intp]:
        """Return [out, kernel]: the input place under each tap, outside ones included."""
        starts = np.arange(self.out) * self.stride - self.pad
        return starts[:, None] + np.arange(self.kernel)[None, :] * self.dilation


def window(size: int, kernel: int, stride: int, dilation: int, padding: int) -> Window:
    """Return a kernel's window on one axis, as TFLite computes SAME and VALID padding."""
    require(kernel >= 1 and stride >= 1 and dilation >= 1, "has an impossible kernel or stride")
    require(max(kernel, stride, dilation) < 2**15, "has an absurdly large kernel or stride")
    require(padding in (Padding.SAME, Padding.VALID), f"has the unknown padding {padding}")
    span = (kernel - 1) * dilation + 1
    if padding == Padding.SAME:
        out = -(-size // stride)
        return Window(
            size, kernel, stride, dilation, out, max(0, (out - 1) * stride + span - size) // 2
        )
    require(size >= span, "has a kernel larger than its input")
    return Window(size, kernel, stride, dilation, (size - span) // stride + 1, 0)


#: Of all windows of one layer together, in places: patches of them are held in memory at once.
MAX_WINDOW_PLACES = 2**24


def check_windows(rows: Window, columns: Window, depth: int, batch: int) -> None:
    """Require windows that overlap within reason, `depth` channels deep."""
    places = batch * rows.out * columns.out * rows.kernel * columns.kernel * depth
    require(places <= MAX_WINDOW_PLACES, f"its windows hold {places} values: absurdly many")


def patches(x: NDArray[Any], rows: Window, columns: Window, outside: int) -> NDArray[Any]:
    """Return [N, B, out_h, out_w, kernel_h, kernel_w, C] of x [N, B, H, W, C]; `outside` pads.

    Nothing larger than the result is made, however far a kernel hangs over the edge.
    """
    down, across = rows.places(), columns.places()
    y = np.clip(down, 0, rows.size - 1)[:, None, :, None]
    taken = x[:, :, y, np.clip(across, 0, columns.size - 1)[None, :, None, :], :]
    inside_y = ((down >= 0) & (down < rows.size))[:, None, :, None]
    inside_x = ((across >= 0) & (across < columns.size))[None, :, None, :]
    taken[:, :, ~(inside_y & inside_x), :] = outside
    return taken
