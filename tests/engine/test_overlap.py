"""Kernels write over inputs: every access of the compiled C to the arena is looked at.

On an emulated core, so that it is the code a device runs that is judged, and not what the emitter
says of it: no layer may read a byte of its input that it has overwritten, and none may write
anything but its output, its scratch and its state.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hil.board import PROJECT_DIR
from pipeline.emit_c import emit_model
from pipeline.emit_c.choice import GOALS
from pipeline.ops import OPERATORS
from tests.engine.drawn import drawn
from tests.engine.strategies import windows

MODELS = PROJECT_DIR / "test_vectors" / "models"

#: Operators that may write over their input.
OVERLAPPING = [
    "CONV_2D", "DEPTHWISE_CONV_2D", "MAX_POOL_2D", "AVERAGE_POOL_2D", "ADD", "MUL", "MINIMUM",
    "LOGISTIC", "QUANTIZE", "DEQUANTIZE", "SOFTMAX", "UNIDIRECTIONAL_SEQUENCE_LSTM",
]  # fmt: skip

pytestmark = pytest.mark.skipif(
    shutil.which("arm-none-eabi-gcc") is None, reason="arm-none-eabi-gcc is not installed"
)


class Watch:
    """Which layer wrote each byte of the arena last; -1: none, or the model's input."""

    def __init__(self, core: Any, size: int) -> None:
        from unicorn import UC_HOOK_MEM_READ, UC_HOOK_MEM_WRITE

        self.uc, self.base = core._uc, core._at["m_arena"]
        self.writer = np.full(size, -1)
        self.layer, self.input, self.mine = -1, np.zeros(size, bool), np.zeros(size, bool)
        self.wrong: list[str] = []
        for kind, look in ((UC_HOOK_MEM_READ, self.read), (UC_HOOK_MEM_WRITE, self.write)):
            self.uc.hook_add(kind, look, None, self.base, self.base + size - 1)

    def bytes(self, address: int, size: int) -> slice:
        return slice(max(address - self.base, 0), address - self.base + size)

    def read(self, _uc: object, _kind: int, address: int, size: int, *_: object) -> None:
        where = self.bytes(address, size)
        if (self.input[where] & (self.writer[where] == self.layer)).any():
            self.wrong.append(f"layer {self.layer} reads what it has overwritten, at {where}")

    def write(self, _uc: object, _kind: int, address: int, size: int, *_: object) -> None:
        where = self.bytes(address, size)
        self.writer[where] = self.layer
        if self.layer >= 0 and not self.mine[where].all():
            self.wrong.append(f"layer {self.layer} writes what is not its own, at {where}")


def watch(path: Path, goal: str, folder: Path) -> tuple[list[str], int]:
    """Run a model on a window; return what was wrong and how many inputs were written over."""
    from benchmarks.support.bare_core import BareCore

    emitted = emit_model(path, "m", folder, goal=goal)
    graph, plan, core = emitted.graph, emitted.code.plan, BareCore(folder)
    seen = Watch(core, max(plan.size, 4))
    source, overlaps = graph.tensors[graph.inputs[0]], 0
    inputs = windows(source.shape, 4, 3)[2].astype(source.dtype)
    core.start(inputs.tobytes())
    for op in graph.ops:
        seen.layer = op.index
        seen.input[:] = seen.mine[:] = False
        target = graph.output_of(op)
        owned = [b for b in plan.placed if b.kind == "state"]
        owned += [b for b in plan.placed if b.kind == "scratch" and b.first_layer == op.index]
        for block in owned:
            seen.mine[block.offset : block.offset + block.size] = True
        at = plan.tensors[target.index]
        seen.mine[at : at + target.size] = True
        for tensor in graph.activations(op):
            start = plan.tensors[tensor.index]
            seen.input[start : start + tensor.size] = True
        moves = OPERATORS[op.name].alias(graph, op) is None
        overlaps += moves and bool(seen.input[at : at + target.size].any())
        core.layer(op.index)
    return seen.wrong, overlaps


@pytest.fixture(autouse=True)
def _emulator() -> None:
    pytest.importorskip("unicorn", reason="the emulator extra is not installed")


@pytest.mark.parametrize("goal", GOALS)
@pytest.mark.parametrize("arch", ["cnn", "dense", "lstm"])
def test_layers_of_the_reference_models_read_what_is_still_there(
    arch: str, goal: str, tmp_path: Path
) -> None:
    wrong, overlaps = watch(MODELS / arch / "int8.tflite", goal, tmp_path)
    assert wrong == []
    assert overlaps > 0 or arch == "dense"  # a row of weights reads the whole input


@pytest.mark.parametrize("operator", OVERLAPPING)
def test_operators_read_what_is_still_there(operator: str, tmp_path: Path) -> None:
    overlaps = 0
    for i, model in enumerate(drawn(operator, 4, same=True)):
        folder = tmp_path / str(i)
        folder.mkdir()
        (folder / "m.tflite").write_bytes(model)
        wrong, found = watch(folder / "m.tflite", "speed", folder)
        assert wrong == [], i
        overlaps += found
    assert overlaps > 0


def test_an_output_too_near_its_input_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The watch itself: with a lead of the LSTM that is one step too small, it must complain."""
    from pipeline.emit_c import packed_lstm

    right = packed_lstm.leads
    monkeypatch.setattr(packed_lstm, "leads", lambda graph, op: {0: right(graph, op)[0] - 40})
    wrong, _ = watch(MODELS / "lstm" / "int8.tflite", "speed", tmp_path)
    assert any("reads what it has overwritten" in w for w in wrong)
