"""The serial ports of this computer, and which of them are a board, by USB id: never by order."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hil.board import Board
from hil.errors import InputError, LinkError, clean


@dataclass(frozen=True)
class Port:
    """A serial port as the system lists it; text is made safe to print.

    location: the USB socket it hangs on, "" where the system does not say. A board keeps it when it
    restarts as its bootloader, while its name and its USB id change.
    """

    device: str
    usb_id: tuple[int, int] | None
    serial_number: str
    location: str
    description: str

    def same_board(self, other: Port) -> bool:
        """Whether both hang on one USB socket, as far as the system tells sockets apart."""
        return not (self.location and other.location) or self.location == other.location

    def again(self) -> Port:
        """Return where this board is now, by its USB id and serial number, else by its name.

        Raises LinkError when it is nowhere, or could be several.
        """
        if self.usb_id is None:
            return self
        found = [
            p
            for p in serial_ports()
            if p.usb_id == self.usb_id
            and p.serial_number == self.serial_number
            and (p.serial_number or p.same_board(self))
        ]
        if len(found) != 1:
            raise LinkError(f"{self} is not there")
        return found[0]

    def __str__(self) -> str:
        number = f", serial number {self.serial_number}" if self.serial_number else ""
        return f"{clean(self.device)}{number}"


def serial_ports() -> list[Port]:
    """Return every serial port, sorted by name."""
    from serial.tools import list_ports  # here: back ends are chosen before anything is loaded

    found = [
        Port(
            device=p.device,
            usb_id=None if p.vid is None or p.pid is None else (p.vid, p.pid),
            serial_number=clean(p.serial_number or "", 40),
            location=(p.location or "").partition(":")[0],  # what follows is the USB interface
            description=clean(p.description or "", 60),
        )
        for p in list_ports.comports()
    ]
    return sorted(found, key=lambda p: p.device)


def running(board: Board) -> list[Port]:
    """Return the ports of boards of this kind that run a program."""
    return [p for p in serial_ports() if p.usb_id == board.usb_ids[0]]


def resolve(boards: list[Port], asked: str) -> str:
    """Return the device that `asked` means: a USB serial number of one of `boards`, or a name."""
    by_number = [p.device for p in boards if p.serial_number and p.serial_number == asked]
    return by_number[0] if len(by_number) == 1 else _real(asked)


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
    raise InputError(f"no {board.name} on USB: give --port; `tinyhil boards` lists what there is")


def in_bootloader(board: Board) -> list[Port]:
    """Return the ports of boards of this kind that wait in their bootloader."""
    return [p for p in serial_ports() if p.usb_id == board.usb_ids[1]]
