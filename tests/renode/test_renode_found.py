"""Which Renode is used: found, asked for its version, refused in one line."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from stand_in import Pretend

from hil.backend import renode_process as module
from hil.backend.renode import RenodeBackend
from hil.backend.renode_process import find, version
from hil.board import load_board
from hil.errors import ToolError

BOARD = load_board("nano33")

pytestmark = pytest.mark.usefixtures("impatient", "scratch")


def test_renode_is_what_the_variable_or_the_path_names(
    pretend: Pretend, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = pretend()
    assert find() == str(program)
    monkeypatch.delenv("RENODE")
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    assert find() == str(program)
    monkeypatch.setenv("RENODE", os.path.relpath(program))
    assert find() == os.path.abspath(os.path.relpath(program))


def test_missing_renode_is_one_line_that_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RENODE", raising=False)
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(ToolError, match=r"not installed: put renode .* 1\.15 or later.*RENODE"):
        find()
    monkeypatch.setenv("RENODE", "/nowhere/\x1b[31mrenode")
    with pytest.raises(ToolError, match=r"^RENODE=/nowhere/�\[31mrenode is no program"):
        find()


@pytest.mark.parametrize(
    ("says", "numbers"),
    [("1.16.1.31410", (1, 16, 1)), ("1.15.0.1", (1, 15, 0)), ("2.0.3.9", (2, 0, 3))],
)
def test_versions_from_1_15_on_are_taken(
    pretend: Pretend, says: str, numbers: tuple[int, int, int]
) -> None:
    assert version(str(pretend(version=says))) == numbers


@pytest.mark.parametrize("says", ["1.14.0.2", "0.99.99.1"])
def test_older_versions_are_refused(pretend: Pretend, elf: Path, says: str) -> None:
    pretend(version=says)
    with pytest.raises(ToolError, match=rf"is Renode {says[:-2]}, too old: install"):
        RenodeBackend().open(BOARD, elf, None)


@pytest.mark.parametrize("body", ["echo no emulator", "exit 1", "printf '\\377\\376'"])
def test_another_program_of_that_name_is_refused(tmp_path: Path, body: str) -> None:
    program = tmp_path / "renode"
    program.write_text(f"#!/bin/sh\n{body}\n")
    program.chmod(0o755)
    with pytest.raises(ToolError, match="is no Renode: --version does not say so"):
        version(str(program))


def test_a_program_that_never_answers_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "renode"
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    program.chmod(0o755)
    monkeypatch.setattr(module, "VERSION_TIMEOUT_S", 0.2)
    with pytest.raises(ToolError, match=r"--version fails: .*timed out"):
        version(str(program))
