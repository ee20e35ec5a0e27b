"""SVDF with int8 input and weights and an int16 state, batch 1.

Each filter projects the input to one number, kept for `memory` steps; a unit is the sum of its
`rank` filters' weighted memories. One window is one step from a cleared state, as everywhere here;
`step` goes on from any state. A fused RELU is the output's range in a quantized model: TFLM does
not apply it a second time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.ir import Graph, Op
from pipeline.ops.base import (
    Operator,
    Values,
    check_accumulator,
    check_activation,
    check_options,
    check_per_tensor,
    constant,
    multipliers,
    require,
    row_dot,
)
from pipeline.options import Activation, SvdfOptions
from pipeline.quant import INT32_MAX, requantize

FEATURE, TIME, BIAS, STATE = 1, 2, 3, 4


@dataclass(frozen=True, eq=False)
class Svdf:
    """Sizes and constants. Pairs are (multiplier, shift) of `quant.requantize`."""

    depth: int
    filters: int
    memory: int
    rank: int
    feature: NDArray[np.int8]
    time: NDArray[np.int16]
    bias: NDArray[np.int64]
    to_state: tuple[int, int]
    to_output: tuple[int, int]


def svdf_of(graph: Graph, op: Op) -> Svdf:
    """Return what an SVDF whose tensors have been checked computes with."""
    source, state = graph.need(op, 0), graph.need(op, STATE)
    feature = constant(graph, op, FEATURE, "feature weights", "int8")
    time = constant(graph, op, TIME, "time weights", "int16")
    bias = constant(graph, op, BIAS, "bias", "int32")
    scales = [float(graph.need(op, i).scale) for i in (0, FEATURE, TIME, STATE)]
    m, s = multipliers(
        [
            scales[0] * scales[1] / scales[3],
            scales[3] * scales[2] / float(graph.output_of(op).scale),
        ]
    )
    check_accumulator(feature, np.zeros(len(feature), np.int64), source.zero_point)
    require(state.dtype == "int16", f"state is {state.dtype}, must be int16")
    return Svdf(
        depth=source.shape[1],
        filters=feature.shape[0],
        memory=time.shape[1],
        rank=op.options.rank,
        feature=feature,
        time=time,
        bias=bias.astype(np.int64),
        to_state=(int(m[0]), int(s[0])),
        to_output=(int(m[1]), int(s[1])),
    )


def _check(graph: Graph, op: Op) -> None:
    require(len(op.inputs) == 5 and len(op.outputs) == 1, "must have five inputs and one output")
    check_options(op, SvdfOptions)
    require(all(graph.input_of(op, i) is not None for i in range(5)), "lacks an input")
    source, target, state = graph.need(op, 0), graph.output_of(op), graph.need(op, STATE)
    check_activation(source, "input")
    check_activation(target, "output")
    relu_is_range = op.options.activation == Activation.RELU and target.zero_point == -128
    good = op.options.activation == Activation.NONE or relu_is_range
    require(good, f"has the fused activation {op.options.activation}")
    for place, what in ((FEATURE, "feature weights"), (TIME, "time weights"), (STATE, "state")):
        check_per_tensor(graph.need(op, place), what, 0, 0)
    feature = constant(graph, op, FEATURE, "feature weights", "int8")
    time = constant(graph, op, TIME, "time weights", "int16")
    bias = constant(graph, op, BIAS, "bias", "int32")
    require(feature.ndim == 2 and time.ndim == 2 and feature.size > 0, "weights are not matrices")
    filters, memory, rank = len(feature), time.shape[1], op.options.rank
    require(memory > 0 and rank > 0 and filters % rank == 0, "rank does not go with its filters")
    require(len(time) == filters, "weights differ in their filters")
    require(source.shape == (1, feature.shape[1]), f"input is {list(source.shape)}")
    require(target.shape == (1, filters // rank), f"output is {list(target.shape)}")
    require(bias.shape == (filters // rank,), f"bias has the shape {list(bias.shape)}")
    good = state.variable and state.data is None and state.shape == (1, filters * memory)
    require(good, "state is not a variable tensor of all filters' memories")
    _check_scales(graph, op)
    layer = svdf_of(graph, op)
    rows = np.abs(time.astype(np.int64)).sum(axis=1).reshape(-1, rank).sum(axis=1) * 2**15
    largest = int((rows + np.abs(layer.bias)).max())
    require(largest <= INT32_MAX, f"sums can reach {largest}, more than 32 bits hold")


def _check_scales(graph: Graph, op: Op) -> None:
    bias, product = graph.need(op, BIAS), graph.need(op, STATE).scale * graph.need(op, TIME).scale
    check_per_tensor(bias, "bias", 0, 0)
    near = abs(float(bias.scale) - float(product)) < 1e-5  # TFLM's own condition
    require(near, "bias scale is not state scale times time weights' scale")


def step(
    layer: Svdf, x: NDArray[np.int64], state: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return (state after, sums before the output's zero point) of inputs x [N, depth].

    x has its zero point taken out; state [N, filters, memory].
    """
    fresh = requantize(row_dot(x, layer.feature), *layer.to_state)
    moved = np.concatenate([state[:, :, 1:], np.clip(fresh, -(2**15), 2**15 - 1)[:, :, None]], 2)
    weighted = (moved * layer.time).sum(axis=2)
    sums = weighted.reshape(len(x), -1, layer.rank).sum(axis=2) + layer.bias
    return moved, requantize(sums, *layer.to_output)


def _svdf(graph: Graph, op: Op, values: Values) -> NDArray[np.int8]:
    layer, source, target = svdf_of(graph, op), graph.need(op, 0), graph.output_of(op)
    x = values[source.index].reshape(-1, layer.depth).astype(np.int64) - source.zero_point
    _, sums = step(layer, x, np.zeros((len(x), layer.filters, layer.memory), np.int64))
    return np.clip(sums + target.zero_point, -128, 127).astype(np.int8).reshape(-1, *target.shape)


def _macs(graph: Graph, op: Op) -> int:
    return graph.need(op, FEATURE).elements + graph.need(op, TIME).elements


OPERATORS = (Operator("SVDF", _check, _svdf, _macs),)
