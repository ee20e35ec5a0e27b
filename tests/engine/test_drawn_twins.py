"""Fast kernels on layers drawn at random: the same bits as TFLM's reference kernels.

Every kernel that can compute a layer, whichever would be chosen, in C on this machine with
sanitizers and on an emulated core; all of them in one program, for a compiler takes longer than the
layers do.
"""

from __future__ import annotations

import shutil
import zlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from numpy.typing import NDArray

from pipeline.emit_c import ModelCode, Source, generate, two_files
from pipeline.emit_c.choice import PRUNED, TWINS, Choice
from pipeline.emit_c.layer import Emitter
from pipeline.emit_c.model import EMITTERS
from pipeline.interp import run_layers
from pipeline.ir import Graph
from pipeline.tflite import parse_tflite
from pipeline.verify import verify
from tests.engine.draw_fast import FAST
from tests.engine.native import KERNELS, Program
from tests.engine.strategies import windows
from tests.engine.tflm import Tflm

WINDOWS = 4

#: Kernels of one form that a layer is computed with: the largest block, the smallest, one between.
MOST = 3


@dataclass(frozen=True, eq=False)
class Drawn:
    """A model whose last layer has one of its kernels; [WINDOWS, …] inputs, TFLM's outputs."""

    graph: Graph
    emitter: Emitter
    inputs: NDArray[np.int8]
    outputs: list[bytes]

    def code(self, name: str) -> ModelCode:
        *before, last = self.graph.ops
        choices = [Choice(op, EMITTERS[op.name], "") for op in before]
        return generate(
            Source(self.graph), name, choices=[*choices, Choice(last, self.emitter, "")]
        )


def emitters(graph: Graph) -> list[Emitter]:
    """Return all fast kernels that can compute a graph's last layer, and the plain one."""
    op = graph.ops[-1]
    twin = TWINS[op.name](graph, op)
    found = [EMITTERS[op.name], *([] if isinstance(twin, str) else [twin])]
    for variants_of in PRUNED.get(op.name, {}).values():
        variants = variants_of(graph, op)
        if not isinstance(variants, str):
            step = -(-len(variants) // MOST)
            found += [emitter for emitter, _ in variants[::step]]
    return found


def draw_all(models: int, strategy: object) -> list[bytes]:
    found: list[bytes] = []

    @settings(max_examples=models, phases=[Phase.generate], database=None)
    @given(strategy)
    def collect(model: bytes) -> None:
        found.append(model)

    collect()
    return found


@pytest.fixture(scope="module")
def layers() -> list[Drawn]:
    found = []
    for kind, (strategy, count) in FAST.items():
        for i, model in enumerate(draw_all(count, strategy)):
            graph = parse_tflite(model, f"{kind}-{i}")
            verify(graph, f"{kind}-{i}")
            inputs = windows(graph.tensors[graph.inputs[0]].shape, i, WINDOWS)
            tflm = Tflm(model)
            outputs = [tflm.layers(graph, w)[-1].astype(np.int8).tobytes() for w in inputs]
            values = run_layers(graph, inputs)[graph.outputs[0]].astype(np.int8)
            assert [v.tobytes() for v in values] == outputs, (kind, i)
            found += [Drawn(graph, emitter, inputs, outputs) for emitter in emitters(graph)]
    return found


def test_every_fast_kernel_is_drawn(layers: list[Drawn]) -> None:
    headers = Counter(drawn.emitter.header for drawn in layers)
    endings = ("_packed", "_sparse", "_pairs", "_line")
    fast = {p.name for p in KERNELS.glob("nn_*_*.h") if p.stem.endswith(endings)}
    assert set(headers) >= fast, headers


def test_portable_c_is_tflms(layers: list[Drawn], tmp_path: Path) -> None:
    codes = [drawn.code(f"m{i}") for i, drawn in enumerate(layers)]
    program = Program([Source(d.graph) for d in layers], tmp_path, codes=codes)
    for i, drawn in enumerate(layers):
        expected = [zlib.crc32(output) for output in drawn.outputs]
        assert program.crcs(i, drawn.inputs)[:, -1].tolist() == expected, f"{tmp_path}/m{i}.c"


@pytest.mark.skipif(
    shutil.which("arm-none-eabi-gcc") is None, reason="arm-none-eabi-gcc is not installed"
)
def test_dsp_instructions_are_tflms(layers: list[Drawn], tmp_path: Path) -> None:
    pytest.importorskip("unicorn", reason="the emulator extra is not installed")
    from benchmarks.support.bare_core import BareCore

    names = [f"m{i}" for i in range(len(layers))]
    for name, drawn in zip(names, layers, strict=True):
        for file, text in two_files(Source(drawn.graph), drawn.code(name)).items():
            (tmp_path / file).write_text(text)
    for header in KERNELS.glob("nn_*.h"):
        shutil.copy(header, tmp_path)
    core = BareCore(tmp_path, names)
    for i, drawn in enumerate(layers):
        for window, output in zip(drawn.inputs, drawn.outputs, strict=True):
            core.start(window.tobytes(), i)
            results = [core.layer(op.index, i)[1] for op in drawn.graph.ops]
            assert results[-1] == output, f"{tmp_path}/m{i}.c"
