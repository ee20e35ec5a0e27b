"""The committed models: TFLM, the interpreter and the emitted C agree on every byte of every layer.

On 1,000 random windows and 1,000 recorded ones each.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.emit_c import Source
from pipeline.interp import run
from pipeline.verify import read_verified
from tests.engine.native import Program
from tests.engine.on_recordings import MODELS, crcs, interpreted, random_and_recorded
from tests.engine.strategies import windows
from tests.engine.tflm import Tflm

FILES = ["cnn/int8", "lstm/int8", "dense/int8", "cnn/qat", "dense/qat"]


@pytest.mark.parametrize("file", FILES)
def test_every_layer_is_the_same_everywhere(file: str, tmp_path: Path) -> None:
    path = MODELS / f"{file}.tflite"
    graph = read_verified(path)
    inputs = random_and_recorded(path.parent, graph)
    ours = interpreted(graph, inputs)
    tflm = Tflm(path.read_bytes())
    assert ours == [crcs(tflm.layers(graph, window)) for window in inputs]
    program = Program([Source(graph)], tmp_path, optimize="-O2")
    assert program.crcs(0, inputs).tolist() == ours


def test_state_does_not_pass_from_one_window_to_the_next() -> None:
    graph = read_verified(MODELS / "lstm/int8.tflite")
    inputs = windows(graph.tensors[graph.inputs[0]].shape, 2, 70)  # more than one batch
    alone = np.concatenate([run(graph, window[None]) for window in inputs[::9]])
    np.testing.assert_array_equal(run(graph, inputs)[::9], alone)


def test_axes_of_one_may_be_left_out_of_the_input() -> None:
    graph = read_verified(MODELS / "cnn/int8.tflite")
    inputs = windows((1, 50, 6), 3, 4)
    np.testing.assert_array_equal(run(graph, inputs[:, 0]), run(graph, inputs))
