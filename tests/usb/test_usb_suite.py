"""`pytest hil/ --via usb` as a user runs it, on few windows; all of them: the same, without
--limit."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from hil.record import load_run


@pytest.mark.parametrize("board", ["nano33", "sensortile"])
def test_the_whole_suite_passes_over_usb(board: str, tmp_path: Path) -> None:
    record = tmp_path / "run.json"
    command = [sys.executable, "-m", "pytest", "--pyargs", "hil.suite", "-p", "no:cacheprovider",
               "--board", board, "--backend", "embedded", "--via", "usb", "--limit", "6",
               "--record", str(record)]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:]
    assert " · USB\n" in done.stdout
    run = load_run(record)
    assert run.identity.via == "usb"
    assert run.incomplete is None
