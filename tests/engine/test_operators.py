"""Every operator, on models drawn at random: interpreter == TFLM, and emitted C == interpreter."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline.emit_c import Source
from pipeline.interp import run, run_layers
from pipeline.ir import Graph
from pipeline.ops import OPERATORS
from pipeline.quant import quantize_multiplier, requantize
from pipeline.tflite import parse_tflite
from pipeline.verify import verify
from tests.engine.build_model import Builder, options
from tests.engine.drawn import MODELS, drawn
from tests.engine.native import Program
from tests.engine.strategies import seeds, windows_of
from tests.engine.tflm import Tflm

WINDOWS = 6


def graph_of(model: bytes) -> Graph:
    graph = parse_tflite(model, "drawn.tflite")
    verify(graph, "drawn.tflite")
    return graph


def test_every_supported_operator_is_drawn() -> None:
    assert set(MODELS) == set(OPERATORS)


@pytest.mark.parametrize("operator", MODELS)
@settings(max_examples=60)
@given(data=st.data(), seed=seeds)
def test_interpreter_equals_tflm(operator: str, data: st.DataObject, seed: int) -> None:
    model = data.draw(MODELS[operator])
    graph = graph_of(model)
    inputs = windows_of(graph, seed, WINDOWS)
    values = run_layers(graph, inputs)
    tflm = Tflm(model)
    for i, window in enumerate(inputs):
        for op, expected in zip(graph.ops, tflm.layers(graph, window), strict=True):
            np.testing.assert_array_equal(values[op.outputs[0]][i], expected)


def finely_scaled(operator: str, scales: NDArray[np.float32], bias: int) -> bytes:
    """Return a model of one weight, 0, whose output is the requantized bias.

    scales: of input, weight and output.
    """
    source_scale, weight_scale, target_scale = scales
    shape, kind = {
        "CONV_2D": ((1, 1, 1, 1), options("Conv2DOptions", strideH=1, strideW=1)),
        "FULLY_CONNECTED": ((1, 1), options("FullyConnectedOptions")),
    }[operator]
    builder = Builder()
    source = builder.tensor(shape, scale=source_scale)
    weight = builder.constant(np.zeros(shape, np.int8), scale=weight_scale)
    start = builder.constant(np.array([bias], np.int32), scale=source_scale * weight_scale)
    target = builder.tensor(shape, scale=target_scale)
    builder.op(operator, [source, weight, start], [target], kind)
    return builder.finish([source], [target])


@pytest.mark.parametrize("operator", ["CONV_2D", "FULLY_CONNECTED"])
def test_scales_are_multiplied_in_float64_as_tflm_does(operator: str) -> None:
    """A product rounded to float32 shows in one accumulator of millions: those are looked for."""
    rng, found = np.random.default_rng(7), 0
    sums = rng.integers(0, 2**30, 1_000_000)
    for _ in range(12):
        scales = rng.uniform([0.01, 0.001, 1], [0.1, 0.1, 1]).astype(np.float32)
        scales[2] = scales[0] * scales[1] * np.float32(2**23)
        single, double = (
            requantize(sums, *quantize_multiplier(float(product) / float(scales[2])))
            for product in (scales[0] * scales[1], float(scales[0]) * float(scales[1]))
        )
        differ = np.flatnonzero((single != double) & (np.maximum(single, double) <= 127))
        for i in differ[:1]:
            model = finely_scaled(operator, scales, int(sums[i]))
            window = np.zeros(graph_of(model).tensors[0].shape, np.int8)
            (of_tflm,) = Tflm(model).layers(graph_of(model), window)
            assert of_tflm.item() == double[i] == run(graph_of(model), window[None]).item()
            found += 1
    assert found >= 5


def test_emitted_c_equals_interpreter(tmp_path: Path) -> None:
    # One program for all: a compiler run per example would take minutes.
    models = [model for operator in MODELS for model in drawn(operator, 4)]
    for i, model in enumerate(models):
        (tmp_path / f"{i}.tflite").write_bytes(model)  # what a failure names
    graphs = [graph_of(model) for model in models]
    program = Program([Source(graph) for graph in graphs], tmp_path)
    for i, graph in enumerate(graphs):
        inputs = windows_of(graph, i, WINDOWS)
        values = run_layers(graph, inputs)
        expected = [
            [zlib.crc32(values[op.outputs[0]][k].tobytes()) for op in graph.ops]
            for k in range(len(inputs))
        ]
        assert program.crcs(i, inputs).tolist() == expected, f"{tmp_path}/{i}.tflite"
