"""The committed models in both boards' firmware, on the embedded emulator: exact in every layer.

On the same windows as tests/engine/test_reference_models.py, read by the layer tap; and what one
inference costs there in executed instructions.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hil.backend.embedded import EmbeddedBackend
from hil.board import load_board
from hil.device import Device
from hil.firmware.build import build
from pipeline.ir import Graph
from pipeline.verify import read_verified
from tests.engine.on_recordings import MODELS, interpreted, random_and_recorded

pytest.importorskip("unicorn", reason="the emulator extra is not installed")

#: Most instructions of one inference: about a twentieth above what GCC 12.2's code takes. A change
#: that costs more is worth a look.
BUDGET = {"cnn": 76_000, "dense": 16_200, "lstm": 626_000}

PAIRS = [(arch, board) for arch in BUDGET for board in ("nano33", "sensortile")]


@pytest.fixture(scope="module", params=PAIRS, ids="-".join)
def running(request: pytest.FixtureRequest) -> Iterator[tuple[str, Graph, Device]]:
    arch, name = request.param
    board = load_board(name)
    backend = EmbeddedBackend()
    device = Device(backend.open(board, build(board, MODELS / arch), None))
    device.identify()
    yield arch, read_verified(MODELS / arch / "int8.tflite"), device
    backend.close()


@pytest.mark.slow
def test_every_layer_is_the_interpreters(running: tuple[str, Graph, Device]) -> None:
    arch, graph, device = running
    inputs = random_and_recorded(MODELS / arch, graph)
    expected = interpreted(graph, inputs)
    for window, layers in zip(inputs, expected, strict=True):
        assert device.tap(window.tobytes())[1] == layers


def test_one_inference_is_within_its_budget(running: tuple[str, Graph, Device]) -> None:
    arch, graph, device = running
    for window in random_and_recorded(MODELS / arch, graph)[::400]:
        # On the emulator the cycle counter counts executed instructions, exactly.
        total, layers = device.cycles(window.tobytes())
        assert sum(layers) <= total <= BUDGET[arch]
