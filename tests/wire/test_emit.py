"""What is generated from the schema: up to date, well formed, refused where it is stale."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import INCLUDES, ROOT, WIRE

from hil.errors import InputError
from hil.wire import emit, schema
from hil.wire.emit_tables import fill

GENERATED = [ROOT / "hil/wire/messages.py", WIRE / "wire_schema.h", ROOT / "PROTOCOL.md"]


def test_nothing_is_stale() -> None:
    assert list(emit.generate()) == GENERATED
    assert emit.stale(emit.generate()) == []


def test_what_is_stale_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(schema, "PROTOCOL_VERSION", 2)
    assert emit.main(["--check"]) == 1
    error = capsys.readouterr().err
    assert "wire_schema.h is stale: run `python -m hil.wire.emit`" in error
    assert "PROTOCOL.md is stale" in error


def test_a_missing_marker_is_an_error() -> None:
    text = (ROOT / "PROTOCOL.md").read_text()
    with pytest.raises(InputError, match="marker '<!-- enums: generated -->' must be there once"):
        fill(text.replace("<!-- enums: generated -->", ""))


def test_generated_python_is_formatted() -> None:
    pytest.importorskip("ruff", reason="ruff is not installed")
    for options in (["check"], ["format", "--check"]):
        command = [sys.executable, "-m", "ruff", *options, str(GENERATED[0])]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout


@pytest.mark.skipif(not shutil.which("clang-format"), reason="clang-format is not installed")
def test_c_is_formatted() -> None:
    files = [*WIRE.glob("*.[ch]"), *(ROOT / "tests" / "wire").glob("*.c")]
    done = subprocess.run(
        ["clang-format", "--dry-run", "-Werror", *files],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_a_server_of_another_version_does_not_compile(compiler: str, tmp_path: Path) -> None:
    header = (WIRE / "wire_schema.h").read_text()
    (tmp_path / "wire_schema.h").write_text(
        header.replace("#define WIRE_PROTOCOL_VERSION 1", "#define WIRE_PROTOCOL_VERSION 2")
    )
    for name in ("wire_server.c", "wire_server.h", "wire_frame.h", "wire_exchange.h"):
        shutil.copy(WIRE / name, tmp_path)
    command = [compiler, "-std=c11", "-fsyntax-only", f"-I{tmp_path}", INCLUDES[1]]
    done = subprocess.run(
        [*command, tmp_path / "wire_server.c"], capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "this server speaks version 1" in done.stderr


@pytest.mark.parametrize("language", ["-xc++", "-xc"])
def test_headers_stand_alone(compiler: str, language: str, tmp_path: Path) -> None:
    """In C++ too, where an uploader or a sketch may include them."""
    for header in ("wire_schema.h", "wire_crc32.h"):
        done = subprocess.run(
            [compiler, language, "-Wall", "-Wextra", "-Wconversion", "-Werror", "-fsyntax-only",
             *INCLUDES, "-"],
            input=f'#include "{header}"\n', capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr


def test_types_are_unique_and_leave_the_reply_bit_alone() -> None:
    types = [m.type for m in schema.MESSAGES]
    assert len(set(types)) == len(types)
    assert all(0 < t < schema.REPLY_BIT for t in types)
    assert schema.ERROR_TYPE not in {t | schema.REPLY_BIT for t in types}


def test_only_the_last_field_may_be_open() -> None:
    bodies = [b for m in schema.MESSAGES for b in (m.request, m.reply)] + [schema.ERROR_BODY]
    for body in bodies:
        assert all(f.type not in ("bytes", "str") for f in body[:-1])
        assert schema.fixed_size(body) <= schema.MAX_BODY
