"""`pio run` itself: variants, errors, repeatability, and life without a network."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from project_copy import Project, may_unshare

import hil.firmware.build
from hil.board import PROJECT_DIR, load_board
from hil.errors import InputError, ToolError
from hil.firmware.build import build, elf_path, forget_old, run_platformio
from hil.firmware.recipe import IDENTITY_GLOBS, build_dir, build_info, memory_script, source_hash

NANO = load_board("nano33")

#: Emits a model without a .tflite: what is tested here is the build, not the emitter.
FAKE_EMITTER = """
from pathlib import Path
def emit(source, name, out, *, kernels=True, single_header=False):
    content = (Path(source) / "model.c").read_text()
    (Path(out) / "model.c").write_text(content)
    (Path(out) / "model.h").write_text(
        '#include "nn_model.h"\\nextern const struct nn_model model_descriptor;\\n')
    return []
"""

MODEL_C = """
#include "model.h"
static const int8_t weights[%d] = {1};
static int8_t in[8], out[%d];
static int run(void) { out[0] = weights[in[0] & 7]; return 0; }
static void reset(void) { out[0] = 0; }
static const struct nn_input inputs[] = {{in, 8}};
static const struct nn_layer layers[] = {{.name = "a", .op = "A", .output = out, .output_size = 8,
    .inputs = inputs, .input_count = 1, .run = run}};
const struct nn_model model_descriptor = {.name = "other-model", .input_size = 8, .output_size = 8,
    .input = in, .output = out, .layers = layers, .layer_count = 1, .reset = reset};
"""


def add_model(root: Path, weights: int = 8, arena: int = 8) -> Path:
    """Make a model folder, and have the project's emitter replaced by the one above."""
    (root / "pipeline" / "emit_c" / "__init__.py").write_text(FAKE_EMITTER)
    folder = root / "my model"
    folder.mkdir()
    (folder / "int8.tflite").write_bytes(b"not read by the fake emitter")
    (folder / "manifest.json").write_text("{}")
    (folder / "model.c").write_text(MODEL_C % (weights, arena))
    return folder


def test_another_model_and_baud_rate_are_built_in_a_directory_of_their_own(
    project: Project,
) -> None:
    model = add_model(project.root)
    variables = {"TINYHIL_MODEL": model.name, "TINYHIL_BAUD": "921600"}  # a relative path
    result = project.pio("run", "-e", "sensortile", **variables)
    assert result.returncode == 0, result.stdout
    (elf,) = project.root.glob(".pio/variants/*-921600/sensortile/firmware.elf")
    assert b"other-model\0" in elf.read_bytes()
    info = elf.parent / "generated" / "build_info.h"
    assert "#define BUILD_BAUD 921600\n" in info.read_text()
    assert not (project.root / ".pio" / "build" / "sensortile").exists()


@pytest.mark.parametrize(
    ("variables", "reason"),
    [({"TINYHIL_BAUD": "fast"}, "TINYHIL_BAUD='fast': must be a baud rate"),
     ({"TINYHIL_BAUD": "5"}, "TINYHIL_BAUD='5': must be a baud rate"),
     ({"TINYHIL_BAUD": "57600"}, "the nRF52840's UART is set up for"),
     ({"TINYHIL_MODEL": "/no/such"}, "/no/such/int8.tflite: No such file")],
)  # fmt: skip
def test_wrong_options_are_refused_in_one_line(
    variables: dict[str, str], reason: str, project
) -> None:
    result = project.pio("run", "-e", "nano33", **variables)
    assert result.returncode != 0
    assert reason in result.stdout
    assert "Traceback" not in result.stdout


@pytest.fixture
def in_copy(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Let `hil.firmware.build.build` build the copy."""
    monkeypatch.setattr(hil.firmware.build, "PROJECT_DIR", project.root)
    monkeypatch.setenv("PYTHONPATH", str(project.root))
    return project


def test_a_model_too_large_says_by_how_much_and_where(in_copy: Project) -> None:
    model = add_model(in_copy.root, weights=1_000_000, arena=262_144)
    flash, ram = r"\d+ bytes of flash \(its code and weights\)", r"\d+ bytes of RAM \(its arena\)"
    with pytest.raises(ToolError, match=f"needs {flash} and {ram} more than nano33") as caught:
        build(NANO, model)
    assert "my model" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_excess_is_exact(in_copy: Project) -> None:
    excess = []
    for extra in (0, 4096):
        model = add_model(in_copy.root, arena=262_144 + extra)
        with pytest.raises(ToolError, match="bytes of RAM") as caught:
            build(NANO, model)
        assert "flash" not in str(caught.value)
        excess.append(int(str(caught.value).split("needs ")[1].split()[0]))
        shutil.rmtree(model)
    assert excess[1] - excess[0] == 4096


@pytest.fixture(scope="module")
def offline_build(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, str]:
    """A clean build of both boards elsewhere, without a network where this machine permits that."""
    copy = Project(tmp_path_factory.mktemp("elsewhere") / "copy of it")
    prefix = ("unshare", "-rn") if may_unshare() else ()
    result = copy.pio("run", prefix=prefix)
    assert result.returncode == 0, result.stdout
    return copy, result.stdout


def test_a_clean_build_of_both_boards_needs_no_network(offline_build: tuple[Project, str]) -> None:
    if not may_unshare():
        pytest.skip("this machine does not permit network namespaces: built with its network")
    assert "2 succeeded" in offline_build[1]


def test_the_same_sources_give_the_same_bytes_anywhere(offline_build: tuple[Project, str]) -> None:
    for board in ("nano33", "sensortile"):
        here = build(load_board(board), None)
        there = offline_build[0].root / ".pio" / "build" / board / "firmware.elf"
        assert there.with_suffix(".bin").read_bytes() == here.with_suffix(".bin").read_bytes()
        assert there.read_bytes() == here.read_bytes(), "debug information included"


def test_nothing_is_compiled_again_without_a_change() -> None:
    build(NANO, None)
    result = run_platformio(["run", "-e", "nano33"])
    assert result.returncode == 0
    assert "Compiling" not in result.stdout
    assert "Linking" not in result.stdout


def test_size_and_compiledb_targets(offline_build: tuple[Project, str]) -> None:
    project = offline_build[0]
    result = project.pio("run", "-e", "nano33", "-t", "size")
    assert result.returncode == 0, result.stdout
    assert ".stack" in result.stdout
    assert ".retained" in result.stdout
    result = project.pio("run", "-e", "nano33", "-t", "compiledb")
    assert result.returncode == 0, result.stdout
    entries = json.loads((project.root / "compile_commands.json").read_text())
    files = {Path(entry["file"]).as_posix() for entry in entries}
    assert "firmware/src/main.c" in files
    assert any(f.endswith("wire_server.c") for f in files)
    assert all("-ffp-contract=off" in e["command"] for e in entries if e["file"].endswith(".c"))


def test_an_error_in_the_code_is_told_in_one_line(in_copy: Project) -> None:
    main = in_copy.root / "firmware" / "src" / "main.c"
    main.write_text(main.read_text().replace("int main(void) {", "int main(void) { int unused;"))
    with pytest.raises(ToolError, match=r"main\.c:\d+:\d+: error: unused variable") as caught:
        build(NANO, None)
    assert "\n" not in str(caught.value)


def test_missing_platformio_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "platformio", None)
    monkeypatch.setattr("hil.firmware.build.importlib.util.find_spec", lambda name: None)
    with pytest.raises(ToolError, match=r"pip install -e '\.\[firmware\]'"):
        run_platformio(["run"])


def test_builds_that_are_long_out_of_use_are_deleted(tmp_path: Path) -> None:
    for age, name in enumerate(("newest", "newer", "old", "oldest")):
        (tmp_path / name / "nano33").mkdir(parents=True)
        (tmp_path / name / "nano33" / "firmware.elf").write_bytes(b"")
        os.utime(tmp_path / name, (1e9 - age, 1e9 - age))
    forget_old(tmp_path, keep=2)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["newer", "newest"]


def test_a_build_counts_as_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Path] = []
    monkeypatch.setattr("hil.firmware.build.forget_old", seen.append)
    variant = build(NANO, None, 921600).parent.parent
    os.utime(variant, (0, 0))
    build(NANO, None, 921600)
    assert variant.stat().st_mtime > 0
    assert seen == [variant.parent] * 2


def test_build_directories_are_told_by_content(tmp_path: Path) -> None:
    folders = []
    for name, content in (("a", b"1"), ("b", b"1"), ("c", b"2")):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "int8.tflite").write_bytes(content)
        (folder / "manifest.json").write_text("{}")
        folders.append(build_dir(folder, None))
    assert folders[0] == folders[1] != folders[2]
    assert build_dir(None, None) == PROJECT_DIR / ".pio" / "build"
    assert elf_path(NANO, None, 921600).parts[-3:] == ("reference-921600", "nano33", "firmware.elf")
    with pytest.raises(InputError, match=r"int8\.tflite: No such file"):
        build_dir(tmp_path / "none", None)


def test_the_firmwares_identity_follows_its_sources(project: Project) -> None:
    code = "from hil.firmware.recipe import source_hash; print(source_hash().hex())"

    def identity() -> str:
        run = [sys.executable, "-c", code]
        environment = {"PYTHONPATH": str(project.root)}
        return subprocess.run(
            run, cwd=project.root, env=environment, capture_output=True, text=True, check=True
        ).stdout.strip()

    assert identity() == source_hash().hex()
    header = project.root / "firmware" / "src" / "hal.h"
    header.write_text(header.read_text() + "\n")
    changed = identity()
    assert changed != source_hash().hex()
    model = project.root / "firmware" / "lib" / "model" / "model.c"
    model.write_text("// the model has a hash of its own\n")
    assert identity() == changed


def test_generated_files_state_the_boards_facts() -> None:
    tile = load_board("sensortile")
    info = build_info(tile, 115200)
    assert '#define BUILD_BOARD "sensortile"\n' in info
    assert "#define BUILD_BAUD 115200\n" in info
    script = memory_script(tile)
    assert "FLASH (rx) : ORIGIN = 0x8000000, LENGTH = 0x100000" in script
    assert "RAM (rw) : ORIGIN = 0x20000000, LENGTH = 0x17b00" in script
    assert "RETAINED (rw) : ORIGIN = 0x20017b00, LENGTH = 0x100" in script


def test_all_that_the_emitter_imports_is_part_of_the_identity() -> None:
    covered = {p for glob in IDENTITY_GLOBS for p in PROJECT_DIR.glob(glob)}
    todo, seen = ["pipeline.emit_c"], set()
    while todo:
        name = todo.pop()
        place = PROJECT_DIR / name.replace(".", "/")
        path = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
        if name in seen or not path.is_file():
            continue  # seen, or a name inside a module
        seen.add(name)
        assert path in covered, f"{name} decides what is emitted"
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("pipeline"):
                todo += [node.module, *(f"{node.module}.{a.name}" for a in node.names)]
            elif isinstance(node, ast.Import):
                todo += [a.name for a in node.names if a.name.startswith("pipeline")]
    assert len(seen) > 10, "the imports were followed"
