"""Options of the operators: one frozen dataclass per table of the TFLite schema (schema.fbs).

Each field names its slot in the table, its type and its default, so that `pipeline/tflite.py`
reads them all with one loop. A new operator adds its table here and its file in `pipeline/ops`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any


class Padding(IntEnum):
    """Padding of the schema."""

    SAME = 0
    VALID = 1


class Activation(IntEnum):
    """ActivationFunctionType of the schema."""

    NONE = 0
    RELU = 1
    RELU_N1_TO_1 = 2
    RELU6 = 3
    TANH = 4
    SIGN_BIT = 5


def slot(number: int, kind: str, default: Any = 0) -> Any:
    """Return a field read from `slot` of the options table; kind as in pipeline/flatbuffer.py."""
    return field(default=default, metadata={"slot": number, "kind": kind})


@dataclass(frozen=True)
class Conv2DOptions:
    """Of CONV_2D."""

    padding: int = slot(0, "i8")
    stride_w: int = slot(1, "i32")
    stride_h: int = slot(2, "i32")
    activation: int = slot(3, "i8")
    dilation_w: int = slot(4, "i32", 1)
    dilation_h: int = slot(5, "i32", 1)


@dataclass(frozen=True)
class DepthwiseConv2DOptions:
    """Of DEPTHWISE_CONV_2D."""

    padding: int = slot(0, "i8")
    stride_w: int = slot(1, "i32")
    stride_h: int = slot(2, "i32")
    multiplier: int = slot(3, "i32")
    activation: int = slot(4, "i8")
    dilation_w: int = slot(5, "i32", 1)
    dilation_h: int = slot(6, "i32", 1)


@dataclass(frozen=True)
class Pool2DOptions:
    """Of MAX_POOL_2D and AVERAGE_POOL_2D."""

    padding: int = slot(0, "i8")
    stride_w: int = slot(1, "i32")
    stride_h: int = slot(2, "i32")
    filter_w: int = slot(3, "i32")
    filter_h: int = slot(4, "i32")
    activation: int = slot(5, "i8")


@dataclass(frozen=True)
class FullyConnectedOptions:
    """Of FULLY_CONNECTED."""

    activation: int = slot(0, "i8")
    weights_format: int = slot(1, "i8")
    keep_num_dims: bool = slot(2, "bool", False)


@dataclass(frozen=True)
class SoftmaxOptions:
    """Of SOFTMAX."""

    beta: float = slot(0, "f32", 0.0)


@dataclass(frozen=True)
class ReducerOptions:
    """Of MEAN, REDUCE_MAX and, on shapes, REDUCE_PROD."""

    keep_dims: bool = slot(0, "bool", False)


@dataclass(frozen=True)
class GatherOptions:
    """Of GATHER, which is known on shapes only (pipeline/fold.py)."""

    axis: int = slot(0, "i32")
    batch_dims: int = slot(1, "i32")


@dataclass(frozen=True)
class StridedSliceOptions:
    """Of STRIDED_SLICE."""

    begin_mask: int = slot(0, "i32")
    end_mask: int = slot(1, "i32")
    ellipsis_mask: int = slot(2, "i32")
    new_axis_mask: int = slot(3, "i32")
    shrink_axis_mask: int = slot(4, "i32")
    offset: bool = slot(5, "bool", False)


@dataclass(frozen=True)
class SequenceLstmOptions:
    """Of UNIDIRECTIONAL_SEQUENCE_LSTM."""

    activation: int = slot(0, "i8")
    cell_clip: float = slot(1, "f32", 0.0)
    proj_clip: float = slot(2, "f32", 0.0)
    time_major: bool = slot(3, "bool", False)
    diagonal_recurrent: bool = slot(5, "bool", False)


@dataclass(frozen=True)
class AddOptions:
    """Of ADD."""

    activation: int = slot(0, "i8")


@dataclass(frozen=True)
class SubOptions:
    """Of SUB."""

    activation: int = slot(0, "i8")


@dataclass(frozen=True)
class MulOptions:
    """Of MUL."""

    activation: int = slot(0, "i8")


@dataclass(frozen=True)
class LeakyReluOptions:
    """Of LEAKY_RELU."""

    alpha: float = slot(0, "f32", 0.0)


@dataclass(frozen=True)
class ConcatenationOptions:
    """Of CONCATENATION."""

    axis: int = slot(0, "i32")
    activation: int = slot(1, "i8")


@dataclass(frozen=True)
class PackOptions:
    """Of PACK."""

    count: int = slot(0, "i32")
    axis: int = slot(1, "i32")


@dataclass(frozen=True)
class UnpackOptions:
    """Of UNPACK."""

    count: int = slot(0, "i32")
    axis: int = slot(1, "i32")


@dataclass(frozen=True)
class SplitOptions:
    """Of SPLIT."""

    count: int = slot(0, "i32")


@dataclass(frozen=True)
class SvdfOptions:
    """Of SVDF."""

    rank: int = slot(0, "i32")
    activation: int = slot(1, "i8")


#: Member of the schema's BuiltinOptions union → table.
TABLES: dict[int, type] = {
    1: Conv2DOptions,
    2: DepthwiseConv2DOptions,
    5: Pool2DOptions,
    6: SvdfOptions,
    8: FullyConnectedOptions,
    9: SoftmaxOptions,
    10: ConcatenationOptions,
    11: AddOptions,
    21: MulOptions,
    23: GatherOptions,
    27: ReducerOptions,
    28: SubOptions,
    32: StridedSliceOptions,
    35: SplitOptions,
    59: PackOptions,
    64: UnpackOptions,
    71: SequenceLstmOptions,
    75: LeakyReluOptions,
}
