"""MLPerf Tiny's models: TFLM, the interpreter and emitted C agree on every byte of every layer."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from hil.backend.embedded import EmbeddedBackend
from hil.board import load_board
from hil.cli import main
from hil.device import Device
from hil.firmware.build import build
from pipeline.emit_c import Source
from pipeline.ir import Graph
from pipeline.verify import read_verified
from tests.engine.native import Program
from tests.engine.on_recordings import crcs, interpreted
from tests.engine.strategies import windows
from tests.engine.tflm import Tflm

NAMES = [
    "ad01_int8",
    "kws_ref_model",
    "pretrainedResnet_quant",
    "str_ww_ref_model",
    "vww_96_int8",
]
RANDOM, STRUCTURED = 100, 8


def mlperf(name: str) -> Path:
    """Return a model's path; skip where there is none."""
    folder = os.environ.get("TINYHIL_MLPERF_DIR")
    if not folder:
        pytest.skip("TINYHIL_MLPERF_DIR does not name a folder with MLPerf Tiny's models")
    return Path(folder) / f"{name}.tflite"


def inputs_of(graph: Graph) -> NDArray[np.int8]:
    """Return random windows, the extreme ones among them, then ramps, stripes and single spots."""
    shape = graph.tensors[graph.inputs[0]].shape
    drawn = windows(shape, 1, RANDOM)
    size = int(np.prod(shape))
    flat = np.zeros((STRUCTURED, size), np.int8)
    flat[0] = np.linspace(-128, 127, size).astype(np.int8)
    flat[1] = flat[0][::-1]
    for i, period in enumerate((2, 7, 64), start=2):
        flat[i] = np.where(np.arange(size) // period % 2, 127, -128)
    flat[5, :] = -128
    flat[5, size // 2] = 127
    flat[6, 0] = flat[7, -1] = 127
    return np.concatenate([drawn, flat.reshape(STRUCTURED, *shape)])


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_every_layer_is_the_same_everywhere(name: str, tmp_path: Path) -> None:
    path = mlperf(name)
    graph = read_verified(path)
    inputs = inputs_of(graph)
    ours = interpreted(graph, inputs)
    tflm = Tflm(path.read_bytes())
    assert ours == [crcs(tflm.layers(graph, window)) for window in inputs]
    program = Program([Source(graph)], tmp_path, optimize="-O2")
    assert program.crcs(0, inputs).tolist() == ours


#: Inputs in a board's firmware on the emulator. Few: a layer's bytes depend on the compiler's code,
#: which is the same for every input, and an inference of the larger ones takes millions of emulated
#: instructions. The last ones of `inputs_of`: structured ones, whose layers saturate.
ON_BOARD = {
    "ad01_int8": 20,
    "kws_ref_model": 20,
    "str_ww_ref_model": 20,
    "pretrainedResnet_quant": 4,
    "vww_96_int8": 4,
}
#: Names how many, where it should be more: with 100, all five take some minutes.
INPUTS_VARIABLE = "TINYHIL_MLPERF_INPUTS"


def on_board(name: str) -> int:
    """Return how many inputs a model gets in the firmware."""
    told = os.environ.get(INPUTS_VARIABLE, str(ON_BOARD[name]))
    assert told.isdecimal(), f"{INPUTS_VARIABLE}={told}: not a number"
    assert 1 <= int(told) <= RANDOM + STRUCTURED, f"{INPUTS_VARIABLE}={told}: 1 to 108"
    return int(told)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_every_layer_is_the_interpreters_in_the_firmware(name: str, tmp_path: Path) -> None:
    pytest.importorskip("unicorn", reason="the emulator extra is not installed")
    path = mlperf(name)
    graph = read_verified(path)
    inputs = inputs_of(graph)[-on_board(name) :]
    folder = tmp_path / name
    assert main(["import", "--int8", str(path), "--out", str(folder)]) == 0
    backend = EmbeddedBackend()
    board = load_board("nano33")
    try:
        device = Device(backend.open(board, build(board, folder), None))
        device.identify()
        seen = [device.tap(window.tobytes())[1] for window in inputs]
        assert len(seen) == on_board(name)
        assert seen == interpreted(graph, inputs)
    finally:
        backend.close()
