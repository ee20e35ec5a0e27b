"""A real board on a serial port, by pyserial; also its URLs (socket://, loop://, rfc2217://)."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import serial

from hil.backend.base import Counters, Transport
from hil.backend.port_link import checked_link
from hil.board import Board
from hil.errors import LinkError, NoAnswerError, clean
from hil.links import BOARD_LINKS
from hil.ports import Port, find, in_bootloader, serial_ports

#: pyserial's own wait for one byte; a longer one is made of these, since changing its time-out
#: would configure the port anew with every read.
_SLICE: Final = 0.02
#: As long as Session's patience: a board whose port takes no bytes for longer hangs.
_WRITE_TIMEOUT: Final = 10.0
#: Seconds for bytes to leave that the port does not discard: a full UART's buffer needs less.
_EMPTY_S: Final = 1.0

#: Seconds for a board to be plugged in again, or reset.
REPLUG_S: Final = 30.0
POLL_S: Final = 0.2

#: The firmware heeds the second break, 0.1 s after the first (link.h); one may be lost in noise.
BREAKS: Final = 3
BREAK_GAP_S: Final = 0.2
#: Seconds in which a board that restarts has left the bus, and a bootloader's port can be opened.
LEAVE_S: Final = 2.0
BOOTLOADER_S: Final = 5.0


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


class HardwareBackend:
    """A board on `--port`. baud: set it to override the board's own."""

    name = "hardware"
    description = "board on a serial port"
    emulated = False
    links: tuple[str, ...] = BOARD_LINKS
    via = "unknown"
    baud: int | None = None

    def __init__(self) -> None:
        self._transport: SerialTransport | None = None
        self._board: Board | None = None
        self._port = Port("")

    def open(self, board: Board, elf: Path | None, port: str | None) -> Transport:
        """Open the port, found by the board's USB id when None. `elf` is ignored: see Backend."""
        port = find(board, port)
        self.via = checked_link(port, board, self.via)
        named = (p for p in serial_ports() if p.device == port)
        self._board, self._port = board, next(named, Port(port))
        self._transport = self._open_port()
        self.description = f"{board.title} on {clean(port)} at {self._rate():,} baud"
        return self._transport

    def _rate(self) -> int:
        assert self._board is not None
        return self.baud or self._board.facts.baud

    def _open_port(self) -> SerialTransport:
        return SerialTransport(self._port.device, self._rate())

    def revive(self, error: LinkError) -> Transport:
        """Bring the board back: one that hangs is restarted, one that has gone is waited for.

        A board on USB is known again by its USB id and serial number, whatever its port is called
        now. Raises `error` when it is not back in REPLUG_S, or where it is instead.
        """
        if isinstance(error, NoAnswerError):
            self._restart()
        self.close()
        deadline = time.monotonic() + REPLUG_S
        while time.monotonic() < deadline:
            try:
                self._port = self._port.again()
                self._transport = self._open_port()
            except LinkError:
                time.sleep(POLL_S)
                continue
            return self._transport
        raise self._left_in_bootloader() or error

    def _restart(self) -> None:
        """Restart a board by breaks on the line, which its firmware heeds in an interrupt.

        A Nano on USB that does not (its firmware is an older one, say) is restarted through its
        bootloader. With interrupts masked only the reset button helps: whoever sits there has
        REPLUG_S, or on a UART's pins the hello's time, to press it.
        """
        if self._transport is None:
            return
        if self._is_empty():
            for _ in range(BREAKS):
                self._transport.send_break()
            if self.via != "usb" or _goes(self._transport):
                return
        self.close()
        if self.via == "usb":
            self._restart_by_bootloader()

    def _is_empty(self) -> bool:
        """Return whether nothing waits in the port; it may be opened anew for that.

        Closing one with bytes in it may take the 30 s that Linux waits for them (closing_wait,
        which only root may change), and then they are gone.
        """
        if self._transport is None or self._transport.empty():
            return self._transport is not None
        self.close()
        try:
            self._transport = self._open_port()
        except LinkError:
            return False
        return self._transport.empty()

    def _is_nano(self) -> bool:
        board = self._board
        return (
            board is not None
            and board.uploader == "sam-ba"
            and self._port.usb_id == board.usb_ids[0]
        )

    def _restart_by_bootloader(self) -> None:
        """Touch the board and start its program again; what fails is seen by who waits for it."""
        from hil.upload.port import find_bootloader
        from hil.upload.sam_ba import Bootloader

        board = self._board
        if board is None or not self._is_nano():
            return
        try:
            waiting = find_bootloader(board, self._port.device)
        except LinkError:
            return
        deadline = time.monotonic() + BOOTLOADER_S
        while time.monotonic() < deadline:
            # Its port is new: whoever gives us leave to open it (udev) may need a moment.
            with contextlib.suppress(LinkError), _closing(waiting.device, board) as transport:
                Bootloader(transport).reset()
                return
            time.sleep(POLL_S)

    def _left_in_bootloader(self) -> LinkError | None:
        """Return an error that says so where the board now waits for an upload."""
        board = self._board
        if board is None or not self._is_nano():
            return None
        found = [p for p in in_bootloader(board) if p.same_board(self._port)]
        if len(found) != 1:
            return None
        return LinkError(
            f"{board.title} is in its bootloader ({found[0]}) after a restart: press its reset "
            "button once, then try again"
        )

    def counters(self) -> Counters | None:
        """Return None: a board does not count for us."""
        return None

    def crash_report(self) -> str | None:
        """Return None: what is known of a crash is in LAST_FAULT."""
        return None

    def close(self) -> None:
        """Close the port."""
        if self._transport:
            self._transport.close()


@contextlib.contextmanager
def _closing(port: str, board: Board) -> Iterator[SerialTransport]:
    transport = SerialTransport(port, board.facts.baud)
    try:
        yield transport
    finally:
        transport.close()


def _goes(transport: SerialTransport) -> bool:
    """Return whether a port on USB goes away soon, as it does when its board restarts."""
    deadline = time.monotonic() + LEAVE_S
    with contextlib.suppress(LinkError):
        while time.monotonic() < deadline:
            transport.read(POLL_S)
        return False
    return True


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
