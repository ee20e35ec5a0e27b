"""`python -m hil.upload [--port P] firmware.bin`: upload to a Nano 33 BLE, and wait for its hello.

What goes wrong is one line on standard error, behind UPLOADER_SAYS.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from tqdm import tqdm

from hil.backend.hardware import SerialTransport
from hil.board import Board, load_board
from hil.errors import LinkError, TinyhilError, clean
from hil.firmware.build import UPLOADER_SAYS
from hil.ports import Port
from hil.upload.hello import wait_for_hello
from hil.upload.image import read_image
from hil.upload.port import find_bootloader
from hil.upload.sam_ba import Bootloader, pages_written, write_image

#: USB needs no rate; this one is not the touch's.
USB_BAUD = 115200
#: Seconds for udev to set a new port's owner and mode.
SETTLE_S = 2.0


def upload(board: Board, path: Path, device: str | None) -> Port:
    """Upload the .bin at `path`; return the bootloader's port. `device`: as find_bootloader."""
    image = read_image(path, board)
    port = find_bootloader(board, device)
    transport = _opened(port.device)
    try:
        with tqdm(total=pages_written(len(image)), unit="page", desc="writing") as bar:
            write_image(Bootloader(transport), image, bar.update)
    finally:
        transport.close()
    return port


def _opened(device: str) -> SerialTransport:
    """Open a port that has just appeared: the system may still be setting who may open it."""
    deadline = time.monotonic() + SETTLE_S
    while True:
        try:
            return SerialTransport(device, USB_BAUD)
        except LinkError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def main(argv: list[str] | None = None) -> int:
    """Upload one image; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m hil.upload", description=__doc__)
    parser.add_argument("image", type=Path, help="firmware.bin")
    parser.add_argument(
        "--port", "--upload-port", help="the board's serial port (found by its USB id otherwise)"
    )
    args = parser.parse_args(argv)
    board = load_board("nano33")
    try:
        written = upload(board, args.image, args.port)
        if written.usb_id is None:  # a port that is no USB device's: nothing shows when it is back
            print(f"written to {clean(written.device)} and verified; the board has been restarted")
            return 0
        print("written and verified; waiting for the firmware to say hello", flush=True)
        port, identity = wait_for_hello(board, written)
    except TinyhilError as error:
        print(f"{UPLOADER_SAYS}{error}", file=sys.stderr)
        return error.exit_code
    print(f"{board.title} on {port} runs {identity.firmware_version} with model {identity.model}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
