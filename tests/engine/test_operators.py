"""Every operator, on models drawn at random: interpreter == TFLM, and emitted C == interpreter."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from pipeline.emit_c import Source
from pipeline.interp import run_layers
from pipeline.ir import Graph
from pipeline.ops import OPERATORS
from pipeline.tflite import parse_tflite
from pipeline.verify import verify
from tests.engine.native import Program
from tests.engine.strategies import MODELS, seeds, windows
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
    inputs = windows(graph.tensors[graph.inputs[0]].shape, seed, WINDOWS)
    values = run_layers(graph, inputs)[graph.outputs[0]]
    tflm = Tflm(model)
    for window, value in zip(inputs, values, strict=True):
        np.testing.assert_array_equal(tflm.layers(graph, window)[-1], value)


def drawn(operator: str, count: int) -> list[bytes]:
    """Return `count` models as `@given` draws them."""
    models: list[bytes] = []

    @settings(max_examples=count, phases=[Phase.generate], database=None)
    @given(MODELS[operator])
    def collect(model: bytes) -> None:
        models.append(model)

    collect()
    return models


def test_emitted_c_equals_interpreter(tmp_path: Path) -> None:
    # One program for all: a compiler run per example would take minutes.
    models = [model for operator in MODELS for model in drawn(operator, 4)]
    for i, model in enumerate(models):
        (tmp_path / f"{i}.tflite").write_bytes(model)  # what a failure names
    graphs = [graph_of(model) for model in models]
    program = Program([Source(graph) for graph in graphs], tmp_path)
    for i, graph in enumerate(graphs):
        inputs = windows(graph.tensors[graph.inputs[0]].shape, i, WINDOWS)
        values = run_layers(graph, inputs)[graph.outputs[0]]
        expected = [[zlib.crc32(value.tobytes())] for value in values]
        assert program.crcs(i, inputs).tolist() == expected, f"{tmp_path}/{i}.tflite"
