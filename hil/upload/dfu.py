"""`python -m hil.upload.dfu [--port P] dfu-util ARGUMENT…`: upload to a SensorTile by USB alone.

A SensorTile that carries this firmware is restarted into its ROM's DFU first, by a touch at 1200
baud (firmware/src/port/stm32l476/chip.c); one that waits there already is taken as it is. What goes
wrong before dfu-util runs is one line on standard error, behind UPLOADER_SAYS.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import time
from typing import Final

from hil import ports
from hil.board import Board, load_board
from hil.errors import InputError, LinkError, TinyhilError, ToolError
from hil.firmware.build import UPLOADER_SAYS
from hil.upload.port import POLL_S, RESTART_TIMEOUT_S, touch

#: What helps where a touch does not: the ROM looks at this pin as the chip starts.
BY_HAND: Final = "start it with BOOT0 high, or upload by a debug probe (upload_protocol)"
#: What `dfu-util -l` says of each device in DFU.
FOUND: Final = "Found DFU"


def restart(board: Board, program: str, device: str | None) -> None:
    """Restart a board that runs its firmware into DFU; without one there is nothing to be done.

    program: dfu-util's path. device: the board's port, None to find it by its USB id. Raises
    InputError where several boards could be meant, LinkError where it does not come up in DFU.
    """
    there = [p for p in ports.running(board) if device in (None, p.device)]
    if not there:
        return
    if len(there) > 1:
        listed = "; ".join(map(str, there))
        raise InputError(f"{len(there)} boards could be meant ({listed}): give --upload-port")
    touch(there[0].device, BY_HAND)
    deadline = time.monotonic() + RESTART_TIMEOUT_S
    while not _is_in_dfu(board, program):
        if time.monotonic() >= deadline:
            raise LinkError(f"{board.title} did not come up in DFU; {BY_HAND}")
        time.sleep(POLL_S)


def _is_in_dfu(board: Board, program: str) -> bool:
    vendor, product = board.usb_ids[1]
    command = [program, "-l", "-d", f"{vendor:04x}:{product:04x}"]
    listed = subprocess.run(command, capture_output=True, text=True, check=False)
    return FOUND in listed.stdout


def main(argv: list[str] | None = None) -> int:
    """Restart the board, run dfu-util, return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m hil.upload.dfu", description=__doc__)
    parser.add_argument("--port", "--upload-port", help="the board's serial port")
    parser.add_argument("command", nargs=argparse.REMAINDER, help="dfu-util with its arguments")
    args = parser.parse_args(argv)
    try:
        program = shutil.which(args.command[0]) if args.command else None
        if program is None:
            raise ToolError("dfu-util is not on PATH; upload_protocol in platformio.ini chooses")
        restart(load_board("sensortile"), program, args.port)
    except TinyhilError as error:
        print(f"{UPLOADER_SAYS}{error}", file=sys.stderr)
        return error.exit_code
    return subprocess.run([program, *args.command[1:]], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
