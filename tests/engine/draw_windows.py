"""Hypothesis strategies: models of one operator that moves a window over an image."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from pipeline.options import Padding
from tests.engine.build_model import Builder, options
from tests.engine.strategies import (
    ACTIVATIONS,
    bias_of,
    extent,
    max_pool_models,
    scales,
    seeds,
    weights_of,
    zero_points,
)


def add_channels(draw: Any, builder: Builder, shape: tuple[int, ...], scale: float) -> list[int]:
    """Add depthwise weights [1, height, width, channels], and perhaps a bias."""
    rng = np.random.default_rng(draw(seeds))
    weights = weights_of(draw, rng, (shape[3], *shape[1:3], 1))
    per_channel = draw(st.booleans())
    exponents = draw(scales(-14, 0)) * 2.0 ** rng.uniform(-6, 6, shape[3] if per_channel else 1)
    channel_scales = exponents.astype(np.float32)
    moved = np.ascontiguousarray(weights.transpose(3, 1, 2, 0))
    inputs = [builder.constant(moved, scale=channel_scales, axis=3)]
    if draw(st.booleans()):
        bias = bias_of(draw, rng, weights)
        inputs.append(builder.constant(bias, scale=np.float32(scale) * channel_scales))
    return inputs


@st.composite
def depthwise_models(draw: Any) -> bytes:
    builder = Builder()
    padding = draw(st.sampled_from([Padding.SAME, Padding.VALID]))
    dims = [draw(st.integers(1, 9)), draw(st.sampled_from([1, 1, 2, 5, 8]))]
    kernel = [draw(st.integers(1, 5)), draw(st.sampled_from([1, 1, 2, 3]))]
    stride, dilation = ([draw(st.integers(1, 3)) for _ in range(2)] for _ in range(2))
    if padding == Padding.VALID:
        dims = [max(d, (k - 1) * r + 1) for d, k, r in zip(dims, kernel, dilation, strict=True)]
    batch, depth, times = (draw(st.integers(1, n)) for n in (2, 7, 3))
    out = [extent(*a, padding) for a in zip(dims, kernel, stride, dilation, strict=True)]
    scale = draw(scales(-12, 2))
    source = builder.tensor((batch, *dims, depth), scale=scale, zero_point=draw(zero_points))
    weights = add_channels(draw, builder, (1, *kernel, depth * times), scale)
    target = builder.tensor((batch, *out, depth * times), scale=draw(scales(-10, 4)),
                            zero_point=draw(zero_points))  # fmt: skip
    builder.op("DEPTHWISE_CONV_2D", [source, *weights], [target], options(
        "DepthwiseConv2DOptions", padding=padding, strideH=stride[0], strideW=stride[1],
        depthMultiplier=times, dilationHFactor=dilation[0], dilationWFactor=dilation[1],
        fusedActivationFunction=draw(st.sampled_from(ACTIVATIONS)),
    ))  # fmt: skip
    return builder.finish([source], [target])


@st.composite
def svdf_models(draw: Any) -> bytes:
    builder = Builder()
    rank, units, depth, memory = (draw(st.integers(1, n)) for n in (3, 4, 7, 6))
    filters = rank * units
    rng = np.random.default_rng(draw(seeds))
    state_scale, time_scale = draw(scales(-12, -4)), draw(scales(-14, -8))
    source = builder.tensor((1, depth), scale=draw(scales(-8, 0)), zero_point=draw(zero_points))
    feature = weights_of(draw, rng, (filters, depth))
    room = min(2**15 - 1, (2**31 - 2**24) // (2**15 * rank * memory))
    time = rng.integers(-room, room + 1, (filters, memory)).astype(np.int16)
    bias = rng.integers(-(2**23), 2**23, units).astype(np.int32)
    inputs = [
        source,
        builder.constant(feature, scale=draw(scales(-12, -4))),
        builder.constant(time, scale=time_scale),
        builder.constant(bias, scale=np.float32(state_scale) * np.float32(time_scale)),
        builder.tensor((1, filters * memory), "int16", scale=state_scale, variable=True),
    ]
    target = builder.tensor((1, units), scale=draw(scales(-8, 0)), zero_point=-128)
    activation = draw(st.sampled_from(ACTIVATIONS[:2]))
    builder.op("SVDF", inputs, [target], options(
        "SVDFOptions", rank=rank, fusedActivationFunction=activation
    ))  # fmt: skip
    return builder.finish([source], [target])


MODELS = {
    "SVDF": svdf_models(),
    "DEPTHWISE_CONV_2D": depthwise_models(),
    "AVERAGE_POOL_2D": max_pool_models("AVERAGE_POOL_2D"),
}
