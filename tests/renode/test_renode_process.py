"""Renode ends with its harness in every case, and leaves no process and no folder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from stand_in import HANG_S, Pretend, alive, folders, wait_until, wait_until_gone

from hil.backend.renode import RenodeBackend
from hil.backend.renode_folders import PREFIX, sweep
from hil.board import PROJECT_DIR, load_board

BOARD = load_board("nano33")

pytestmark = pytest.mark.usefixtures("impatient", "scratch")


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


@pytest.mark.parametrize(
    ("launcher", "stubborn"), [(False, False), (False, True), (True, False), (True, True)]
)
def test_no_process_and_no_folder_is_left(
    pretend: Pretend, elf: Path, scratch: Path, launcher: bool, stubborn: bool
) -> None:
    pid_file = elf.with_name("pid")
    pretend(launcher=launcher, stubborn=stubborn, pid_file=str(pid_file))
    backend = RenodeBackend()
    backend.open(BOARD, elf, None)
    pid = int(pid_file.read_text())
    assert alive(pid)
    assert folders(scratch)
    backend.close()
    backend.close()
    wait_until_gone(pid)
    assert not folders(scratch)


WAITS = """
import signal, sys
from pathlib import Path
from hil.backend.renode import RenodeBackend
from hil.board import load_board
backend = RenodeBackend()
backend.open(load_board("nano33"), Path(sys.argv[1]), None)
print("ready", flush=True)
signal.pause()
"""


@pytest.mark.parametrize(
    ("end", "stubborn"),
    [
        (signal.SIGINT, True),
        (signal.SIGTERM, False),
        (signal.SIGKILL, False),
        (signal.SIGKILL, True),
    ],
    ids=["Ctrl-C", "terminated", "killed", "killed, and Renode goes on"],
)
def test_renode_ends_with_the_harness(
    pretend: Pretend, elf: Path, tmp_path: Path, end: signal.Signals, stubborn: bool
) -> None:
    """Ctrl-C leaves Python by its exit handlers; the others leave the keeper to end Renode."""
    scratch, pid_file = tmp_path / "scratch", tmp_path / "pid"
    pretend(launcher=True, stubborn=stubborn, pid_file=str(pid_file))
    harness = subprocess.Popen(
        [sys.executable, "-c", WAITS, str(elf)],
        cwd=PROJECT_DIR,
        env={**os.environ, "TMPDIR": str(tmp_path / "scratch")},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert harness.stdout is not None
    with harness.stdout:
        assert harness.stdout.readline() == b"ready\n"
    pid = int(pid_file.read_text())
    assert alive(pid)
    assert len(folders(scratch)) == 1
    harness.send_signal(end)
    harness.wait(HANG_S)
    wait_until_gone(pid)
    wait_until(lambda: not folders(scratch), "its folder is left behind")


def test_what_a_killed_keeper_leaves_the_next_start_ends(
    pretend: Pretend, elf: Path, scratch: Path, tmp_path: Path
) -> None:
    """The harness killed, the keeper killed, its Renode outliving the end of its input."""
    pid_file = tmp_path / "pid"
    pretend(stubborn=True, pid_file=str(pid_file))
    harness = subprocess.Popen(
        [sys.executable, "-c", WAITS, str(elf)],
        cwd=PROJECT_DIR,
        env={**os.environ, "TMPDIR": str(scratch)},
        stdout=subprocess.PIPE,
    )
    assert harness.stdout is not None
    with harness.stdout:
        assert harness.stdout.readline() == b"ready\n"
    (left,) = folders(scratch)
    pid = int(pid_file.read_text())
    os.kill(parent_of(pid), signal.SIGKILL)
    sweep(scratch)
    assert alive(pid), "its harness lives: nobody else ends it"
    harness.kill()
    harness.wait(HANG_S)
    assert alive(pid)
    assert left.is_dir()
    sweep(scratch)
    wait_until_gone(pid)
    assert not left.exists()


def test_others_folders_and_links_are_left_alone(scratch: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    names = [f"{PREFIX}{os.getpid()}-abc", f"{PREFIX}x", "tinyhil-1-2"]
    for name in names:
        (scratch / name).mkdir()
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    (scratch / f"{PREFIX}{gone.pid}-link").symlink_to(kept)
    (scratch / f"{PREFIX}{gone.pid}-abc").mkdir()
    sweep(scratch)
    assert sorted(p.name for p in scratch.iterdir()) == sorted([*names, f"{PREFIX}{gone.pid}-link"])
    assert kept.is_dir()
