"""`python -m hil.upload [--port P] firmware.bin`: upload to a Nano 33 BLE, wait for its hello."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Final

from tqdm import tqdm

from hil.backend.serial_transport import SerialTransport
from hil.board import Board, load_board
from hil.errors import LinkError, clean
from hil.ports import Port
from hil.upload.hello import wait_for_hello
from hil.upload.image import read_image
from hil.upload.outcome import outcome
from hil.upload.port import find_bootloader
from hil.upload.sam_ba import Bootloader, pages_written, write_image

#: USB needs no rate; this one is not the touch's.
USB_BAUD = 115200
UNVERIFIED: Final = "written, not verified (this bootloader computes no checksum)"
#: Seconds for udev to set a new port's owner and mode.
SETTLE_S = 2.0


def upload(board: Board, path: Path, device: str | None) -> tuple[Port, bool]:
    """Upload the .bin at `path`; return the bootloader's port, and whether it has verified it.

    device: as find_bootloader.
    """
    image = read_image(path, board)
    port = find_bootloader(board, device)
    transport = _opened(port.device)
    try:
        with tqdm(total=pages_written(len(image)), unit="page", desc="writing") as bar:
            verified = write_image(Bootloader(transport), image, bar.update)
    finally:
        transport.close()
    return port, verified


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
    return outcome(lambda: upload_and_greet(load_board("nano33"), args.image, args.port))


def upload_and_greet(board: Board, image: Path, device: str | None) -> int:
    """Upload, and say what the firmware then says of itself; arguments as for `upload`."""
    written, verified = upload(board, image, device)
    done = "written and verified" if verified else UNVERIFIED
    if written.usb_id is None:  # a port that is no USB device's: nothing shows when it is back
        print(f"{done} ({clean(written.device)}); the board has been restarted")
        return 0
    print(f"{done}; waiting for the firmware to say hello", flush=True)
    port, identity = wait_for_hello(board, written)
    print(f"{board.title} on {port} runs {identity.firmware_version} with model {identity.model}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
