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
def fake_tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Put a program of a given name first on PATH; it writes its arguments, one a line, to the file
    that is returned, and `says` to its output.
    """
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")

    def make(name: str, says: str = "") -> Path:
        log, said = tmp_path / f"{name}.log", tmp_path / f"{name}.says"
        said.write_text(says)
        (folder / name).write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {log}\ncat {said}\n')
        (folder / name).chmod(0o755)
        return log

    return make
