"""What tests with the stand-in for Renode have in common."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

FAKE = Path(__file__).with_name("fake_renode.py")

#: Makes a stand-in with these faults the Renode that is found.
Pretend = Callable[..., Path]

#: Seconds after which something hangs: what takes one or two on an idle machine takes many more on
#: one with other work to do, and a test that waits in vain may well take long.
HANG_S = 300.0


def folders(inside: Path) -> list[Path]:
    """Return the folders of runs."""
    return list(inside.glob("tinyhil-renode-*"))


def wait_until(true: Callable[[], object], what: str) -> None:
    """Wait for something, and fail where it does not come: `what` then says what is the case."""
    deadline = time.monotonic() + HANG_S
    while not true():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def wait_until_gone(pid: int) -> None:
    wait_until(lambda: not alive(pid), f"process {pid} is still there")


def alive(pid: int) -> bool:
    """Return whether a process runs; one that has ended and waits for its parent does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z" and os.path.exists(f"/proc/{pid}")
