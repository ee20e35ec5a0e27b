"""Files of users: read no further than a limit, written whole or not at all.

A path given by a user may be a pipe that nobody writes to, a device without an end, or a device
that must not be replaced by a file (an option like `--record /dev/stdout`).
"""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

from hil.errors import InputError, clean


def read_file(path: Path, limit: int) -> bytes:
    """Return a regular file's content. Raises InputError: unreadable, no file, over `limit` bytes.

    Never waits: a pipe without a writer is refused, not waited for.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise _refusal(path, "not a regular file")
            content = file.read(limit + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise _refusal(path, getattr(error, "strerror", None) or str(error)) from None
    if len(content) > limit:
        raise _refusal(path, f"larger than {limit} bytes")
    return content


def _refusal(path: Path, reason: str) -> InputError:
    return InputError(f"{clean(str(path), 300)}: {reason}")


def write_file(path: Path, text: str) -> None:
    """Write `text` to `path` as UTF-8; see write_bytes. Raises InputError."""
    try:
        content = text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise _refusal(path, str(error)) from None
    write_bytes(path, content)


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content` to `path`. Raises InputError; what was there before is then unchanged.

    Through a link, the file it names is written. A pipe or a device (/dev/stdout) is written to as
    it is: it cannot be replaced.
    """
    try:
        target = path.resolve()
        if target.exists() and not target.is_file():
            target.write_bytes(content)
        else:
            _replace(target, content)
    except (OSError, ValueError, RuntimeError) as error:  # RuntimeError: a circle of links
        raise _refusal(path, getattr(error, "strerror", None) or str(error)) from None


def _replace(target: Path, content: bytes) -> None:
    # A name of its own for each writer: two runs with one --record must not write into one file.
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name[:100]}.", dir=target.parent)
    try:
        with open(descriptor, "wb") as file:
            file.write(content)
        os.chmod(name, _mode(target))
        os.replace(name, target)
    except BaseException:
        os.unlink(name)
        raise


def _mode(target: Path) -> int:
    """Return the permissions of the file replaced, else those of any new file."""
    if target.exists():
        return stat.S_IMODE(target.stat().st_mode)
    umask = os.umask(0)
    os.umask(umask)
    return 0o666 & ~umask
