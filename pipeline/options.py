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
class Pool2DOptions:
    """Of MAX_POOL_2D."""

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
    """Of MEAN."""

    keep_dims: bool = slot(0, "bool", False)


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


#: Member of the schema's BuiltinOptions union → table.
TABLES: dict[int, type] = {
    1: Conv2DOptions,
    5: Pool2DOptions,
    8: FullyConnectedOptions,
    9: SoftmaxOptions,
    27: ReducerOptions,
    32: StridedSliceOptions,
    71: SequenceLstmOptions,
}
