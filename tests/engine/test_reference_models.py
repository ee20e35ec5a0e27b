"""The committed models: TFLM, the interpreter and the emitted C agree on every byte of every layer.

1,000 random windows (the two extreme ones among them) and 1,000 recorded ones each.
"""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from hil.board import PROJECT_DIR
from hil.model_folder import load_model_folder
from hil.vectors import load_vectors
from pipeline.emit_c import Source
from pipeline.interp import run, run_layers
from pipeline.ir import Graph
from pipeline.preprocess import Preprocessing
from pipeline.verify import read_verified
from tests.engine.native import Program
from tests.engine.strategies import windows
from tests.engine.tflm import Tflm

MODELS = PROJECT_DIR / "test_vectors" / "models"
COUNT = 1000
FILES = ["cnn/int8", "lstm/int8", "dense/int8", "cnn/qat", "dense/qat"]


def recorded(folder: Path, graph: Graph) -> NDArray[np.int8]:
    """Return COUNT recorded windows as the model's input."""
    constants = load_model_folder(folder).manifest.preprocessing
    assert constants is not None
    source = graph.tensors[graph.inputs[0]]
    raw = load_vectors(folder / "vectors.npz").raw[:COUNT]
    assert len(raw) == COUNT
    preprocessing = Preprocessing(constants.mean, constants.std)
    quantized = preprocessing.quantize(raw, float(source.scale), source.zero_point)
    return quantized.reshape(COUNT, *source.shape)


def crcs(layers: list[NDArray[np.int8]]) -> list[int]:
    return [zlib.crc32(layer.astype(np.int8).tobytes()) for layer in layers]


@pytest.mark.parametrize("file", FILES)
def test_every_layer_is_the_same_everywhere(file: str, tmp_path: Path) -> None:
    path = MODELS / f"{file}.tflite"
    graph = read_verified(path)
    shape = graph.tensors[graph.inputs[0]].shape
    inputs = np.concatenate([windows(shape, 1, COUNT), recorded(path.parent, graph)])
    values = run_layers(graph, inputs)
    ours = [[values[op.outputs[0]][i] for op in graph.ops] for i in range(len(inputs))]
    interpreted = [crcs(layers) for layers in ours]
    tflm = Tflm(path.read_bytes())
    assert interpreted == [crcs(tflm.layers(graph, window)) for window in inputs]
    program = Program([Source(graph)], tmp_path, optimize="-O2")
    assert program.crcs(0, inputs).tolist() == interpreted


def test_state_does_not_pass_from_one_window_to_the_next() -> None:
    graph = read_verified(MODELS / "lstm/int8.tflite")
    inputs = windows(graph.tensors[graph.inputs[0]].shape, 2, 70)  # more than one batch
    alone = np.concatenate([run(graph, window[None]) for window in inputs])
    np.testing.assert_array_equal(run(graph, inputs), alone)


def test_axes_of_one_may_be_left_out_of_the_input() -> None:
    graph = read_verified(MODELS / "cnn/int8.tflite")
    inputs = windows((1, 50, 6), 3, 4)
    np.testing.assert_array_equal(run(graph, inputs[:, 0]), run(graph, inputs))
