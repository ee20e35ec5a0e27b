"""After an upload: has the new firmware come up, and is it the one that was written?"""

from __future__ import annotations

import time

from hil import ports
from hil.backend.serial_transport import SerialTransport
from hil.board import Board
from hil.device import Device
from hil.errors import DeviceError, LinkError
from hil.identity import Identity
from hil.ports import Port
from hil.upload.port import POLL_S, RESTART_TIMEOUT_S
from hil.upload.sam_ba import DOUBLE_TAP


def wait_for_hello(
    board: Board, bootloader: Port, timeout: float = RESTART_TIMEOUT_S
) -> tuple[Port, Identity]:
    """Return the port on which the restarted board says who it is, and what it says.

    Raises LinkError when it does not come back on USB or does not answer there, in `timeout` s.
    """
    deadline, port, last = time.monotonic() + timeout, None, ""
    while time.monotonic() < deadline:
        back = [p for p in ports.running(board) if p.same_board(bootloader)]
        if len(back) == 1:
            port = back[0]
            try:
                return port, _ask(board, port)
            except DeviceError as error:  # the port is there before the system lets it be opened
                last = f" ({error})"
        time.sleep(POLL_S)
    where = f"says nothing on {port}" if port else "did not come back on USB"
    raise LinkError(f"written, but the board {where}{last}; {DOUBLE_TAP}")


def _ask(board: Board, port: Port) -> Identity:
    transport = SerialTransport(port.device, board.facts.baud)
    try:
        return Device(transport).identify(expect_board=board.name)
    finally:
        transport.close()
