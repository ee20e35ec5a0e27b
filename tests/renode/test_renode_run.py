"""Whole runs on a stand-in for Renode that relays to the embedded emulator."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from stand_in import HANG_S, Pretend, wait_until, wait_until_gone

from hil.board import PROJECT_DIR, board_names, load_board
from hil.firmware.build import build
from hil.record import load_run

RUN = ["--backend", "renode", "--model", "test_vectors/models/cnn", "--limit", "12"]

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture(scope="module", autouse=True)
def built() -> None:
    """Build the images once, so that a run's time is the run's."""
    for name in board_names():
        build(load_board(name), None)


@pytest.fixture
def start(tmp_path: Path) -> Start:
    """Start a run of the committed model on Renode, its temporary files in a folder of its own."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()

    def start_(*arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "hil.cli", "run", *RUN, *arguments],
            cwd=PROJECT_DIR,
            env={**os.environ, "TMPDIR": str(scratch)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start_


def test_boards_run_side_by_side(pretend: Pretend, start: Start, tmp_path: Path) -> None:
    pretend(launcher=True, echo=False)
    records = {name: tmp_path / f"{name}.json" for name in board_names()}
    runs = [start("--board", n, "--record", str(r)) for n, r in records.items()]
    for name, run in zip(records, runs, strict=True):
        out, err = run.communicate(timeout=HANG_S)
        assert run.returncode == 0, err
        assert "back end: Renode 1.16.1 (as asked)" in err
        assert "device outputs 12/12" in out
        identity = load_run(records[name]).identity
        assert (identity.board, identity.backend_description) == (name, "Renode 1.16.1")
    assert not list((tmp_path / "scratch").glob("tinyhil-renode-*"))


def test_without_renode_the_run_ends_with_one_line_before_anything_is_built(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RENODE", raising=False)
    monkeypatch.setenv("PATH", "/nowhere")
    run = start("--board", "nano33")
    _, err = run.communicate(timeout=HANG_S)
    assert run.returncode == 2
    lines = err.splitlines()
    assert lines[-1].startswith("tinyhil: Renode is not installed: put renode from its portable")
    assert not [line for line in lines if "building" in line or "Traceback" in line]


def test_ctrl_c_in_mid_run_leaves_nothing(pretend: Pretend, start: Start, tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    pretend(launcher=True, echo=False, pid_file=str(pid_file))
    run = start("--board", "nano33")
    wait_until(
        lambda: run.poll() is not None or (pid_file.exists() and pid_file.read_text()),
        "Renode is not started",
    )
    assert run.poll() is None, run.communicate()
    run.send_signal(signal.SIGINT)
    _, err = run.communicate(timeout=HANG_S)
    assert run.returncode != 0
    assert "Traceback" not in err
    wait_until_gone(int(pid_file.read_text()))
    assert not list((tmp_path / "scratch").glob("tinyhil-renode-*"))
