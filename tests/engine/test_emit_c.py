"""Emitted C: builds everywhere, says what it is, takes nothing from hostile files."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from hil.board import PROJECT_DIR
from hil.errors import InputError
from hil.model_folder import load_model_folder
from pipeline.emit_c import Source, emit, generate, load_source, two_files
from pipeline.emit_c.__main__ import TARGET, stale
from pipeline.emit_c.choice import GOALS
from pipeline.interp import run
from pipeline.ops import OPERATORS
from pipeline.preprocess import Preprocessing
from pipeline.tflite import parse_tflite
from pipeline.verify import read_verified
from tests.engine.build_model import Builder, options
from tests.engine.native import STRICT, cc
from tests.engine.strategies import windows

MODELS = PROJECT_DIR / "test_vectors" / "models"
ARCHS = ["cnn", "lstm", "dense"]


@pytest.mark.parametrize("arch", ARCHS)
def test_folder_builds_alone_as_c_and_as_cpp(arch: str, tmp_path: Path) -> None:
    emit(MODELS / arch, "gesture", tmp_path / "out")
    sources = sorted((tmp_path / "out").glob("*.c"))
    assert [p.name for p in sources] == ["gesture.c"]
    for compiler, flags in (
        ("cc", ["-std=c11", "-O2"]),
        ("gcc", ["-std=c11", "-Wall", "-Wextra", "-Wconversion", "-Werror"]),
        ("g++", ["-x", "c++", "-Wall", "-Wextra", "-Werror"]),
    ):
        cc([*flags, "-c", *sources, "-o", tmp_path / "model.o"], compiler)


MAIN = """
#define {name}_IMPLEMENTATION
#include "{name}.h"
#include "{name}.h"
#include <stdio.h>
int main(void) {{
    static int8_t input[{name}_INPUT_SIZE], output[{name}_OUTPUT_SIZE];
    while (fread(input, 1, sizeof input, stdin) == sizeof input) {{
        {name}_reset();
        if ({name}_invoke(input, output) != 0) return 1;
        fwrite(output, 1, sizeof output, stdout);
    }}
    return 0;
}}
"""


@pytest.mark.parametrize("arch", ARCHS)
@pytest.mark.parametrize("compiler", ["gcc", "g++"])
def test_single_header_is_the_whole_model(arch: str, compiler: str, tmp_path: Path) -> None:
    paths = emit(MODELS / arch, "gesture", tmp_path / "out", single_header=True)
    assert [p.name for p in paths] == ["gesture.h"]
    assert not re.search(r'#include "', paths[0].read_text())
    sketch = tmp_path / ("sketch.c" if compiler == "gcc" else "sketch.cpp")
    sketch.write_text(MAIN.format(name="gesture"))
    strict = ["-O2", "-Wall", "-Wextra", "-Werror", f"-I{tmp_path}/out"]
    cc([*strict, sketch, "-o", tmp_path / "sketch"], compiler)
    graph = read_verified(MODELS / arch / "int8.tflite")
    inputs = windows((1, 50, 6), 5, 20)
    ran = subprocess.run(
        [tmp_path / "sketch"], input=inputs.tobytes(), capture_output=True, check=True
    )
    assert ran.stdout == run(graph, inputs).tobytes()


def test_two_models_live_in_one_program(tmp_path: Path) -> None:
    for arch in ("cnn", "lstm"):
        emit(MODELS / arch, arch, tmp_path)
    (tmp_path / "main.c").write_text(
        '#include "cnn.h"\n#include "lstm.h"\n'
        "int main(void) { return cnn_LAYER_COUNT == lstm_LAYER_COUNT; }\n"
    )
    cc([*STRICT, *tmp_path.glob("*.c"), "-o", tmp_path / "both"])
    assert subprocess.run([tmp_path / "both"], check=False).returncode == 0


def test_same_model_gives_the_same_bytes_and_names_no_place(tmp_path: Path) -> None:
    first, second = (emit(MODELS / "lstm", "m", tmp_path / d) for d in ("a", "b"))
    for a, b in zip(first, second, strict=True):
        assert a.read_bytes() == b.read_bytes()
    text = (tmp_path / "a" / "m.c").read_text()
    assert load_model_folder(MODELS / "lstm").model_hash in text
    assert str(tmp_path) not in text
    assert str(PROJECT_DIR) not in text
    assert not re.search(r"\b20[2-9]\d-\d\d", text)


@pytest.mark.parametrize("goal", GOALS)
def test_the_bytes_depend_on_nothing_around_them(goal: str, tmp_path: Path) -> None:
    """Neither on how Python hashes, nor on the language, the time zone or the folder."""
    written = []
    for i, (seed, language, zone) in enumerate(
        [("1", "C", "UTC"), ("2", "tr_TR.UTF-8", "Asia/Tokyo")]
    ):
        home = tmp_path / f"place {i}"
        home.mkdir()
        shutil.copy(MODELS / "cnn" / "int8.tflite", home / f"{i}.tflite")
        command = ["emit", f"{i}.tflite", "--name", "m", "--out", "out", "--optimize", goal]
        around = {"PYTHONHASHSEED": seed, "LC_ALL": language, "LANG": language, "TZ": zone}
        subprocess.run(
            [sys.executable, "-m", "hil.cli", *command],
            cwd=home, env={**os.environ, **around}, capture_output=True, check=True,
        )  # fmt: skip
        written.append({p.name: p.read_bytes() for p in sorted((home / "out").iterdir())})
    assert written[0] == written[1]
    assert written[0]["m.c"] == generated(MODELS / "cnn" / "int8.tflite", goal)


def generated(model: Path, goal: str) -> bytes:
    source = Source(read_verified(model))
    return two_files(source, generate(source, "m", goal))["m.c"].encode()


LAYER_COMMENT = re.compile(
    r"/\* Layer (\d+): (\w+) (\w+)\n \* in   \[[\d, ]+\] .+\n(?: \* and  .+\n)*"
    r" \* out  \[[\d, ]+\] .+\n \* cost (\d+) multiply-accumulates, (\d+) bytes of constants"
)


@pytest.mark.parametrize("arch", ARCHS)
def test_every_layer_is_a_function_under_its_shape_quantization_and_cost(arch: str) -> None:
    source = Source(read_verified(MODELS / arch / "int8.tflite"))
    code = generate(source, "m")
    comments = LAYER_COMMENT.findall(code.implementation)
    functions = re.findall(r"^static int m_(\d+)_(\w+)_run\(void\) \{$", code.implementation, re.M)
    assert [(int(n), name) for n, name in functions] == [
        (op.index, source.graph.layer_name(op)) for op in source.graph.ops
    ]
    assert [(int(n), op, name) for n, op, name, *_ in comments] == [
        (op.index, op.name, source.graph.layer_name(op)) for op in source.graph.ops
    ]
    assert [int(macs) for *_, macs, _ in comments] == [
        OPERATORS[op.name].macs(source.graph, op) for op in source.graph.ops
    ]
    assert sum(int(size) for *_, size in comments) == code.constant_bytes


def test_header_states_sizes_scales_and_hash(tmp_path: Path) -> None:
    emit(MODELS / "cnn", "m", tmp_path)
    graph = read_verified(MODELS / "cnn" / "int8.tflite")
    text = (tmp_path / "m.h").read_text()
    defines = dict(re.findall(r"#define (m_[A-Z_]+) (\S+)", text))
    assert (defines["m_INPUT_SIZE"], defines["m_OUTPUT_SIZE"]) == ("300", "3")
    for what, (index,) in (("INPUT", graph.inputs), ("OUTPUT", graph.outputs)):
        tensor = graph.tensors[index]
        assert np.float32(defines[f"m_{what}_SCALE"].rstrip("f")) == tensor.scale
        assert int(defines[f"m_{what}_ZERO_POINT"]) == tensor.zero_point
    assert defines["m_MODEL_HASH"] == f'"{graph.sha256.hex()}"'
    assert int(defines["m_LAYER_COUNT"]) == len(graph.ops)


PREPROCESS_MAIN = """
#include "m.h"
#include <stdio.h>
int main(void) {
    static int16_t raw[m_RAW_SIZE / 2];
    static int8_t input[m_INPUT_SIZE];
    while (fread(raw, 1, sizeof raw, stdin) == sizeof raw) {
        m_descriptor.preprocess(raw, input);
        fwrite(input, 1, sizeof input, stdout);
    }
    return m_descriptor.raw_size != sizeof raw || m_descriptor.raw_unit[0] == 0;
}
"""


@pytest.mark.parametrize("flags", [["-O2"], ["-O3", "-ffp-contract=fast", "-mfma"]])
def test_preprocessing_in_c_is_pythons_for_every_count(flags: list[str], tmp_path: Path) -> None:
    if "-mfma" in flags and " fma " not in Path("/proc/cpuinfo").read_text():
        pytest.skip("this processor has no fused multiply-add")
    emit(MODELS / "cnn", "m", tmp_path)
    (tmp_path / "main.c").write_text(PREPROCESS_MAIN)
    cc(["-std=gnu11", *flags, *tmp_path.glob("*.c"), "-o", tmp_path / "preprocess"])
    # Every int16 count in every channel.
    counts = np.resize(np.arange(-(2**15), 2**15, dtype=np.int16), 50 * 1311)
    raw = np.repeat(counts, 6).reshape(1311, 50, 6)
    ran = subprocess.run(
        [tmp_path / "preprocess"], input=raw.tobytes(), capture_output=True, check=True
    )
    folder = load_source(MODELS / "cnn")
    source = folder.graph.tensors[folder.graph.inputs[0]]
    assert folder.preprocessing is not None
    expected = folder.preprocessing.quantize(raw, float(source.scale), source.zero_point)
    assert ran.stdout == expected.tobytes()


def test_preprocessing_must_fit_the_model() -> None:
    graph = read_verified(MODELS / "cnn" / "int8.tflite")
    with pytest.raises(InputError, match="has 5 channels"):
        generate(Source(graph, Preprocessing((0.0,) * 5, (1.0,) * 5)), "m")
    with pytest.raises(InputError, match="not a finite number"):
        generate(Source(graph, Preprocessing((float("nan"),) * 6, (1.0,) * 6)), "m")


HOSTILE = [
    '*/ #error "out"',
    "a/b */ evil();/c",
    "</script>",
    "\x1b[2J",
    "x\ny",
    '"',
    "\\",
    "%n?",
    "",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_names_from_the_file_cannot_leave_their_place(name: str, tmp_path: Path) -> None:
    builder = Builder()
    source = builder.tensor((1, 4), scale=0.5, name=name)
    weights = builder.constant(np.ones((2, 4), np.int8), scale=0.5)
    target = builder.tensor((1, 2), scale=0.5, name=f"{name}/{name}/{name}")
    builder.op("FULLY_CONNECTED", [source, weights], [target], options("FullyConnectedOptions"))
    model = tmp_path / "hostile.tflite"
    model.write_bytes(builder.finish([source], [target]))
    emit(model, "m", tmp_path / "out")
    text = (tmp_path / "out" / "m.c").read_text()
    assert text.isascii()
    assert "evil()" not in text
    cc(["-std=c11", "-Wall", "-Werror", "-c", tmp_path / "out" / "m.c", "-o", tmp_path / "m.o"])


@pytest.mark.parametrize(
    "name", ["", "9a", "a-b", "int", "class", "x" * 61, "../x", "a b", "é", "_x"]
)
def test_a_name_that_is_no_identifier_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="must be a C identifier"):
        emit(MODELS / "cnn", name, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_nothing_is_written_when_the_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        emit(MODELS / "cnn" / "float.tflite", "m", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="file"):
        emit(MODELS / "cnn", "m", tmp_path / "file")


def test_layers_that_only_rename_run_nothing_and_share_their_inputs_bytes() -> None:
    graph = parse_tflite((MODELS / "lstm" / "int8.tflite").read_bytes(), "lstm")
    plan = generate(Source(graph), "m").plan
    lstm, last = graph.output_of(graph.ops[0]), graph.output_of(graph.ops[1])
    assert graph.ops[1].name == "STRIDED_SLICE"
    assert plan.tensors[last.index] == plan.tensors[lstm.index] + lstm.size - last.size


def test_committed_reference_model_is_current() -> None:
    assert TARGET.is_dir()
    assert stale() == []
