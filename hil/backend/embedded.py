"""The embedded back end: a board's own ELF on the emulator in `hil/emulator`."""

from __future__ import annotations

import contextlib
import socket
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from hil.backend.base import Counters, Transport
from hil.backend.both_links import take_link
from hil.backend.emulator import EmulatorProcess, check_installed
from hil.backend.stream import SocketTransport
from hil.board import Board
from hil.errors import InputError, LinkError, NoAnswerError, ToolError
from hil.links import BOARD_LINKS

#: The firmware heeds the second break, of 0.1 s later by its own clock (link.h), which a busy host
#: may take longer for.
BREAKS = 20
BREAK_GAP_S = 0.25


def _unicorn_version() -> str:
    try:
        return version("unicorn")
    except PackageNotFoundError:
        return "not installed"


class EmbeddedBackend:
    """Runs a board's image; see `hil.backend.base.Backend`.

    paced: bytes take their time on the line, in virtual time (hil/emulator/uart.py). portable: do
    without the compiled hook. via: "uart", "usb", or "auto" for both, of which `open` takes one
    (both_links.py). cable: False leaves the USB cable out until it is plugged in by request.
    """

    name = "embedded"
    emulated = True
    links: tuple[str, ...] = BOARD_LINKS

    def __init__(
        self,
        *,
        paced: bool = False,
        portable: bool = False,
        via: str = "uart",
        cable: bool = True,
    ) -> None:
        self.via = via
        self.description = f"embedded emulator (unicorn {_unicorn_version()})"
        self._options = ["--pacing", "baud"] if paced else []
        self._options += ["--portable"] if portable else []
        self._options += [] if cable else ["--no-cable"]
        self._emulator: EmulatorProcess | None = None
        self._transport: SocketTransport | None = None
        self._counters: Counters | None = None
        self._crash: str | None = None

    def move_sensor(self, feed: Path | None, real_time: bool) -> None:
        """Before `open`: choose what moves the sensor, and by whose clock.

        feed: a file of hil/emulator/sensors/feed.py, None for a board that lies still. real_time
        False: the sensor goes on as fast as the host asks for its samples.
        """
        self._options += ["--feed", str(feed)] if feed is not None else []
        self._options += ["--time", "real" if real_time else "asked"]

    def check(self, board: Board, port: str | None) -> None:
        """See Backend.check."""
        check_installed()

    def open(self, board: Board, elf: Path | None, port: str | None) -> Transport:
        """Boot `elf`. Raises InputError when it is no image for the board."""
        if elf is None:
            raise InputError("the embedded back end boots an ELF file, and none was given")
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                self._emulator = EmulatorProcess(
                    board, elf, theirs, [*self._options, "--via", self.via]
                )
            except BaseException:
                ours.close()
                raise
        self.description += f", {self._emulator.hook}"
        self._transport = SocketTransport(ours, "emulator")
        if self.via == "auto":
            self.via = take_link(self.request, self._transport)
            self.description += ", both links attached (--via auto)"
        return self._transport

    @property
    def emulator(self) -> EmulatorProcess:
        """The process, for requests of hil/emulator/control.py. Raises ToolError before `open`."""
        if self._emulator is None:
            raise ToolError("the emulator has not been started")
        return self._emulator

    @property
    def transport(self) -> Transport:
        """The byte stream. Raises ToolError before `open`."""
        if self._transport is None:
            raise ToolError("the emulator has not been started")
        return self._transport

    def request(self, do: str, **arguments: object) -> dict[str, Any]:
        """Ask something over the control channel."""
        return self.emulator.request(do, **arguments)

    def counters(self) -> Counters | None:
        """Return what was executed since the start; the last figures once it has ended."""
        with contextlib.suppress(LinkError, ToolError):
            answer = self.request("counters")
            self._counters = Counters(answer["instructions"], answer["cycles_estimate"])
        return self._counters

    def count_estimate(self, on: bool) -> None:
        """Make the firmware's cycle counter count the cycle estimate, or instructions again."""
        self.request("cyccnt", counts="cycles" if on else "instructions")

    def crash_report(self) -> str | None:
        """Return the last crash since `open`, with file and line where known, or None."""
        if self._emulator is not None:
            self._emulator.drain()
            crash = self._emulator.crash
            self._crash = None if crash is None else str(crash["text"])
        return self._crash

    def revive(self, error: LinkError) -> Transport:
        """Restart firmware that hangs; an emulator that has ended stays so: `error`.

        By breaks on the line, as a board's is; what does not heed them (interrupts are masked, or
        the core has locked up) gets its reset button pressed.
        """
        if not isinstance(error, NoAnswerError):
            raise error
        self.emulator.drain()
        self.emulator.events.clear()
        if not any(self._restarts_by_break() for _ in range(BREAKS)):
            self.request("reset", kind="pin")
        return self.transport

    def _restarts_by_break(self) -> bool:
        with contextlib.suppress(InputError):  # the USB host may have no port open
            self.request("break", via=self.via)
        deadline = time.monotonic() + BREAK_GAP_S
        while (left := deadline - time.monotonic()) > 0:
            event = self.emulator.poll(left)
            if event is not None and event["event"] == "reset":
                return True
        return False

    def close(self) -> None:
        """End the process; harmless when repeated."""
        if self._emulator is not None:
            self.counters()
            self.crash_report()
            self._emulator.close()
            self._emulator = None
        if self._transport is not None:
            self._transport.close()
