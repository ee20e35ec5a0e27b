"""Both boards' images, built once, and copies of the project for tests that change it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from project_copy import Project

from hil.board import Board, load_board
from hil.firmware.build import build


@pytest.fixture(scope="session", params=["nano33", "sensortile"])
def board(request: pytest.FixtureRequest) -> Board:
    return load_board(request.param)


@pytest.fixture(scope="session")
def elf(board: Board) -> Path:
    return build(board, None)


@pytest.fixture
def image(elf: Path):
    with elf.open("rb") as file:
        yield ELFFile(file)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path / "project")


@pytest.fixture
def fake_tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Put a program of a given name first on PATH; it writes its arguments, one a line."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")

    def make(name: str) -> Path:
        log = tmp_path / f"{name}.log"
        (folder / name).write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {log}\n')
        (folder / name).chmod(0o755)
        return log

    return make
