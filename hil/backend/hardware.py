"""A real board on a serial port: found by its USB id, restarted where it hangs, waited for."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from hil.backend.base import Counters, Transport
from hil.backend.port_link import checked_link
from hil.backend.serial_transport import SerialTransport, check_port
from hil.board import Board
from hil.errors import LinkError, NoAnswerError, clean
from hil.links import BOARD_LINKS
from hil.ports import Port, find, in_bootloader, serial_ports

#: Seconds for a board to be plugged in again, or reset.
REPLUG_S: Final = 30.0
POLL_S: Final = 0.2

#: The firmware heeds the second break (link.h); one may be lost in noise.
BREAKS: Final = 3
#: Seconds in which a board that restarts has left the bus, and a bootloader's port can be opened.
LEAVE_S: Final = 2.0
BOOTLOADER_S: Final = 5.0


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

    def check(self, board: Board, port: str | None) -> None:
        """See Backend.check: the port is looked for and at, and not opened."""
        port = find(board, port)
        checked_link(port, board, self.via)
        check_port(port)

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
