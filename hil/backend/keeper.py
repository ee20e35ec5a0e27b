"""`keeper.py FOLDER PATIENCE COMMAND…`: runs a command, cleans up after a harness that was killed.

It is a process of its own because one that is killed cleans nothing up. Its standard input is a
pipe whose other end the harness alone has: when that closes, however it comes to be, the command
loses its input, gets PATIENCE seconds to end by itself, is ended with all that it started, and
FOLDER is deleted. A command that ends by itself ends this program, and FOLDER stays to be read.

FOLDER/pid holds the command's number, which is also that of the group of all that belongs to it.
This file is run with nothing but Python's own modules, so that it starts in some milliseconds.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

LOOK_S = 0.05


def keep(folder: str, patience: float, command: list[str]) -> None:
    """Run `command` in `folder` until it ends, or until nobody wants it any more."""
    # A group of its own: the command may be a script whose child does the work.
    process = subprocess.Popen(command, cwd=folder, stdin=subprocess.PIPE, start_new_session=True)
    (Path(folder) / "pid").write_text(str(process.pid))
    wanted = True
    while wanted and not has_ended(process.pid):
        wanted = not (select.select([0], [], [], LOOK_S)[0] and not os.read(0, 1))
    assert process.stdin is not None
    process.stdin.close()
    deadline = time.monotonic() + patience
    while not has_ended(process.pid) and time.monotonic() < deadline:
        time.sleep(LOOK_S / 5)
    kill_group(process.pid)
    process.wait()
    if not wanted:
        shutil.rmtree(folder, ignore_errors=True)


def has_ended(pid: int) -> bool:
    """Return whether a child has; it is not reaped, so that its number stays that of its group."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None


def kill_group(pid: int) -> None:
    """End what is left of a process group, by force."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


if __name__ == "__main__":
    keep(sys.argv[1], float(sys.argv[2]), sys.argv[3:])
