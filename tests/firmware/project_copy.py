"""A copy of the project that a test may break, and `pio` run in it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

from hil.board import PROJECT_DIR
from hil.firmware.build import QUIET_PLATFORMIO

#: What `pio` needs of the project.
PARTS = ("firmware", "hil", "pipeline", "tests/c", "platformio.ini")


@cache
def may_unshare() -> bool:
    """Return whether this machine permits a process without a network."""
    if shutil.which("unshare") is None:
        return False
    result = subprocess.run(["unshare", "-rn", "true"], capture_output=True, check=False)
    return result.returncode == 0


class Project:
    """A copy of the project, so that a test may break it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for part in PARTS:
            source, target = PROJECT_DIR / part, root / part
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, target)

    def pio(self, *arguments: str, prefix: tuple[str, ...] = (), **variables: str):
        """Run `pio` in the copy; both output streams together."""
        variables = {**QUIET_PLATFORMIO, "PYTHONPATH": str(self.root), **variables}
        return subprocess.run(
            [*prefix, sys.executable, "-m", "platformio", *arguments],
            cwd=self.root,
            env={**os.environ, **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
            check=False,
        )
