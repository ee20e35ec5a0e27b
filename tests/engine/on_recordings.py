"""The windows that the committed models are compared on."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hil.board import PROJECT_DIR
from hil.model_folder import load_model_folder
from hil.vectors import load_vectors
from pipeline.interp import run_layers
from pipeline.ir import Graph
from pipeline.preprocess import Preprocessing
from tests.engine.strategies import windows

MODELS = PROJECT_DIR / "test_vectors" / "models"
COUNT = 1000


def random_and_recorded(folder: Path, graph: Graph) -> NDArray[np.int8]:
    """Return COUNT random windows, the two extreme ones among them, and COUNT recorded ones."""
    constants = load_model_folder(folder).manifest.preprocessing
    assert constants is not None
    source = graph.tensors[graph.inputs[0]]
    raw = load_vectors(folder / "vectors.npz").raw[:COUNT]
    assert len(raw) == COUNT
    preprocessing = Preprocessing(constants.mean, constants.std)
    recorded = preprocessing.quantize(raw, float(source.scale), source.zero_point)
    return np.concatenate([windows(source.shape, 1, COUNT), recorded.reshape(COUNT, *source.shape)])


def crcs(layers: list[NDArray[Any]]) -> list[int]:
    """Return the CRC-32 of each layer's output, as it lies in memory."""
    return [zlib.crc32(layer.tobytes()) for layer in layers]


def interpreted(graph: Graph, inputs: NDArray[np.int8]) -> list[list[int]]:
    """Return the CRC-32 of every layer's output, per window, by the interpreter."""
    values = run_layers(graph, inputs)
    return [crcs([values[op.outputs[0]][i] for op in graph.ops]) for i in range(len(inputs))]
