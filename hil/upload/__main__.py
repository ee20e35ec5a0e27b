"""`python -m hil.upload [--port P] firmware.bin`: upload to a Nano 33 BLE, wait for its hello."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Final

from tqdm import tqdm

from hil.backend.serial_transport import SerialTransport, check_port
from hil.board import Board, load_board
from hil.errors import LinkError, clean
from hil.firmware.build import NOT_HEARD
from hil.ports import Port
from hil.upload.hello import Written, wait_for_hello
from hil.upload.image import read_image
from hil.upload.outcome import CHECK_HELP, outcome
from hil.upload.port import find_bootloader, locate
from hil.upload.sam_ba import DOUBLE_TAP, Bootloader, pages_written, write_image

#: USB needs no rate; this one is not the touch's.
USB_BAUD = 115200
UNVERIFIED: Final = "written, not verified (this bootloader computes no checksum)"
#: Seconds for udev to set a new port's owner and mode.
SETTLE_S = 2.0


def upload(board: Board, image: bytes, device: str | None) -> tuple[Port, bool]:
    """Upload an image; return the bootloader's port, and whether it has verified it.

    device: as find_bootloader.
    """
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
    parser.add_argument("--check", action="store_true", help=CHECK_HELP)
    args = parser.parse_args(argv)
    board = load_board("nano33")

    def check() -> int:
        check_port(locate(board, args.port).device)
        return 0

    return outcome(check if args.check else lambda: upload_and_greet(board, args.image, args.port))


def upload_and_greet(board: Board, path: Path, device: str | None) -> int:
    """Upload the .bin at `path`, and say what the firmware then says; device: as for `upload`."""
    image = read_image(path, board)
    written, verified = upload(board, image, device)
    done = "written and verified" if verified else UNVERIFIED
    if written.usb_id is None:  # a port that is no USB device's: nothing shows when it is back
        why = f"{clean(written.device)} is no USB device, so the board's own port is not known"
        shows = f"`tinyhil run --board {board.name} --port PORT --model DIR` shows it"
        print(f"{NOT_HEARD}{done}, and the board restarted; {why}: {shows}")
        return 0
    print(f"{done}; waiting for the firmware to say hello", flush=True)
    wrote = Written(board, image, done, board.facts.baud)
    print(wrote.told(*wait_for_hello(wrote, written, DOUBLE_TAP)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
