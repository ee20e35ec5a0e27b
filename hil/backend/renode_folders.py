"""A Renode run's folder in the temporary one: named for its harness, and deleted when that is gone.

The keeper (keeper.py) deletes it. What is left where the keeper was killed as well, the next start
finds by its name.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import tempfile
from pathlib import Path
from typing import Final

from hil.backend.keeper import kill_group

#: Before the harness's process number.
PREFIX: Final = "tinyhil-renode-"


def new_folder() -> Path:
    """Make a folder for a run of this process, and delete what killed ones have left."""
    sweep(Path(tempfile.gettempdir()))
    return Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-"))


def read_pid(folder: Path) -> int | None:
    """Return the number that the keeper has noted in a run's folder."""
    try:
        return int((folder / "pid").read_text())
    except (OSError, ValueError):
        return None


def sweep(temporary: Path) -> None:
    """Delete the folders of runs whose harness and keeper were both killed, and end their Renode.

    A process whose number a Renode once had is told from it by where it runs.
    """
    for folder in temporary.glob(PREFIX + "*"):
        owner = folder.name.removeprefix(PREFIX).partition("-")[0]
        if not owner.isdigit() or _lives(int(owner)) or not _is_ours(folder):
            continue
        pid = read_pid(folder)
        with contextlib.suppress(OSError):
            if pid is not None and Path(f"/proc/{pid}/cwd").samefile(folder):
                kill_group(pid)
        shutil.rmtree(folder, ignore_errors=True)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True  # somebody else's
    return True


def _is_ours(folder: Path) -> bool:
    """Return whether it is a folder of this user's, and no link to one: others write there too."""
    with contextlib.suppress(OSError):
        about = folder.lstat()
        return stat.S_ISDIR(about.st_mode) and about.st_uid == os.getuid()
    return False
