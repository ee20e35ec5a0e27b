"""The Arduino library and its example, on a minimal stand-in for the Arduino headers.

The stand-in (stand_in/Arduino.h) is not the Arduino core. What is shown here: the library and the
libraries that it needs are whole and compile as C++ and C for both boards' CPU, and the example,
run on the host, is a device that the harness accepts, bit for bit.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import hil
from hil.backend.base import Transport
from hil.backend.host import HostBackend
from hil.board import PROJECT_DIR, Board, load_board
from hil.device import Device
from hil.errors import IdentityError
from hil.firmware.recipe import CPU_FLAGS
from hil.run.steps import Options, run
from pipeline.emit_c import emit

LIBRARY = PROJECT_DIR / "firmware" / "lib"
EXAMPLE = LIBRARY / "arduino" / "examples" / "gesture" / "gesture.ino"
STAND_IN = Path(__file__).parent / "stand_in"
MODEL = PROJECT_DIR / "test_vectors" / "models" / "cnn"
WARNINGS = ("-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror")
CPP = ("-std=gnu++14", "-fno-exceptions", "-fno-rtti", *WARNINGS)  # the oldest of the two cores


@pytest.fixture(scope="module")
def sketch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sketch's folder as a user would have it: the example, and the model beside it."""
    folder = tmp_path_factory.mktemp("gesture")
    shutil.copy(EXAMPLE, folder)
    emit(MODEL, "gesture", folder)
    return folder


#: As the firmware folds an STM32's 96 bits (firmware/src/port/stm32l476/chip.c).
UID = (0x00390027, 0x4D435315, 0x20373734)
UID_FOLDED = (UID[2] ^ UID[1]) << 32 | UID[0]


def compile_sketch(sketch: Path, c: list[str], cpp: list[str], out: Path) -> list[Path]:
    include = [f"-I{d}" for d in (STAND_IN, sketch, LIBRARY / "arduino", LIBRARY / "wire")]
    sources = [*sketch.glob("*.c"), *(LIBRARY / "wire").glob("*.c")]
    sources += [*(LIBRARY / "arduino").glob("*.cpp"), sketch / EXAMPLE.name]
    objects = []
    for source in sources:
        compiler = c if source.suffix == ".c" else [*cpp, "-x", "c++"]
        target = out / f"{source.name}.o"
        command = [*compiler, "-O2", *include, "-c", str(source), "-o", str(target)]
        subprocess.run(command, check=True, capture_output=True, text=True)
        objects.append(target)
    return objects


@pytest.fixture(scope="module")
def programs(sketch: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of `main`, the sketch as a core runs it, and of `gone`."""
    out = tmp_path_factory.mktemp("objects")
    sanitizers = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    cc = ["gcc", "-std=c11", "-ffp-contract=off", *WARNINGS, *sanitizers]
    words = ", ".join(map(hex, UID))
    (out / "uid.h").write_text(
        f"#include <stdint.h>\nstatic const uint32_t uid[3] = {{{words}}};\n"
        "#define UID_BASE reinterpret_cast<uintptr_t>(uid)\n"
    )
    cpp = ["g++", *CPP, *sanitizers, "-include", str(out / "uid.h")]
    objects = compile_sketch(sketch, cc, cpp, out)
    include = [f"-I{d}" for d in (STAND_IN, sketch, LIBRARY / "arduino", LIBRARY / "wire")]
    for name in ("main", "gone"):
        sources = [str(STAND_IN / "core.cpp"), str(STAND_IN / f"{name}.cpp")]
        command = [*cpp, "-fexceptions", *include, *sources, *map(str, objects)]
        command += ["-o", str(out / name)]
        subprocess.run(command, check=True, capture_output=True, text=True)
    return out


@pytest.fixture(scope="module")
def program(programs: Path) -> Path:
    return programs / "main"


def test_a_host_that_goes_away_does_not_hang_the_sketch(programs: Path) -> None:
    done = subprocess.run(
        [programs / "gone"], check=False, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, f"gone.cpp:{done.returncode} {done.stderr}"


@pytest.fixture
def device(program: Path) -> Iterator[Device]:
    backend = HostBackend()
    yield Device(backend.open(load_board("nano33"), program, None))
    backend.close()
    assert backend.crash_report() is None


def test_it_compiles_for_the_boards_cpu(sketch: Path, tmp_path: Path) -> None:
    cc = ["arm-none-eabi-gcc", *CPU_FLAGS, "-std=gnu11", *WARNINGS]
    cpp = ["arm-none-eabi-g++", *CPU_FLAGS, *CPP, "-ffreestanding"]
    objects = compile_sketch(sketch, cc, cpp, tmp_path)
    symbols = subprocess.run(
        ["arm-none-eabi-nm", "-u", str(tmp_path / "TinyHil.cpp.o")],
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    assert "SystemCoreClock" in symbols  # the core's clock, not the host's microseconds
    assert len(objects) == len({o.name for o in objects})


def chip_addresses(sketch: Path, out: Path, *defines: str) -> set[int]:
    """Return the addresses in the factory's information that the library would read."""
    cpp = ["arm-none-eabi-g++", *CPU_FLAGS, *CPP, "-ffreestanding", *defines]
    include = [f"-I{d}" for d in (STAND_IN, sketch, LIBRARY / "arduino", LIBRARY / "wire")]
    source = str(LIBRARY / "arduino" / "TinyHil.cpp")
    command = [*cpp, "-O2", *include, "-S", source, "-o", str(out / "TinyHil.s")]
    subprocess.run(command, check=True, capture_output=True, text=True)
    text = (out / "TinyHil.s").read_text()
    numbers = {int(n) for n in re.findall(r"(?:\.word\s+|#)(\d{9})\b", text)}
    return {n & ~0xFFF for n in numbers if 0x10000000 <= n < 0x20000000}


def test_it_reads_the_chips_own_number(sketch: Path, tmp_path: Path) -> None:
    assert chip_addresses(sketch, tmp_path, "-DNRF52840_XXAA") == {0x10000000}
    assert chip_addresses(sketch, tmp_path, "-DUID_BASE=0x1FFF7590UL") == {0x1FFF7000}
    assert chip_addresses(sketch, tmp_path) == set()


def test_a_sketch_says_that_it_is_one(device: Device) -> None:
    identity = device.identify(expect_board="nano33", expect_firmware_hash=b"\1" * 8)
    assert identity.is_sketch
    assert identity.firmware_version == "sketch"
    assert identity.model == "gesture"
    assert identity.device_id == UID_FOLDED, "the chip's, where the core names its address"


def test_another_model_in_a_sketch_is_told_with_what_mends_a_sketch(device: Device) -> None:
    with pytest.raises(IdentityError, match=r"`tinyhil emit \S+ --name gesture --out SKETCH_FOLD"):
        device.identify(expect_model_hash=b"\2" * 32, model=str(MODEL))


def test_a_reset_begins_anew(device: Device) -> None:
    before = device.identify().boot_id
    device.reset()
    assert device.identify().boot_id != before


def test_its_answers_are_the_host_models_bit_for_bit(
    program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hil.run.target._image", lambda *_: program)
    board = load_board("nano33")
    options = Options(board, "host", None, MODEL, None, 40, 2.0, "a test", quiet=True)
    record = run(options, lambda _: None)
    assert record.incomplete is None
    exact = [c for c in record.comparisons if c.actual.startswith("device")]
    assert len(exact) >= 3  # inputs, outputs, the board's own preprocessing
    assert all(c.compared == 40 and not c.differing for c in exact)
    assert all(d.compared > 0 and d.differing == 0 for d in record.device_layers)
    assert record.memory is None  # a sketch's linker script does not tell
    assert record.identity.firmware_version == "sketch"


def test_a_sketch_is_never_flashed_over(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class OnAPort(HostBackend):
        def open(self, board: Board, elf: Path | None, port: str | None) -> Transport:
            return super().open(board, program, None)

    uploads: list[Board] = []
    monkeypatch.setattr("hil.run.target.load", lambda *_: OnAPort())
    monkeypatch.setattr("hil.run.target.upload", lambda board, _: uploads.append(board))
    board, other = load_board("nano33"), MODEL.with_name("dense")
    options = Options(board, "hardware", "/dev/ttyX", other, None, 5, 2.0, "a test", quiet=True)
    with pytest.raises(IdentityError, match="build and upload the sketch"):
        run(options, lambda _: None)
    assert not uploads


def test_the_manifests_are_what_platformio_reads() -> None:
    from platformio.package.manifest.parser import ManifestParserFactory
    from platformio.package.manifest.schema import ManifestSchema

    names = set()
    for folder in ("nn", "wire", "arduino"):
        parsed = ManifestParserFactory.new_from_dir(str(LIBRARY / folder)).as_dict()
        assert parsed.pop("license") == "MIT"  # PlatformIO would ask its registry what that is
        manifest = ManifestSchema().load_manifest(parsed)
        names.add(manifest["name"])
        assert manifest["version"] == hil.__version__
        assert {d["name"] for d in manifest.get("dependencies", [])} <= names
        for header in manifest.get("headers", []):
            assert (LIBRARY / folder / header).is_file()
    example = json.loads((LIBRARY / "arduino" / "library.json").read_text())["examples"][0]
    assert [LIBRARY / "arduino" / example["base"] / f for f in example["files"]] == [EXAMPLE]
    assert np.unique(list(names)).size == 3
