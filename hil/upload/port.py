"""From a board on USB to its bootloader's port, which often has another name than the program's."""

from __future__ import annotations

import time
from typing import Final

import serial

from hil import ports
from hil.board import Board
from hil.errors import InputError, LinkError, clean
from hil.ports import Port
from hil.upload.sam_ba import DOUBLE_TAP

#: A program restarts into the bootloader when its port is opened and closed at this rate.
TOUCH_BAUD: Final = 1200
#: Seconds for a reset board to come back.
RESTART_TIMEOUT_S: Final = 10.0
POLL_S: Final = 0.1


def find_bootloader(board: Board, device: str | None) -> Port:
    """Return the port of the board's bootloader; a program that runs is restarted into it.

    device: as for `locate`, and what it raises; LinkError where it does not come back, too.
    """
    port = locate(board, device)
    if not ports.is_running(board, port):
        return port
    others = {p.device for p in ports.in_bootloader(board)}
    touch(port.device)
    return _come_back(board, port, others)


def locate(board: Board, device: str | None) -> Port:
    """Return the board's port, of its bootloader or of a program that runs; nothing is touched.

    device: a port's name, None to find the board by its USB id. Raises InputError where several
    boards might be meant, LinkError where there is none.
    """
    waiting, programs = ports.in_bootloader(board), ports.running(board)
    if device is not None:
        device = ports.resolve([*waiting, *programs], device)
        # A port that the system does not know as a board's is taken for a bootloader's, as asked.
        return next((p for p in ports.serial_ports() if p.device == device), Port(device))
    named = [*waiting, *programs]
    if not named:
        raise LinkError(f"no {board.title} found on USB; {DOUBLE_TAP}, or give --upload-port")
    if len(named) > 1:
        listed = "; ".join(map(str, named))
        raise InputError(f"{len(named)} boards could be meant ({listed}): give --upload-port")
    return named[0]


def touch(device: str, otherwise: str = DOUBLE_TAP) -> None:
    """Open and close a port at 1200 baud, DTR low: the program then enters the bootloader.

    otherwise: what helps where that fails.
    """
    try:
        with serial.Serial(device, TOUCH_BAUD, exclusive=True) as program:
            program.dtr = False
    except (serial.SerialException, OSError) as error:
        raise LinkError(f"{device}: {clean(str(error))}; {otherwise}") from None


def _come_back(board: Board, touched: Port, others: set[str]) -> Port:
    """others: bootloaders' ports before the touch; where no socket is told, none is it."""

    def is_it(port: Port) -> bool:
        knows_sockets = touched.location and port.location
        return port.same_board(touched) and bool(knows_sockets or port.device not in others)

    deadline = time.monotonic() + RESTART_TIMEOUT_S
    while time.monotonic() < deadline:
        back = [p for p in ports.in_bootloader(board) if is_it(p)]
        if len(back) == 1:
            return back[0]
        time.sleep(POLL_S)
    raise LinkError(f"the board did not come back as its bootloader; {DOUBLE_TAP}")
