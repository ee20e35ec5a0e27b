"""A Renode to test with: the stand-in of fake_renode.py, or the real one where it is installed."""

from __future__ import annotations

import json
import struct
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from on_renode import WINDOWS, Image, Opened
from stand_in import FAKE, Pretend

from hil.backend import renode_process
from hil.backend.base import Backend, Transport
from hil.backend.renode import RenodeBackend
from hil.backend.renode_process import dotted, find, version
from hil.board import PROJECT_DIR, board_names, load_board
from hil.errors import ToolError
from hil.firmware.build import build
from hil.model_folder import load_model_folder
from hil.reference.inputs import load_inputs


@pytest.fixture
def pretend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pretend:
    """Install the stand-in. launcher: as a script whose child it is, as the source's own is."""

    def install(*, launcher: bool = False, **faults: Any) -> Path:
        program = tmp_path / "bin" / "renode"
        program.parent.mkdir(exist_ok=True)
        start = "" if launcher else "exec "
        program.write_text(f'#!/bin/sh\n{start}"{sys.executable}" "{FAKE}" "$@"\n')
        program.chmod(0o755)
        monkeypatch.setenv("RENODE", str(program))
        monkeypatch.setenv("FAKE_RENODE", json.dumps(faults))
        monkeypatch.setenv("PYTHONPATH", str(PROJECT_DIR))
        return program

    return install


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The stand-in that ends by itself does so at once."""
    monkeypatch.setattr(renode_process, "END_TIMEOUT_S", 0.5)


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give runs a temporary folder of their own to look into."""
    path = tmp_path / "scratch"
    path.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(path))
    return path


@pytest.fixture
def elf(tmp_path: Path) -> Path:
    """Return an image with nothing in it, for machines that do not look at it."""
    path = tmp_path / "firmware.elf"
    identification = b"\x7fELF\x01\x01\x01".ljust(16, b"\0")
    path.write_bytes(
        identification + struct.pack("<HHIIIIIHHHHHH", 2, 40, 1, *[0] * 4, 52, *[0] * 5)
    )
    return path


@pytest.fixture(scope="session")
def installed() -> str:
    """Return the real Renode's version; skip where there is none."""
    try:
        return dotted(version(find()))
    except ToolError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session", params=board_names())
def image(installed: str, request: pytest.FixtureRequest) -> tuple[str, Path]:
    """Return a board's name and its committed model's image."""
    return request.param, build(load_board(request.param), None)


@pytest.fixture
def renode() -> Iterator[RenodeBackend]:
    """Return a back end that is closed at the end."""
    backend = RenodeBackend()
    yield backend
    backend.close()


@pytest.fixture
def opened() -> Iterator[Opened]:
    """Boot an image on a back end, which is closed at the end."""
    backends: list[Backend] = []

    def open_(backend: Backend, image: Image) -> Transport:
        backends.append(backend)
        return backend.open(load_board(image[0]), image[1], None)

    yield open_
    for backend in backends:
        backend.close()


@pytest.fixture(scope="session")
def windows() -> list[bytes]:
    """Return some of the committed model's windows as the device takes them, raw."""
    folder = load_model_folder(PROJECT_DIR / "test_vectors" / "models" / "cnn")
    return load_inputs(folder, None, WINDOWS).raw_bytes()
