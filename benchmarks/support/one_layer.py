"""Models of one layer, made here: what a kernel costs on a given shape."""

from __future__ import annotations

import hashlib
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.ir import Graph, Op, Quantization, Tensor
from pipeline.options import (
    Activation,
    AddOptions,
    Conv2DOptions,
    DepthwiseConv2DOptions,
    FullyConnectedOptions,
    Padding,
    Pool2DOptions,
    ReducerOptions,
)

Shape = tuple[int, ...]

#: How sums become codes: those of a layer with RELU, whose lowest code is that of 0.
SCALE, LOWEST = 0.05, -128


def _tensor(index: int, shape: Shape, data: NDArray[Any] | None, scale: float) -> Tensor:
    zero_point = LOWEST if data is None else 0
    quantization = Quantization(np.array([scale], np.float32), np.array([zero_point]), 0)
    kind = "int8" if data is None else str(data.dtype)
    return Tensor(index, f"t{index}", shape, kind, quantization, data, variable=False)


def _graph(name: str, source: Shape, target: Shape, constants: list[Tensor], options: Any) -> Graph:
    last = 1 + len(constants)
    tensors = (_tensor(0, source, None, SCALE), *constants, _tensor(last, target, None, SCALE))
    op = Op(0, name, tuple(range(last)), (last,), options)
    return Graph(tensors, (op,), (0,), (last,), hashlib.sha256(name.encode()).digest())


def _weights(shape: Shape, zeros: float, together: int) -> NDArray[np.int8]:
    """zeros: share of weights that are 0, `together` neighbours at once."""
    rng = np.random.default_rng(1)
    kept = rng.random(math.prod(shape) // together) >= zeros
    values = rng.integers(-127, 128, shape) * np.repeat(kept, together).reshape(shape)
    return values.astype(np.int8)


def _weighted(
    name: str, source: Shape, target: Shape, weights: NDArray[np.int8], options: Any
) -> Graph:
    bias = np.random.default_rng(2).integers(-500, 500, target[-1]).astype(np.int32)
    scale = 1 / math.sqrt(weights.size / target[-1]) / 127
    constants = [
        _tensor(1, weights.shape, weights, scale),
        _tensor(2, bias.shape, bias, scale * SCALE),
    ]
    return _graph(name, source, target, constants, options)


def conv(size: Shape, kernel: Shape, rows: int, zeros: float = 0.0, together: int = 1) -> Graph:
    """Return a CONV_2D over `size` [height, width, channels] with VALID padding."""
    out = tuple(d - k + 1 for d, k in zip(size[:2], kernel, strict=True))
    options = Conv2DOptions(Padding.VALID, 1, 1, Activation.RELU)
    weights = _weights((rows, *kernel, size[2]), zeros, together)
    return _weighted("CONV_2D", (1, *size), (1, *out, rows), weights, options)


def depthwise(size: Shape, kernel: Shape) -> Graph:
    """Return a DEPTHWISE_CONV_2D with SAME padding."""
    options = DepthwiseConv2DOptions(Padding.SAME, 1, 1, 1, Activation.RELU)
    weights = _weights((1, *kernel, size[2]), 0.0, 1)
    return _weighted("DEPTHWISE_CONV_2D", (1, *size), (1, *size), weights, options)


def fully_connected(depth: int, rows: int, zeros: float = 0.0, together: int = 1) -> Graph:
    """Return a FULLY_CONNECTED."""
    options = FullyConnectedOptions(Activation.RELU)
    weights = _weights((rows, depth), zeros, together)
    return _weighted("FULLY_CONNECTED", (1, depth), (1, rows), weights, options)


def pool(name: str, size: Shape, filters: Shape) -> Graph:
    """Return a pool whose windows lie side by side."""
    out = tuple(d // f for d, f in zip(size[:2], filters, strict=True))
    height, width = filters
    options = Pool2DOptions(Padding.VALID, width, height, width, height, Activation.NONE)
    return _graph(name, (1, *size), (1, *out, size[2]), [], options)


def mean(size: Shape) -> Graph:
    """Return the MEAN over height and width."""
    axes = _tensor(1, (2,), np.array([1, 2], np.int32), 1.0)
    return _graph("MEAN", (1, *size), (1, size[2]), [axes], ReducerOptions())


def add(size: Shape) -> Graph:
    """Return the sum of the input and a constant of the same shape."""
    values = np.random.default_rng(1).integers(-128, 128, (1, *size), dtype=np.int8)
    constant = _tensor(1, (1, *size), values, SCALE / 3)
    return _graph("ADD", (1, *size), (1, *size), [constant], AddOptions(Activation.RELU))
