"""Hypothesis strategies: layers that fast kernels can compute, drawn over all that these allow.

Shapes, strides, paddings, zero points, activations and which weights are zero are drawn freely.
Scales are such that results spread over the codes, or reach to the ends of what a multiplier can
be, row by row: from less than 2^-31, where it is nothing, to left shifts, which plain kernels take.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline.options import Padding
from tests.engine.build_model import Builder, options
from tests.engine.strategies import ACTIVATIONS, extent, lstm_models, seeds, zero_points

PADDINGS = [Padding.SAME, Padding.VALID]
SOURCE_SCALE = 0.1


def pruned(draw: Any, shape: tuple[int, ...], axis: int = 0) -> NDArray[np.int8]:
    """Weights of which some are zero: single ones, pairs along the last axis, whole channels."""
    rng = np.random.default_rng(draw(seeds))
    density = draw(st.sampled_from([0.05, 0.2, 0.5, 1.0]))
    kept = rng.random((*shape[:-1], -(-shape[-1] // 2), 2)) < density
    if draw(st.booleans()):
        kept[..., 1] = kept[..., 0]
    kept = kept.reshape(*shape[:-1], -1)[..., : shape[-1]]
    channels = rng.random(shape[axis]) < draw(st.sampled_from([0.3, 1.0]))
    kept &= np.expand_dims(channels, [i for i in range(len(shape)) if i != axis])
    lowest = draw(st.sampled_from([-128, -127]))
    kind = draw(st.sampled_from(["any", "any", "any", "lowest", "highest"]))
    values = {"any": rng.integers(lowest, 128, shape), "lowest": lowest, "highest": 127}[kind]
    return (values * kept).astype(np.int8)


#: Powers of two between which a row's multiplier lies: as the fast kernels take it, to the last
#: shift that they do; beyond either end of what there is.
MULTIPLIERS = [(-10.0, -5.0), (-22.0, -1.01), (-34.0, -1.0), (-2.0, 20.0)]


def scales_of(draw: Any, rng: np.random.Generator, rows: int, tame: float) -> NDArray[np.float32]:
    """Scales of rows of weights, for an output whose scale is `tame` · SOURCE_SCALE."""
    low, high = draw(st.sampled_from([(0.0, 0.0), *MULTIPLIERS]))
    if low == high:
        return (0.01 * 2.0 ** rng.uniform(-3, 0, rows)).astype(np.float32)
    exponents = rng.uniform(low, high, rows)
    if draw(st.booleans()):
        exponents = np.clip(np.round(exponents), np.ceil(low), np.floor(high))
    return (tame * 2.0**exponents).astype(np.float32)


def finish(  # noqa: PLR0917 - what differs between the models
    draw: Any, builder: Builder, name: str, source: int, weights: NDArray[np.int8], axis: int,
    out: tuple[int, ...], made: Any,
) -> bytes:  # fmt: skip
    """Add constants of a layer with one scale per channel, and the layer."""
    rows = weights.shape[axis]
    rng = np.random.default_rng(draw(seeds))
    depth = max(1, np.count_nonzero(weights) // rows)
    scale = 0.03 * depth**0.5
    scales = scales_of(draw, rng, rows, scale / SOURCE_SCALE)
    constant = builder.constant(weights, scale=scales)
    builder.tensors[constant].quantization.quantizedDimension = axis
    bias = rng.integers(-9000, 9000, rows).astype(np.int32)
    inputs = [source, constant, builder.constant(bias, scale=np.float32(SOURCE_SCALE) * scales)]
    zero_point = draw(zero_points)
    target = builder.tensor(out, scale=scale, zero_point=zero_point)
    builder.op(name, inputs, [target], made)
    return builder.finish([source], [target])


def windows_of(
    draw: Any, *, dilated: bool
) -> tuple[dict[str, Any], list[int], list[int], list[int]]:
    """Return option fields of a convolution, and its input, kernel and output along both axes."""
    padding = draw(st.sampled_from(PADDINGS))
    kernel = [draw(st.sampled_from([1, 3])), draw(st.sampled_from([1, 2, 3, 5]))]
    stride = [draw(st.integers(1, 2)), draw(st.integers(1, 3))]
    dilation = [draw(st.integers(1, 2)), draw(st.integers(1, 2 if dilated else 1))]
    dims = [draw(st.integers(1, 6)), draw(st.integers(4, 40))]
    if draw(st.booleans()):  # a convolution over time
        dims, kernel, stride, dilation = ([v[1], 1] for v in (dims, kernel, stride, dilation))
    if padding == Padding.VALID:
        dims = [max(d, (k - 1) * r + 1) for d, k, r in zip(dims, kernel, dilation, strict=True)]
    out = [extent(*a, padding) for a in zip(dims, kernel, stride, dilation, strict=True)]
    fields = {
        "padding": padding, "strideH": stride[0], "strideW": stride[1],
        "dilationHFactor": dilation[0], "dilationWFactor": dilation[1],
        "fusedActivationFunction": draw(st.sampled_from(ACTIVATIONS)),
    }  # fmt: skip
    return fields, dims, kernel, out


@st.composite
def conv_models(draw: Any) -> bytes:
    """CONV_2D."""
    builder = Builder()
    fields, dims, kernel, out = windows_of(draw, dilated=True)
    batch, depth = draw(st.integers(1, 2)), draw(st.sampled_from([1, 3, 4, 6, 40]))
    rows = draw(st.sampled_from([4, 8, 12]) | st.integers(1, 9))  # packed kernels take fours
    source = builder.tensor((batch, *dims, depth), scale=SOURCE_SCALE, zero_point=draw(zero_points))
    weights = pruned(draw, (rows, *kernel, depth))
    made = options("Conv2DOptions", **fields)
    return finish(draw, builder, "CONV_2D", source, weights, 0, (batch, *out, rows), made)


@st.composite
def line_models(draw: Any) -> bytes:
    """CONV_2D along one line of inputs, without stride or padding."""
    builder = Builder()
    kernel = draw(st.integers(1, 5))
    columns = draw(st.integers(kernel, 60))
    depth, rows = 2 * draw(st.integers(1, 9)), 4 * draw(st.integers(1, 3))
    source = builder.tensor(
        (1, columns, 1, depth), scale=SOURCE_SCALE, zero_point=draw(zero_points)
    )
    weights = pruned(draw, (rows, kernel, 1, depth))
    activation = draw(st.sampled_from(ACTIVATIONS))
    made = options("Conv2DOptions", padding=Padding.VALID, strideH=1, strideW=1,
                   fusedActivationFunction=activation)  # fmt: skip
    out = (1, columns - kernel + 1, 1, rows)
    return finish(draw, builder, "CONV_2D", source, weights, 0, out, made)


@st.composite
def fully_connected_models(draw: Any, step: int) -> bytes:
    """FULLY_CONNECTED; inputs are a multiple of `step`."""
    builder = Builder()
    batch, rows = draw(st.integers(1, 2)), draw(st.integers(1, 19))
    depth = step * draw(st.integers(1, 40) | st.sampled_from([150, 256]))
    source = builder.tensor((batch, depth), scale=SOURCE_SCALE, zero_point=draw(zero_points))
    weights = pruned(draw, (rows, depth))
    activation = draw(st.sampled_from(ACTIVATIONS))
    made = options("FullyConnectedOptions", fusedActivationFunction=activation)
    return finish(draw, builder, "FULLY_CONNECTED", source, weights, 0, (batch, rows), made)


@st.composite
def depthwise_models(draw: Any) -> bytes:
    """DEPTHWISE_CONV_2D, one kernel per channel."""
    builder = Builder()
    fields, dims, kernel, out = windows_of(draw, dilated=True)
    depth = 4 * draw(st.integers(1, 4))
    source = builder.tensor((1, *dims, depth), scale=SOURCE_SCALE, zero_point=draw(zero_points))
    weights = pruned(draw, (1, *kernel, depth), 3)
    made = options("DepthwiseConv2DOptions", depthMultiplier=1, **fields)
    return finish(draw, builder, "DEPTHWISE_CONV_2D", source, weights, 3, (1, *out, depth), made)


@st.composite
def pool_models(draw: Any) -> bytes:
    """MAX_POOL_2D and AVERAGE_POOL_2D."""
    builder = Builder()
    padding = draw(st.sampled_from(PADDINGS))
    filters, stride = ([draw(st.integers(1, 5)) for _ in range(2)] for _ in range(2))
    dims = [max(f, draw(st.integers(1, 9))) for f in filters]
    batch, depth = draw(st.integers(1, 2)), 4 * draw(st.integers(1, 5))
    out = [extent(d, f, s, 1, padding) for d, f, s in zip(dims, filters, stride, strict=True)]
    quantized = {"scale": 0.05, "zero_point": draw(zero_points)}
    source = builder.tensor((batch, *dims, depth), **quantized)
    target = builder.tensor((batch, *out, depth), **quantized)
    name = draw(st.sampled_from(["MAX_POOL_2D", "AVERAGE_POOL_2D"]))
    builder.op(name, [source], [target], options(
        "Pool2DOptions", padding=padding, strideH=stride[0], strideW=stride[1],
        filterHeight=filters[0], filterWidth=filters[1],
        fusedActivationFunction=draw(st.sampled_from(ACTIVATIONS)),
    ))  # fmt: skip
    return builder.finish([source], [target])


@st.composite
def mean_models(draw: Any) -> bytes:
    """MEAN over one axis or two."""
    builder = Builder()
    shape = (
        draw(st.integers(1, 2)),
        *(draw(st.integers(1, 9)) for _ in range(2)),
        4 * draw(st.integers(1, 4)),
    )
    axes = draw(st.sampled_from([(1, 2), (1,), (2,)]))
    out = tuple(d for i, d in enumerate(shape) if i not in axes)
    source = builder.tensor(shape, scale=SOURCE_SCALE, zero_point=draw(zero_points))
    scale = draw(st.floats(0.21, 0.6) | st.floats(-3, 20).map(lambda e: 0.1 * 2.0**e))
    target = builder.tensor(out, scale=scale, zero_point=draw(zero_points))
    inputs = [source, builder.constant(np.array(axes, np.int32))]
    builder.op("MEAN", inputs, [target], options("ReducerOptions", keepDims=False))
    return builder.finish([source], [target])


@st.composite
def sum_models(draw: Any) -> bytes:
    """ADD and SUB of one shape, also to a constant."""
    builder = Builder()
    shape = (1, draw(st.integers(1, 9)), draw(st.integers(1, 40)))
    powers = st.sampled_from([0.0, 0.0, -1.0, -2.3, -20.0]) | st.floats(-20, 0)
    scales = [0.1 * 2.0 ** draw(powers) for _ in range(2)]
    first = builder.tensor(shape, scale=scales[0], zero_point=draw(zero_points))
    if draw(st.booleans()):
        second = builder.tensor(shape, scale=scales[1], zero_point=draw(zero_points))
        builder.op("RELU", [first], [second])
    else:
        values = np.random.default_rng(draw(seeds)).integers(-128, 128, shape, dtype=np.int8)
        second = builder.constant(values, scale=scales[1])
    room = draw(st.just(1.3) | st.floats(-4, 12).map(lambda e: 2.0**e))
    target = builder.tensor(shape, scale=max(scales) * room, zero_point=draw(zero_points))
    name = draw(st.sampled_from(["ADD", "SUB"]))
    activation = draw(st.sampled_from(ACTIVATIONS))
    builder.op(name, [first, second], [target],
               options(f"{name.title()}Options", fusedActivationFunction=activation))  # fmt: skip
    return builder.finish([first], [target])


def without_lowest(_draw: Any, rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
    """Weights that the packed LSTM takes."""
    return rng.integers(-127, 128, shape, dtype=np.int8)


#: Models of each kind, and how many of them one test draws.
FAST = {
    "conv": (conv_models(), 10),
    "line": (line_models(), 5),
    "fully_connected": (fully_connected_models(1), 5),
    "even": (fully_connected_models(2), 4),
    "depthwise": (depthwise_models(), 6),
    "pool": (pool_models(), 5),
    "mean": (mean_models(), 5),
    "sum": (sum_models(), 6),
    "lstm": (st.one_of(lstm_models(without_lowest), lstm_models()), 4),
}
