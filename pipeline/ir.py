"""The model's graph: frozen tensors and operators, as read from a .tflite.

Everything in pipeline points here. Constants are read-only NumPy arrays; nothing is changed after
reading. Dtypes are NumPy's names ("int8"); operators carry TFLite's names ("CONV_2D").
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Place of an optional operator input that is not there (TFLite schema: -1).
ABSENT = -1


@dataclass(frozen=True, eq=False)
class Quantization:
    """real = scale · (code − zero_point). float32[n] and int64[n]; n > 1: per channel of `axis`."""

    scale: NDArray[np.float32]
    zero_point: NDArray[np.int64]
    axis: int


@dataclass(frozen=True, eq=False)
class Tensor:
    """One tensor; `index` is its place in the .tflite.

    data: the constant, shape `shape`, read-only; None for activations and state.
    variable: state that lives from one invocation to the next (an LSTM's).
    open: the file leaves an axis open (a batch); `shape` has what stands in its place.
    """

    index: int
    name: str
    shape: tuple[int, ...]
    dtype: str
    quantization: Quantization | None
    data: NDArray[Any] | None
    variable: bool
    open: bool = False

    @property
    def elements(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def size(self) -> int:
        """Size in bytes."""
        return self.elements * np.dtype(self.dtype).itemsize

    @property
    def scale(self) -> np.float32:
        """The scale of a tensor that is quantized as a whole."""
        assert self.quantization is not None
        return np.float32(self.quantization.scale[0])

    @property
    def zero_point(self) -> int:
        """The zero point of a tensor that is quantized as a whole."""
        assert self.quantization is not None
        return int(self.quantization.zero_point[0])


@dataclass(frozen=True, eq=False)
class Op:
    """One operator. `options` is its table of pipeline/options.py, None where it has none there.

    An operator of the file with several outputs (SPLIT, SPLIT_V, UNPACK) is as many here, one for
    each; `part` says which it is.
    """

    index: int
    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Any
    part: int = 0


@dataclass(frozen=True, eq=False)
class Graph:
    """A model: tensors by index, operators in the order of execution, SHA-256 of the file."""

    tensors: tuple[Tensor, ...]
    ops: tuple[Op, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    sha256: bytes

    def input_of(self, op: Op, place: int) -> Tensor | None:
        """Return an operator's input, None where it is absent or left off."""
        if place >= len(op.inputs) or op.inputs[place] == ABSENT:
            return None
        return self.tensors[op.inputs[place]]

    def need(self, op: Op, place: int) -> Tensor:
        """Return an operator's input that is known to be there (verified)."""
        tensor = self.input_of(op, place)
        assert tensor is not None
        return tensor

    def output_of(self, op: Op) -> Tensor:
        """Return an operator's first output."""
        return self.tensors[op.outputs[0]]

    def activations(self, op: Op) -> list[Tensor]:
        """Return the inputs that are neither constants nor state, in operator order."""
        tensors = (self.tensors[i] for i in op.inputs if i != ABSENT)
        return [t for t in tensors if t.data is None and not t.variable]

    def source_of(self, op: Op) -> Tensor:
        """Return an operator's first activation (a verified one has at least one)."""
        return self.activations(op)[0]

    def layer_name(self, op: Op) -> str:
        """Return a short name for people: the Keras layer where the file tells, else the operator.

        Converters name a tensor by the paths of what was fused into it, "model/c1/Relu;model/c1/…";
        the layer is the second part of the first path, less quantization-aware training's prefix.
        """
        return keras_layer(self.output_of(op).name) or f"{op.name.lower()}_{op.index}"


def keras_layer(tensor_name: str) -> str | None:
    """Return the Keras layer in a converter's tensor name, None where there is none."""
    parts = tensor_name.split(";", maxsplit=1)[0].split("/")
    if len(parts) < 3:
        return None
    return parts[1].removeprefix("quant_") or None


def identifier(text: str) -> str:
    """Return `text` made a plain C identifier part: ASCII letters, digits and underscores only."""
    return re.sub(r"[^0-9A-Za-z]+", "_", text).strip("_")[:40] or "unnamed"
