"""Small models of the kinds that people deploy, as TensorFlow's converter writes them.

Every layer's bytes in the interpreter, in TFLM and in the C on this machine, and no goal of
--optimize changes one. The files and how they are made are in tests/engine/converted.
"""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.emit_c import Source, generate
from pipeline.emit_c.choice import GOALS
from pipeline.interp import run_layers
from pipeline.ir import Graph
from pipeline.verify import read_verified
from tests.engine.native import Program
from tests.engine.strategies import windows
from tests.engine.tflm import Tflm

FILES = sorted((Path(__file__).parent / "converted").glob("*.tflite"))


def inputs_of(graph: Graph) -> NDArray[np.generic]:
    source = graph.tensors[graph.inputs[0]]
    codes = windows(source.shape, 3, 8)
    if source.dtype == "float32":
        return np.random.default_rng(1).normal(size=codes.shape).astype(np.float32)
    return codes.view(source.dtype)


def test_the_kinds_are_there() -> None:
    used = {op.name for path in FILES for op in read_verified(path).ops}
    assert len(FILES) == 9
    assert {"EXPAND_DIMS", "UNPACK", "PACK", "SPLIT", "LEAKY_RELU", "PAD", "DEQUANTIZE"} <= used


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_every_layer_is_the_same_everywhere(path: Path, tmp_path: Path) -> None:
    graph = read_verified(path)
    inputs = inputs_of(graph)
    layers = run_layers(graph, inputs)
    tflm = Tflm(path.read_bytes())
    expected = []
    for i, window in enumerate(inputs):
        ours = [layers[op.outputs[0]][i] for op in graph.ops]
        for op, mine, theirs in zip(graph.ops, ours, tflm.layers(graph, window), strict=True):
            assert mine.tobytes() == theirs.astype(mine.dtype).tobytes(), graph.layer_name(op)
        expected.append([zlib.crc32(values.tobytes()) for values in ours])
    source = Source(graph)
    codes = [generate(source, f"m{i}", goal) for i, goal in enumerate(GOALS)]
    program = Program([source] * len(GOALS), tmp_path, codes=codes)
    for i, goal in enumerate(GOALS):
        assert program.crcs(i, inputs).tolist() == expected, goal
