"""What tests with the stand-in for Renode have in common."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

FAKE = Path(__file__).with_name("fake_renode.py")

#: Makes a stand-in with these faults the Renode that is found.
Pretend = Callable[..., Path]


def alive(pid: int) -> bool:
    """Return whether a process runs; one that has ended and waits for its parent does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z" and os.path.exists(f"/proc/{pid}")
