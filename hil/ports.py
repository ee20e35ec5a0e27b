"""The serial ports of this computer, and which of them are a board, by USB id: never by order.

A USB id that its vendor gave to everybody (ST's 0483:5740) makes no board: there the device must
also name this firmware as its maker. That is read from its descriptors, which the system has: to
open a port raises its DTR, and some firmware takes that, or a touch, for an order. (Windows tells
its driver's maker instead: there such a board needs --port.)
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hil.board import Board
from hil.errors import InputError, LinkError, clean

#: What the firmware says it is made by (firmware/src/port/cortex_m/usb_link.c).
MAKER: Final = "tinyhil"


@dataclass(frozen=True)
class Port:
    """A serial port as the system lists it; text is made safe to print.

    location: the USB socket it hangs on, "" where the system does not say. A board keeps it when it
    restarts as its bootloader, while its name and its USB id change. interface: which of a device's
    ports it is (a USB configuration and interface, "1.2"), "" where there is but one.
    """

    device: str
    usb_id: tuple[int, int] | None = None
    serial_number: str = ""
    location: str = ""
    description: str = ""
    interface: str = ""
    maker: str = ""

    def same_board(self, other: Port) -> bool:
        """Whether both hang on one USB socket, as far as the system tells sockets apart."""
        return not (self.location and other.location) or self.location == other.location

    def again(self) -> Port:
        """Return where this board is now, by its USB id and serial number, else by its name.

        Cheap adapters share a number: of several the one on this socket is it. Raises LinkError
        when it is nowhere, or could be several.
        """
        if self.usb_id is None:
            return self
        found = [p for p in serial_ports() if p._is_as(self)]
        if len(found) > 1 or not self.serial_number:
            found = [p for p in found if p.same_board(self)]
        if len(found) != 1:
            raise LinkError(f"{self} is not there")
        return found[0]

    def _is_as(self, other: Port) -> bool:
        mine, its = ((p.usb_id, p.serial_number, p.interface) for p in (self, other))
        return mine == its

    def __str__(self) -> str:
        number = f", serial number {self.serial_number}" if self.serial_number else ""
        return f"{clean(self.device)}{number}"


def serial_ports() -> list[Port]:
    """Return every serial port, sorted by name."""
    from serial.tools import list_ports  # here: back ends are chosen before anything is loaded

    found = []
    for p in list_ports.comports():
        socket, _, interface = (p.location or "").partition(":")
        port = Port(
            device=p.device,
            usb_id=None if p.vid is None or p.pid is None else (p.vid, p.pid),
            serial_number=clean(p.serial_number or "", 40),
            location=socket,
            description=clean(p.description or "", 60),
            interface=interface,
            maker=clean(p.manufacturer or "", 40),
        )
        found.append(port)
    return sorted(found, key=lambda p: p.device)


def running(board: Board) -> list[Port]:
    """Return the ports of boards of this kind that run a program: this firmware, where the USB id
    is anybody's.
    """
    return [p for p in serial_ports() if is_running(board, p)]


def is_running(board: Board, port: Port) -> bool:
    """Whether a port is known to be this board's, without opening it."""
    return port.usb_id == board.usb_ids[0] and (
        not board.facts.usb_id_shared or port.maker == MAKER
    )


def lookalikes(board: Board) -> list[Port]:
    """Return ports with the board's USB id that are somebody else's, or run something else."""
    return [p for p in serial_ports() if p.usb_id == board.usb_ids[0] and not is_running(board, p)]


def told_of(strangers: list[Port]) -> str:
    """Return what to say of lookalikes behind "there is no board", "" where there are none."""
    said = (f"{p} says that {p.maker or 'nobody'} made it" for p in strangers)
    return f" ({'; '.join(said)}, not this firmware)" if strangers else ""


def resolve(boards: list[Port], asked: str) -> str:
    """Return the device that `asked` means: a USB serial number of one of `boards`, or a name."""
    by_number = [p.device for p in boards if p.serial_number and p.serial_number == asked]
    return by_number[0] if len(by_number) == 1 else _real(asked)


def same(one: str, other: str) -> bool:
    """Whether two names mean one port: a link's target, a serial number's owner."""
    there = serial_ports()
    return resolve(there, one) == resolve(there, other)


def _real(device: str) -> str:
    """Return what a link such as /dev/serial/by-id/… leads to; a URL stays as it is."""
    return str(Path(device).resolve()) if Path(device).is_symlink() else device


def find(board: Board, asked: str | None) -> str:
    """Return the board's port: as `asked`, by name, URL or USB serial number, or the only one.

    Raises InputError where several boards could be meant, or none is there.
    """
    there = running(board)
    if asked is not None:
        return resolve(there, asked)
    if len(there) == 1:
        return there[0].device
    if there:
        listed = "; ".join(map(str, there))
        raise InputError(
            f"{len(there)} {board.name} on USB ({listed}): give --port, name or number"
        )
    others = told_of(lookalikes(board))
    raise InputError(
        f"no {board.name} on USB{others}: give --port; `tinyhil boards` lists what there is"
    )


def in_bootloader(board: Board) -> list[Port]:
    """Return the ports of boards of this kind that wait in their bootloader."""
    return [p for p in serial_ports() if p.usb_id == board.usb_ids[1]]
