"""The emulator's end of the byte stream: an inherited socket, or a pty that others open."""

from __future__ import annotations

import os
import tty

#: What may wait for a reader. A socket's peer is waited for beyond it; on a pty, as on a serial
#: line that nobody reads, the rest is lost.
MAX_WAITING = 1 << 16


class Link:
    """Bytes in and out of a file descriptor, never blocking."""

    def __init__(self, descriptor: int, is_pty: bool, keep_open: int | None = None) -> None:
        self.descriptor = descriptor
        self._is_pty = is_pty
        self._keep_open = keep_open
        self._waiting = bytearray()
        os.set_blocking(descriptor, False)

    def read(self, size: int) -> bytes | None:
        """Return what has come, b"" for nothing, None when the other end is gone."""
        try:
            return os.read(self.descriptor, size) or None
        except BlockingIOError:
            return b""
        except OSError:
            return None

    def write(self, data: bytes) -> None:
        """Send, keeping what does not fit."""
        room = MAX_WAITING - len(self._waiting)
        self._waiting += data[: max(room, 0)] if self._is_pty else data
        self.flush()

    def flush(self) -> None:
        """Send what is waiting, as far as it goes; a reader that is gone is `read`'s to notice."""
        try:
            while self._waiting:
                del self._waiting[: os.write(self.descriptor, self._waiting)]
        except OSError:
            return

    @property
    def wants_to_write(self) -> bool:
        """Whether something is waiting for the reader."""
        return bool(self._waiting)

    @property
    def is_full(self) -> bool:
        """Whether the firmware must wait for the reader."""
        return not self._is_pty and len(self._waiting) > MAX_WAITING


def open_pty() -> tuple[Link, str]:
    """Return the link and the path that a serial program opens.

    The other end is kept open here too, so that programs may come and go.
    """
    master, slave = os.openpty()
    tty.setraw(slave)
    return Link(master, is_pty=True, keep_open=slave), os.ttyname(slave)
