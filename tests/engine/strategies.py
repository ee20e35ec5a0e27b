"""Hypothesis strategies: one-operator models of every supported operator, extremes included."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline.ir import Graph
from pipeline.options import Activation, Padding
from tests.engine.build_model import Builder, options

ACTIVATIONS = [Activation.NONE, Activation.RELU, Activation.RELU6, Activation.RELU_N1_TO_1]

zero_points = st.one_of(st.sampled_from([-128, -1, 0, 1, 127]), st.integers(-128, 127))
seeds = st.integers(0, 2**32 - 1)


def scales(low: int, high: int) -> st.SearchStrategy[float]:
    """Float32 scales between 2^low and 2^high, powers of two among them."""
    exponents = st.one_of(st.integers(low, high).map(float), st.floats(low, high))
    return exponents.map(lambda e: float(np.float32(2.0**e)))


def weights_of(draw: Any, rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.int8]:
    kind = draw(st.sampled_from(["any", "any", "lowest", "highest", "sparse"]))
    if kind == "any":
        return rng.integers(-128, 128, shape, dtype=np.int8)
    if kind == "sparse":
        return (rng.integers(-127, 128, shape) * (rng.random(shape) < 0.2)).astype(np.int8)
    return np.full(shape, -128 if kind == "lowest" else 127, np.int8)


Weights = Callable[[Any, np.random.Generator, tuple[int, ...]], NDArray[np.int8]]


def bias_of(draw: Any, rng: np.random.Generator, weights: NDArray[np.int8]) -> NDArray[np.int32]:
    """Biases as large as the verifier lets them be, or ordinary ones."""
    taken = np.abs(weights.reshape(len(weights), -1).astype(np.int64)).sum(axis=1).max() * 256
    room = int(2**31 - 1 - taken)
    kind = draw(st.sampled_from(["small", "small", "largest", "smallest"]))
    if kind == "small":
        return rng.integers(-20_000, 20_000, len(weights)).astype(np.int32)
    return np.full(len(weights), room if kind == "largest" else -room, np.int32)


def add_rows(draw: Any, builder: Builder, shape: tuple[int, ...], input_scale: float) -> list[int]:
    """Add weights of `shape`, scales per row or as a whole, and perhaps a bias."""
    rng = np.random.default_rng(draw(seeds))
    weights = weights_of(draw, rng, shape)
    per_row = draw(st.booleans())
    exponents = draw(scales(-14, 0)) * 2.0 ** rng.uniform(-6, 6, shape[0] if per_row else 1)
    row_scales = exponents.astype(np.float32)
    inputs = [builder.constant(weights, scale=row_scales)]
    if draw(st.booleans()):
        bias = bias_of(draw, rng, weights)
        inputs.append(builder.constant(bias, scale=np.float32(input_scale) * row_scales))
    return inputs


def extent(size: int, kernel: int, stride: int, dilation: int, padding: Padding) -> int:
    if padding == Padding.SAME:
        return -(-size // stride)
    return (size - (kernel - 1) * dilation - 1) // stride + 1


@st.composite
def conv_models(draw: Any) -> bytes:
    builder = Builder()
    padding = draw(st.sampled_from([Padding.SAME, Padding.VALID]))
    dims = [draw(st.integers(1, 9)), draw(st.sampled_from([1, 1, 2, 5, 8]))]
    kernel = [draw(st.integers(1, 5)), draw(st.sampled_from([1, 1, 2, 3]))]
    stride, dilation = ([draw(st.integers(1, 3)) for _ in range(2)] for _ in range(2))
    if padding == Padding.VALID:
        dims = [max(d, (k - 1) * r + 1) for d, k, r in zip(dims, kernel, dilation, strict=True)]
    batch, depth = (draw(st.integers(1, n)) for n in (2, 7))
    rows = draw(st.sampled_from([4, 8, 12]) | st.integers(1, 9))  # fours have a kernel of their own
    out = [extent(*a, padding) for a in zip(dims, kernel, stride, dilation, strict=True)]
    scale = draw(scales(-12, 2))
    source = builder.tensor((batch, *dims, depth), scale=scale, zero_point=draw(zero_points))
    weights = add_rows(draw, builder, (rows, *kernel, depth), scale)
    target = builder.tensor((batch, *out, rows), scale=draw(scales(-10, 4)),
                            zero_point=draw(zero_points))  # fmt: skip
    builder.op("CONV_2D", [source, *weights], [target], options(
        "Conv2DOptions", padding=padding, strideH=stride[0], strideW=stride[1],
        dilationHFactor=dilation[0], dilationWFactor=dilation[1],
        fusedActivationFunction=draw(st.sampled_from(ACTIVATIONS)),
    ))  # fmt: skip
    return builder.finish([source], [target])


@st.composite
def fully_connected_models(draw: Any) -> bytes:
    builder = Builder()
    batch, depth, rows = (draw(st.integers(1, n)) for n in (3, 40, 19))
    scale = draw(scales(-12, 2))
    source = builder.tensor((batch, depth), scale=scale, zero_point=draw(zero_points))
    weights = add_rows(draw, builder, (rows, depth), scale)
    target = builder.tensor((batch, rows), scale=draw(scales(-10, 4)),
                            zero_point=draw(zero_points))  # fmt: skip
    activation = draw(st.sampled_from(ACTIVATIONS))
    builder.op("FULLY_CONNECTED", [source, *weights], [target],
               options("FullyConnectedOptions", fusedActivationFunction=activation))  # fmt: skip
    return builder.finish([source], [target])


@st.composite
def max_pool_models(draw: Any, operator: str = "MAX_POOL_2D") -> bytes:
    builder = Builder()
    padding = draw(st.sampled_from([Padding.SAME, Padding.VALID]))
    filters, stride = ([draw(st.integers(1, 4)) for _ in range(2)] for _ in range(2))
    dims = [draw(st.integers(1, 9)), draw(st.integers(1, 6))]
    if padding == Padding.VALID:
        dims = [max(d, f) for d, f in zip(dims, filters, strict=True)]
    batch, depth = draw(st.integers(1, 2)), draw(st.integers(1, 6))
    out = [extent(d, f, s, 1, padding) for d, f, s in zip(dims, filters, stride, strict=True)]
    quantized = {"scale": draw(scales(-8, 4)), "zero_point": draw(zero_points)}
    source = builder.tensor((batch, *dims, depth), **quantized)
    target = builder.tensor((batch, *out, depth), **quantized)
    builder.op(operator, [source], [target], options(
        "Pool2DOptions", padding=padding, strideH=stride[0], strideW=stride[1],
        filterHeight=filters[0], filterWidth=filters[1],
        fusedActivationFunction=draw(st.sampled_from(ACTIVATIONS)),
    ))  # fmt: skip
    return builder.finish([source], [target])


@st.composite
def mean_models(draw: Any) -> bytes:
    builder = Builder()
    shape = tuple(draw(st.integers(1, 7)) for _ in range(4))
    axes = draw(st.sampled_from([(1, 2), (2, 1), (-3, -2), (1,), (2,), (3,), (0, 1, 2, 3), (2, 3)]))
    keep = draw(st.booleans())
    reduced = {a % 4 for a in axes}
    out = tuple(1 if i in reduced else d for i, d in enumerate(shape) if keep or i not in reduced)
    source = builder.tensor(shape, scale=draw(scales(-10, 4)), zero_point=draw(zero_points))
    places = builder.constant(np.array(axes, np.int32))
    target = builder.tensor(out or (1,), scale=draw(scales(-10, 4)), zero_point=draw(zero_points))
    builder.op("MEAN", [source, places], [target], options("ReducerOptions", keepDims=keep))
    return builder.finish([source], [target])


@st.composite
def softmax_models(draw: Any) -> bytes:
    builder = Builder()
    shape = (draw(st.integers(1, 3)), draw(st.sampled_from([1, 2, 3, 7, 100, 511])))
    source = builder.tensor(shape, scale=draw(scales(-20, 6)), zero_point=draw(zero_points))
    target = builder.tensor(shape, scale=1 / 256, zero_point=-128)
    beta = draw(st.sampled_from([1.0, 0.5, 0.3, 2.0]))
    builder.op("SOFTMAX", [source], [target], options("SoftmaxOptions", beta=beta))
    return builder.finish([source], [target])


@st.composite
def reshape_models(draw: Any) -> bytes:
    builder = Builder()
    shape = tuple(draw(st.integers(1, 5)) for _ in range(3))
    quantized = {"scale": draw(scales(-8, 4)), "zero_point": draw(zero_points)}
    source = builder.tensor(shape, **quantized)
    flat = (shape[0] * shape[1], shape[2])
    target = builder.tensor(flat, **quantized)
    inputs = [source, builder.constant(np.array(flat, np.int32))]
    builder.op("RESHAPE", inputs, [target], options("ReshapeOptions", newShape=list(flat)))
    return builder.finish([source], [target])


@st.composite
def strided_slice_models(draw: Any) -> bytes:
    """One piece of memory: all of the last axes, one place or a run of the one before."""
    builder = Builder()
    steps, depth = draw(st.integers(1, 9)), draw(st.integers(1, 9))
    begin = draw(st.integers(-steps, steps - 1))
    shrink = draw(st.booleans())
    end = begin + 1 if shrink else draw(st.integers(begin % steps + 1, steps))
    quantized = {"scale": draw(scales(-8, 4)), "zero_point": draw(zero_points)}
    source = builder.tensor((1, steps, depth), **quantized)
    out = (1, depth) if shrink else (1, end - begin % steps, depth)
    target = builder.tensor(out, **quantized)
    vectors = [np.array(v, np.int32) for v in ([0, begin, 0], [0, end, 0], [1, 1, 1])]
    inputs = [source, *(builder.constant(v) for v in vectors)]
    builder.op("STRIDED_SLICE", inputs, [target], options(
        "StridedSliceOptions", beginMask=5, endMask=5, shrinkAxisMask=2 if shrink else 0
    ))  # fmt: skip
    return builder.finish([source], [target])


@st.composite
def lstm_models(draw: Any, values: Weights = weights_of) -> bytes:
    """values: what draws a matrix of weights."""
    builder = Builder()
    steps, depth, units = (draw(st.integers(1, n)) for n in (6, 7, 9))
    major = draw(st.booleans())
    rng = np.random.default_rng(draw(seeds))
    lead = (steps, 1) if major else (1, steps)
    source = builder.tensor((*lead, depth), scale=draw(scales(-8, 0)), zero_point=draw(zero_points))
    hidden_quantized = {"scale": draw(scales(-9, -4)), "zero_point": draw(zero_points)}
    inputs = [source] + [-1] * 23
    for place in range(1, 9):
        shape = (units, depth if place <= 4 else units)
        scale = draw(scales(-12, -4))
        inputs[place] = builder.constant(values(draw, rng, shape), scale=scale)
    for place in range(12, 16):
        inputs[place] = builder.constant(rng.integers(-30_000, 30_000, units).astype(np.int32))
    inputs[18] = builder.tensor((1, units), **hidden_quantized, variable=True)
    cell_scale = 2.0 ** draw(st.integers(-15, -3))
    inputs[19] = builder.tensor((1, units), "int16", scale=cell_scale, variable=True)
    target = builder.tensor((*lead, units), **hidden_quantized)
    builder.op("UNIDIRECTIONAL_SEQUENCE_LSTM", inputs, [target], options(
        "UnidirectionalSequenceLSTMOptions", fusedActivationFunction=Activation.TANH,
        cellClip=draw(st.sampled_from([0.0, 0.7, 10.0])), timeMajor=major,
    ))  # fmt: skip
    return builder.finish([source], [target])


MODELS = {
    "CONV_2D": conv_models(),
    "FULLY_CONNECTED": fully_connected_models(),
    "MAX_POOL_2D": max_pool_models(),
    "MEAN": mean_models(),
    "SOFTMAX": softmax_models(),
    "RESHAPE": reshape_models(),
    "STRIDED_SLICE": strided_slice_models(),
    "UNIDIRECTIONAL_SEQUENCE_LSTM": lstm_models(),
}


def windows_of(graph: Graph, seed: int, count: int) -> NDArray[Any]:
    """Return `count` random windows of a model's input, of its dtype, the extreme ones first."""
    source = graph.tensors[graph.inputs[0]]
    codes = windows(source.shape, seed, count)
    if source.dtype == "float32":
        scale = np.float32(graph.output_of(graph.ops[0]).scale)
        # Halves of steps, and what no code can say; beyond 32 bits TFLM's result is undefined.
        reals = codes.astype(np.float32) * np.float32(0.5) * scale
        reals[-1] *= np.float32(1e6)
        return reals
    return codes.view(source.dtype)


def windows(shape: tuple[int, ...], seed: int, count: int) -> NDArray[np.int8]:
    """Return `count` random windows, the two extreme ones first."""
    drawn = np.random.default_rng(seed).integers(-128, 128, (count, *shape), dtype=np.int8)
    drawn[:2] = np.array([-128, 127], np.int8).reshape(2, *[1] * len(shape))
    return drawn
