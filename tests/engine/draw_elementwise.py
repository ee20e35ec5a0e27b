"""Hypothesis strategies: ADD, SUB, MUL, MAXIMUM, MINIMUM and functions of one code."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from tests.engine.build_model import Builder, options
from tests.engine.strategies import ACTIVATIONS, scales, seeds, zero_points

SHAPES = [(1, 4, 3, 5), (2, 3, 1, 4), (1, 7), (3, 5), (1, 1, 1, 1), (6,)]


def quantization(draw: Any, low: int = -8, high: int = 4) -> dict[str, Any]:
    return {"scale": draw(scales(low, high)), "zero_point": draw(zero_points)}


def other_side(draw: Any, builder: Builder, source: int, quantized: dict[str, Any]) -> int:
    """Return the second operand: the input on another scale, its mean, or a constant."""
    shape = tuple(builder.tensors[source].shape)
    kind = draw(st.sampled_from(["rescaled", "mean", "constant", "broadcast", "scalar", "outer"]))
    if kind == "rescaled":
        other = builder.tensor(shape, **quantized)
        builder.op("QUANTIZE", [source], [other])
        return other
    if kind == "mean" and len(shape) == 4:
        axes = builder.constant(np.array([1, 2], np.int32))
        other = builder.tensor((shape[0], 1, 1, shape[3]), **quantized)
        builder.op("MEAN", [source, axes], [other], options("ReducerOptions", keepDims=True))
        return other
    rng = np.random.default_rng(draw(seeds))
    if kind == "constant":
        drawn = shape
    elif kind == "outer" and len(shape) == 4:
        drawn = (2, *shape[1:2], 1, 1) if shape[0] == 1 else (shape[1], 3, 1)
    else:
        drawn = shape[-1:] if kind == "broadcast" else ()
    return builder.constant(rng.integers(-128, 128, drawn, dtype=np.int8), **quantized)


@st.composite
def binary_models(draw: Any, operator: str) -> bytes:
    builder = Builder()
    quantized = quantization(draw)
    source = builder.tensor(draw(st.sampled_from(SHAPES)), **quantized)
    same = operator in ("MAXIMUM", "MINIMUM")
    other = other_side(draw, builder, source, quantized if same else quantization(draw))
    sides = [source, other] if draw(st.booleans()) else [other, source]
    out = np.broadcast_shapes(*(tuple(builder.tensors[i].shape) for i in sides))
    if same:
        target = builder.tensor(out, **quantized)
        builder.op(operator, sides, [target])
        return builder.finish([source], [target])
    target = builder.tensor(out, **quantization(draw, -6, 6))
    kind = {"ADD": "AddOptions", "SUB": "SubOptions", "MUL": "MulOptions"}[operator]
    activation = draw(st.sampled_from(ACTIVATIONS))
    builder.op(operator, sides, [target], options(kind, fusedActivationFunction=activation))
    return builder.finish([source], [target])


@st.composite
def unary_models(draw: Any, operator: str) -> bytes:
    builder = Builder()
    before = quantization(draw)
    after = {
        "RELU6": before,
        "LOGISTIC": {"scale": 1 / 256, "zero_point": -128},
        "TANH": {"scale": 1 / 128, "zero_point": 0},
    }.get(operator) or {
        "scale": float(np.float32(before["scale"] * draw(scales(-6, 6)))),
        "zero_point": draw(zero_points),
    }
    shape = draw(st.sampled_from([(1, 256), (2, 3, 4, 5)]))
    source, target = builder.tensor(shape, **before), builder.tensor(shape, **after)
    alpha = draw(st.sampled_from([0.0, 0.01, 0.2, 1.0, 1.5]))
    kind = options("LeakyReluOptions", alpha=alpha) if operator == "LEAKY_RELU" else None
    builder.op(operator, [source], [target], kind)
    return builder.finish([source], [target])


UNARY = ["RELU", "RELU6", "LEAKY_RELU", "HARD_SWISH", "LOGISTIC", "TANH", "QUANTIZE"]

MODELS = {
    **{name: binary_models(name) for name in ("ADD", "SUB", "MUL", "MAXIMUM", "MINIMUM")},
    **{name: unary_models(name) for name in UNARY},
}
