"""Emitted C under the build options of other people's projects, for the boards' core.

Arduino's cores compile with -Os, a debugger wants -Og, an operating system may keep a register for
itself. Whatever a compiler is told, the kernels compile and give the interpreter's bytes.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

import numpy as np
import pytest

from hil.board import PROJECT_DIR
from hil.firmware.recipe import CPU_FLAGS
from pipeline.emit_c import Source, generate, two_files
from pipeline.emit_c.choice import LIMIT
from pipeline.interp import run_layers
from pipeline.ir import Graph
from pipeline.verify import read_verified
from tests.engine.native import KERNELS
from tests.engine.strategies import windows
from tests.engine.test_twins import graph_of

LSTM: Final = PROJECT_DIR / "test_vectors" / "models" / "lstm" / "int8.tflite"

#: Every fast kernel; those that make codes in assembly with each way of doing so.
LAYERS: Final = [
    *(f"{kernel}-{finish}" for kernel in ("conv", "depthwise", "sparse-conv")
      for finish in ("floor", "full", "clamp")),
    "fc-full", "fc-2", "sparse-fc-clamp", "pairs-fc-full", "pairs-conv-clamp", "conv-stride",
    "sparse-1x1", "sparse-stride-3", "pairs-two-columns", "max-1", "average-1", "mean",
]  # fmt: skip

OPTIONS: Final = [
    "-O0", "-Og", "-O1", "-Os", "-O2", "-O3", "-O2 -fno-omit-frame-pointer", "-O2 -ffixed-r9",
    "-O2 -fpic", "-O2 -flto -g", "-Os -fstack-protector-all", "-Os -DNN_DSP=0",
    "-Os -mno-unaligned-access",
    "-Og -fno-omit-frame-pointer -ffixed-r9 -fpic",
    # with the attributes that older compilers know
    "-O3 -fstack-protector-all -U__GNUC__ -D__GNUC__=7",
    "-Os -fstack-protector-all -U__GNUC__ -D__GNUC__=10",
]  # fmt: skip

#: What needs a library to run that a bare core lacks, and C++: compiled only.
COMPILED: Final = [
    "gcc -std=c11 -O2 --coverage", "gcc -std=c11 -Og --coverage", "g++ -x c++ -Os",
    "gcc -std=c11 -Os -finstrument-functions", "gcc -std=c11 -O2 -pg",
    "gcc -std=c11 -O2 -fsanitize-coverage=trace-pc",
]  # fmt: skip

pytestmark = pytest.mark.skipif(
    shutil.which("arm-none-eabi-gcc") is None, reason="arm-none-eabi-gcc is not installed"
)


@pytest.fixture(scope="module")
def graphs() -> list[Graph]:
    return [*(graph_of(name) for name in LAYERS), read_verified(LSTM)]


@pytest.fixture(scope="module")
def expected(graphs: list[Graph]) -> list[list[tuple[bytes, list[bytes]]]]:
    """Return windows of each model, each with the outputs of all layers."""
    found = []
    for i, graph in enumerate(graphs):
        inputs = windows(graph.tensors[graph.inputs[0]].shape, i, 3)
        values = run_layers(graph, inputs)
        layers = [values[op.outputs[0]].astype(np.int8) for op in graph.ops]
        found.append(
            [(w.tobytes(), [v[n].tobytes() for v in layers]) for n, w in enumerate(inputs)]
        )
    return found


@pytest.fixture(scope="module")
def folder(graphs: list[Graph], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The models m0, m1, … in one file m.c, which a compiler reads but once."""
    path = tmp_path_factory.mktemp("options")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(LIMIT, "speed", 100.0)  # no kernel is left out for its scratch
        for i, graph in enumerate(graphs):
            source = Source(graph)
            code = generate(source, f"m{i}")
            for name, text in two_files(source, code).items():
                (path / name).write_text(text)
    for header in KERNELS.glob("nn_*.h"):
        shutil.copy(header, path)
    for end in ("h", "c"):
        lines = [f'#include "m{i}.{end}"' for i in range(len(graphs))]
        (path / f"m.{end}").write_text("\n".join([*lines, ""]))
    return path


def test_every_fast_kernel_is_compiled(folder: Path) -> None:
    text = "".join(path.read_text() for path in folder.glob("m*.c"))
    endings = ("_packed", "_sparse", "_pairs", "_line")
    fast = {path.name for path in KERNELS.glob("nn_*_*.h") if path.stem.endswith(endings)}
    assert {name for name in fast if f'"{name}"' in text} == fast - {"nn_add_line.h"}


@pytest.mark.parametrize("options", OPTIONS)
def test_bytes_are_the_interpreters(
    options: str, expected: list[list[tuple[bytes, list[bytes]]]], folder: Path
) -> None:
    pytest.importorskip("unicorn", reason="the emulator extra is not installed")
    from benchmarks.support.bare_core import BareCore

    names = [f"m{i}" for i in range(len(expected))]
    core = BareCore(folder, names, options.split(), sources=["m.c"])
    for i, pairs in enumerate(expected):
        for window, layers in pairs:
            core.start(window, i)
            assert [core.layer(n, i)[1] for n in range(len(layers))] == layers, names[i]


@pytest.mark.parametrize("options", COMPILED)
def test_it_compiles(options: str, folder: Path, tmp_path: Path) -> None:
    command = [*f"arm-none-eabi-{options}".split(), *CPU_FLAGS, "-Wall", "-Wextra", "-Werror"]
    ran = subprocess.run(
        [*command, "-c", str(folder / "m.c"), "-o", str(tmp_path / "m.o")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr[-4000:]


#: What would put instructions of its own before a function's, and would break one of assembly.
INTRUDERS: Final = [
    "-fstack-protector-all", "-fstack-protector-all -U__GNUC__ -D__GNUC__=10",
    "-fstack-protector-all -U__GNUC__ -D__GNUC__=7", "-fsanitize-coverage=trace-pc", "-pg",
    "-finstrument-functions",
]  # fmt: skip
LOOP: Final = re.compile(r"^NN_(?:TILE|DOT_8|PAIRS|SPARSE_ROWS|DEPTHWISE_POSITION)\((\w+)", re.M)


def compiled(options: str, folder: Path, out: Path) -> Path:
    command = ["arm-none-eabi-gcc", "-std=c11", "-Os", *options.split(), *CPU_FLAGS]
    subprocess.run([*command, "-c", str(folder / "m.c"), "-o", str(out / "m.o")], check=True)
    return out / "m.o"


def tool(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("options", INTRUDERS)
def test_functions_of_assembly_begin_with_it(options: str, folder: Path, tmp_path: Path) -> None:
    loops = {name for h in folder.glob("nn_*.h") for name in LOOP.findall(h.read_text())}
    text = tool("arm-none-eabi-objdump", "-d", str(compiled(options, folder, tmp_path)))
    begins = dict(re.findall(r"^[0-9a-f]+ <(\w+)>:\n\s*[0-9a-f]+:\t[0-9a-f ]+\t(\S+)", text, re.M))
    found = {name: begins[name] for name in loops & set(begins)}
    assert len(found) > 8
    assert set(found.values()) <= {"push", "stmdb"}, found


def test_a_debugger_finds_the_callers_frame(folder: Path, tmp_path: Path) -> None:
    """nn_tile pushes 9 and 11 words: the frame above is 36, 80 and 36 bytes away."""
    object_file = compiled("-g", folder, tmp_path)
    frames = tool("arm-none-eabi-readelf", "--debug-dump=frames", str(object_file))
    offsets = [re.findall(r"def_cfa_offset: (\d+)", f) for f in frames.split(" FDE ")]
    assert ["36", "80", "36"] in offsets
