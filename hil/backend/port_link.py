"""Which of a board's links a serial port is: its own USB, or an adapter at its UART's pins."""

from __future__ import annotations

import os

from hil.board import Board
from hil.errors import InputError, clean
from hil.ports import serial_ports


def link_of(port: str, board: Board) -> str:
    """Return "usb" for a port with one of the board's USB ids, "uart" for another hardware port.

    "unknown" for what no hardware is known behind: a pty, or a URL of pyserial's.
    """
    path = os.path.realpath(port)
    for found in serial_ports():
        if os.path.realpath(found.device) == path:
            return "usb" if found.usb_id in board.usb_ids else "uart"
    return "unknown"


def checked_link(port: str, board: Board, wanted: str) -> str:
    """Return the port's link, or the wanted one where that cannot be told ("unknown": none is).

    Raises InputError where the port is known to be another one.
    """
    found = link_of(port, board)
    if found == "unknown":
        return wanted
    if wanted not in ("unknown", found):
        vendor, product = board.usb_ids[0]
        what = f"{vendor:04x}:{product:04x}, {board.name}'s own USB"
        said = f"is {'' if found == 'usb' else 'not '}{what}"
        raise InputError(
            f"--via {wanted}: {clean(port)} {said}; leave out --via, or --port another"
        )
    return found
