"""A serial port as bytes, by pyserial; also its URLs (socket://, loop://, rfc2217://)."""

from __future__ import annotations

import contextlib
import errno
import os
import time
from pathlib import Path
from typing import Final

import serial

from hil.errors import LinkError, NoAnswerError, clean

#: pyserial's own wait for one byte; a longer one is made of these, since changing its time-out
#: would configure the port anew with every read.
_SLICE: Final = 0.02
#: As long as Session's patience: a board whose port takes no bytes for longer hangs.
_WRITE_TIMEOUT: Final = 10.0
#: Seconds for bytes to leave that the port does not discard: a full UART's buffer needs less.
_EMPTY_S: Final = 1.0
#: Seconds between two breaks: the firmware heeds one that comes 0.1 s after another (link.h).
BREAK_GAP_S: Final = 0.2
#: The kernel's list of locks (Linux). pyserial's "exclusive" is one of them.
LOCKS: Final = Path("/proc/locks")


class SerialTransport:
    """A serial port as a Transport, opened for this program alone."""

    def __init__(self, port: str, baud: int) -> None:
        self._port = port
        try:
            self._serial = serial.serial_for_url(
                port,
                baudrate=baud,
                timeout=_SLICE,
                write_timeout=_WRITE_TIMEOUT,
                exclusive=True,
            )
        except Exception as error:  # its URL handlers raise whatever their parsing meets
            raise _open_error(port, error) from None

    def read(self, timeout: float) -> bytes:
        """See Transport.read."""
        deadline = time.monotonic() + timeout
        try:
            while True:
                data: bytes = self._serial.read(max(1, self._serial.in_waiting))
                if data or time.monotonic() >= deadline:
                    return data
        except (serial.SerialException, OSError, TypeError) as error:
            raise self._gone(error) from None

    def write(self, data: bytes) -> None:
        """See Transport.write. Raises NoAnswerError where the port takes nothing for too long.

        Over USB that is how most hangs show: a board whose buffer is full takes no packet, and
        Linux's port then takes no bytes. (pyserial waits after its last byte, too.)
        """
        try:
            self._serial.write(data)
        except serial.SerialTimeoutException:
            self._discard()  # or closing the port would wait for the bytes, 30 s on Linux
            raise NoAnswerError(
                f"no answer for {_WRITE_TIMEOUT:g} s, and {self._port} takes no bytes"
            ) from None
        except (serial.SerialException, OSError, TypeError) as error:
            raise self._gone(error) from None

    def _discard(self) -> None:
        with contextlib.suppress(Exception):  # termios.error, which is no OSError, and URL handlers
            self._serial.reset_output_buffer()

    def empty(self) -> bool:
        """Discard what waits to be sent; return whether nothing waits any more.

        Linux's cdc-acm knows how to discard since a patch of August 2023 ("support flushing write
        buffers"); before, only closing the port does.
        """
        self._discard()
        deadline = time.monotonic() + _EMPTY_S
        while self._waiting():
            if time.monotonic() >= deadline:
                return False
            time.sleep(_SLICE)
        return True

    def _waiting(self) -> int:
        with contextlib.suppress(Exception):  # a URL's port may not know; one may have gone
            return int(self._serial.out_waiting)
        return 0

    def send_break(self) -> None:
        """Hold the line low, or ask for it over USB; harmless where the port knows no break.

        Only on a port that is `empty`: Linux first waits, without a limit, until every byte has
        been sent (tty_ioctl, for each of the requests for a break), and a board that hangs may
        never take them.
        """
        with contextlib.suppress(Exception):  # as in _discard
            self._serial.send_break()
        time.sleep(BREAK_GAP_S)

    def close(self) -> None:
        """See Transport.close."""
        self._serial.close()

    def _gone(self, error: Exception) -> LinkError:
        return LinkError(
            f"{self._port} has gone ({clean(str(error))}): look at the cable, then try again"
        )


def check_port(port: str) -> None:
    """Raise LinkError where a port by name surely cannot be opened, without opening it.

    To open one raises its DTR, and takes it from a program that holds it without a lock. What only
    opening shows (a port held by TIOCEXCL, a URL's other end) is left to that.
    """
    if os.name != "posix" or "://" in port:
        return
    try:
        there = os.stat(port)
    except OSError as error:
        raise _open_error(port, error) from None
    if not os.access(port, os.R_OK | os.W_OK):
        raise _open_error(port, PermissionError(errno.EACCES, os.strerror(errno.EACCES)))
    if _is_locked(there):
        raise _open_error(port, BlockingIOError(errno.EBUSY, os.strerror(errno.EBUSY)))


def _is_locked(file: os.stat_result) -> bool:
    """Whether somebody holds flock's lock on a file; lines are as proc(5) describes them."""
    try:
        lines = LOCKS.read_text().splitlines()
    except OSError:
        return False
    major, minor = os.major(file.st_dev), os.minor(file.st_dev)
    mine = f"{major:02x}:{minor:02x}:{file.st_ino}"
    held = (line.split() for line in lines)
    return any(words[1:2] == ["FLOCK"] and mine in words for words in held)


def _open_error(port: str, error: Exception) -> LinkError:
    text = clean(str(error))
    if "exclusively lock" in text or "busy" in text.lower():
        return LinkError(f"{port} is in use by {_holders(port)}: close it there, then try again")
    if isinstance(error, PermissionError) or "Permission denied" in text:
        return LinkError(
            f"{port}: permission denied; `sudo usermod -aG dialout $USER`, then log in again"
        )
    if isinstance(error, OSError) and error.errno:
        text = os.strerror(error.errno)  # pyserial's own text has the number and the port twice
    return LinkError(
        f"{port} cannot be opened ({text}); `tinyhil boards` lists the ports there are"
    )


def _holders(port: str) -> str:
    """Return the programs that have the port open, as far as this user may see them (Linux)."""
    target = os.path.realpath(port)
    names = set()
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        process = link.parent.parent
        try:
            if process.name != str(os.getpid()) and os.readlink(link) == target:
                names.add(f"{clean((process / 'comm').read_text().strip())} (pid {process.name})")
        except OSError:
            continue  # not ours to look at, or it has just ended
    return ", ".join(sorted(names)) or "another program (`sudo fuser -v` on it tells which)"
