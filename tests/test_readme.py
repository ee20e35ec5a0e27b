"""Every command in README.md is run, as a reader would paste it, except blocks marked otherwise.

A fenced block is `sh`, or `sh long` / `sh board` for what takes minutes or needs a board. Each
other block is one script: it stops at the first command that fails, and whatever it leaves in the
background (`&`) is ended with it.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()
BLOCK = re.compile(r"^```sh( \w+)?\n(.*?)^```$", re.MULTILINE | re.DOTALL)

#: A server in the background must still be there after this long; it would have found a wrong
#: option or a missing file by then.
CHECK_JOBS = 'for job in $(jobs -p); do sleep 3; kill -0 "$job"; done\n'

SCRIPTS = [body for mark, body in BLOCK.findall(README) if not mark]


def test_marks_are_known() -> None:
    assert {mark.strip() for mark, _ in BLOCK.findall(README)} <= {"", "long", "board"}
    assert len(SCRIPTS) >= 5


@pytest.mark.slow
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda s: s.splitlines()[0].partition("  ")[0])
def test_block(script: str, tmp_path: Path) -> None:
    # The commands see this interpreter's environment first, as after `. .venv/bin/activate`.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    log = tmp_path / "log"
    with log.open("w") as output:  # not a pipe: a server in the background would hold it open
        process = subprocess.Popen(
            ["bash", "-e", "-u", "-x", "-c", script + CHECK_JOBS],
            cwd=ROOT,
            env={**os.environ, "PATH": path},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            process.wait(300)
        finally:
            with contextlib.suppress(ProcessLookupError):  # nothing was left in the background
                os.killpg(process.pid, signal.SIGTERM)
    assert process.returncode == 0, log.read_text()
