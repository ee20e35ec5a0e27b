"""The seam between the harness and whatever carries its bytes.

A `Transport` moves bytes and knows nothing of frames; a `Backend` produces a running device and
its transport. Concrete back ends are loaded by name, so that the harness runs without the ones
whose packages are not installed. Swap the transport, never the client.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Protocol

from hil.board import Board
from hil.errors import InputError, clean
from hil.links import check_link
from hil.ports import running

#: Name → module and class. `auto` is resolved by `choose`.
BACKENDS = {
    "hardware": ("hil.backend.hardware", "HardwareBackend"),
    "embedded": ("hil.backend.embedded", "EmbeddedBackend"),
    "renode": ("hil.backend.renode", "RenodeBackend"),
    "host": ("hil.backend.host", "HostBackend"),
}

#: The number of every emulated chip. It tells a board from an emulator behind a serial port
#: (`tinyhil emulate`), whose counts must not be taken for time.
EMULATED_DEVICE_ID = 0x0123456789ABCDEF


class Transport(Protocol):
    """A byte stream to a device."""

    def read(self, timeout: float) -> bytes:
        """Return the bytes that are there, after at most `timeout` seconds' wait for the first.

        Returns b"" when none came. Raises LinkError when the other end is gone.
        """

    def write(self, data: bytes) -> None:
        """Send all of `data`. Raises LinkError when the other end is gone."""

    def close(self) -> None:
        """Release the stream; harmless when repeated."""


@dataclass(frozen=True)
class Counters:
    """What an emulator counted since its start. Never a board's time.

    instructions: exact number executed; cycles_estimate: by the emulator's cycle model, if any.
    """

    instructions: int
    cycles_estimate: int | None


class Backend(Protocol):
    """A device under test: started by `open`, ended by `close`."""

    name: str
    #: What the report says about it, e.g. "embedded emulator (unicorn 2.1.4)".
    description: str
    #: True where time means nothing: counts are stated instead.
    emulated: bool
    #: The links that `--via` can ask it for.
    links: tuple[str, ...]
    #: What the bytes go through, once open (hil/links.py); before, what was asked for.
    via: str

    def check(self, board: Board, port: str | None) -> None:
        """Raise what will surely keep `open` from its work, as it would; nothing is touched.

        It takes no time, so that nobody waits for host models or a build first.
        """

    def open(self, board: Board, elf: Path | None, port: str | None) -> Transport:
        """Start or find the device and return its transport.

        `elf` is the image to boot (emulators) and is ignored by hardware, which has been flashed.
        """

    def counters(self) -> Counters | None:
        """Return the emulator's counters, or None on hardware and the host port."""

    def crash_report(self) -> str | None:
        """Return what is known of a crash since `open` (file and line where known), or None."""

    def close(self) -> None:
        """End what `open` started; harmless when repeated."""


def choose(name: str, port: str | None, board: Board) -> str:
    """Resolve `auto`: a board given by `port` or found on USB, else the embedded emulator.

    Raises InputError for a port that would be passed over in silence: somebody who names one means
    a board, and must not be given an emulator's results.
    """
    if port is not None and not port.strip():
        raise InputError("--port is empty; `tinyhil boards` lists the ports there are")
    if port is not None and name not in ("auto", "hardware"):
        raise InputError(f"--port {clean(port)}: the {name} back end takes no port; leave out one")
    if name != "auto":
        return name
    return "hardware" if port or running(board) else "embedded"


def load(name: str, via: str = "auto") -> Backend:
    """Return a new back end by name, for a link by name.

    `auto` is the cable that a port is of; where a board is emulated with both links, USB if it
    answers there, else the UART. Raises InputError for an unknown name, and for a link that the
    back end has not got.
    """
    if name not in BACKENDS:
        raise InputError(f"no back end {name!r}: choose one of auto, {', '.join(BACKENDS)}")
    module, cls = BACKENDS[name]
    backend: Backend = getattr(import_module(module), cls)()
    check_link(via, name, backend.links)
    if via != "auto" or (backend.emulated and len(backend.links) > 1):
        backend.via = via
    return backend
