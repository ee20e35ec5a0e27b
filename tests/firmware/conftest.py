"""Both boards' images, built once, and copies of the project for tests that change it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from project_copy import Project

from hil.backend.host import build_host
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
    that is returned, and `says` to its output, and ends with `code` where it does not list (-l).
    """
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")

    def make(name: str, says: str = "", code: int = 0) -> Path:
        log, said = tmp_path / f"{name}.log", tmp_path / f"{name}.says"
        said.write_text(says)
        (folder / name).write_text(
            f'#!/bin/sh\ncat {said}\ntest "$1" = -l && exit\nprintf "%s\\n" "$@" > {log}\n'
            f"exit {code}\n"
        )
        (folder / name).chmod(0o755)
        return log

    return make


@pytest.fixture
def start_firmware() -> Iterator[Callable[[Board], str]]:
    """Start the firmware as a process of this machine, for a board; return the port it answers on.

    Each start is another boot.
    """
    running: list[subprocess.Popen[str]] = []

    def start(board: Board) -> str:
        program = str(build_host(board, None))
        running.append(subprocess.Popen([program], stdout=subprocess.PIPE, text=True))
        assert running[-1].stdout is not None
        return running[-1].stdout.readline().strip()

    yield start
    for process in running:
        process.kill()
        process.communicate()
