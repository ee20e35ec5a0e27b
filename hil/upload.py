"""Uploads an image to the Nano 33 BLE's bootloader: `python -m hil.upload [--port P] firmware.bin`.

The bootloader speaks SAM-BA with Arduino's extensions over its USB serial port. Distributions'
bossac does not know this chip, so the few commands it takes are spoken here. Addresses in commands
are relative to the application's start; a flash page is 4096 bytes.
"""

from __future__ import annotations

import argparse
import binascii
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import serial
import serial.tools.list_ports
from tqdm import tqdm

from hil.backend.base import Transport
from hil.backend.hardware import SerialTransport
from hil.board import Board, load_board
from hil.errors import DeviceError, InputError, LinkError, TinyhilError, clean
from hil.files import read_file
from hil.firmware.build import UPLOADER_SAYS

PAGE: Final = 4096
#: Where in its own buffer the bootloader is told to put a page; Arduino's bossac sends the same.
BUFFER_ADDRESS: Final = 0x34
#: Seconds: erasing and writing one page takes about 0.3, a checksum over the whole flash about 1.
ANSWER_TIMEOUT_S: Final = 5.0
#: Seconds of silence after which the stray bytes behind some answers have all come.
QUIET_S: Final = 0.05
#: Seconds for a reset board to come back as its bootloader.
RESTART_TIMEOUT_S: Final = 10.0
#: A sketch restarts into the bootloader when its port is opened and closed at this rate.
TOUCH_BAUD: Final = 1200
#: USB needs no rate; this one is not TOUCH_BAUD.
USB_BAUD: Final = 115200

DOUBLE_TAP = "double-tap the reset button (the orange LED then pulses) and try again"


class Bootloader:
    """The bootloader's commands over a transport."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._pending = b""

    def identify(self) -> str:
        """Return the bootloader's version line. Raises DeviceError when it is another device."""
        self._command("N#", b"\n\r")
        version = self._text("V#")
        if not {"Y", "Z", "K"} <= set(version.partition("[Arduino:")[2]):
            raise DeviceError(f"not a Nano 33 BLE's bootloader: {clean(version)!r}; {DOUBLE_TAP}")
        chip = self._text("I#")
        if not chip.startswith("nRF52840"):
            raise DeviceError(f"the bootloader runs on {clean(chip)!r}, not on an nRF52840")
        return version

    def write_page(self, offset: int, page: bytes) -> None:
        """Erase and write the page at `offset` from the application's start."""
        self._transport.write(f"S{BUFFER_ADDRESS:08X},{len(page):08X}#".encode() + page)
        self._command(f"Y{BUFFER_ADDRESS:08X},0#", b"Y\n\r")
        self._command(f"Y{offset:08X},{len(page):08X}#", b"Y\n\r")

    def checksum(self, offset: int, size: int) -> int:
        """Return the CRC-16/XMODEM of what is in flash."""
        self._transport.write(f"Z{offset:08X},{size:08X}#".encode())
        answer = self._take(b"#\n\r")
        try:
            return int(answer.decode("ascii").lstrip("Z").rstrip("#\n\r"), 16)
        except (UnicodeDecodeError, ValueError):
            raise DeviceError(f"bootloader: no checksum but {clean(repr(answer))}") from None

    def reset(self) -> None:
        """Start the application."""
        self._transport.write(b"K#")

    def _command(self, command: str, expected: bytes) -> None:
        self._transport.write(command.encode())
        answer = self._take(b"\n\r")
        if answer != expected:
            raise DeviceError(f"bootloader: {command} answered {clean(repr(answer))}")

    def _text(self, command: str) -> str:
        """Send a command whose answer is a line, with stray bytes behind it."""
        self._transport.write(command.encode())
        line = self._take(b"\n\r")
        while self._transport.read(QUIET_S):
            pass
        self._pending = b""
        return line.decode("ascii", errors="replace").strip()

    def _take(self, end: bytes) -> bytes:
        """Return the answer up to and including `end`."""
        deadline = time.monotonic() + ANSWER_TIMEOUT_S
        while end not in self._pending:
            left = deadline - time.monotonic()
            if left <= 0:
                raise LinkError(f"the bootloader does not answer; {DOUBLE_TAP}")
            self._pending += self._transport.read(min(left, 0.1))
        answer, _, self._pending = self._pending.partition(end)
        return answer + end


def write_image(loader: Bootloader, image: bytes, tell: Callable[[int], object]) -> None:
    """Write, verify and start an image; `tell` gets the bytes of each page written."""
    loader.identify()
    padded = image + b"\xff" * (-len(image) % PAGE)
    for offset in range(0, len(padded), PAGE):
        loader.write_page(offset, padded[offset : offset + PAGE])
        tell(PAGE)
    if loader.checksum(0, len(padded)) != binascii.crc_hqx(padded, 0):
        raise DeviceError("the flash does not hold what was written; upload again")
    loader.reset()


def read_image(path: Path, board: Board) -> bytes:
    """Return an image's bytes, checked: the bootloader would not start an empty or a wrong one."""
    facts = board.facts
    image = read_file(path, facts.flash_size)
    if not 8 <= len(image) <= facts.flash_size:
        raise InputError(f"{path}: {len(image)} bytes; {board.name} takes 8 to {facts.flash_size}")
    stack, entry = (int.from_bytes(image[i : i + 4], "little") for i in (0, 4))
    in_ram = facts.ram_origin < stack <= facts.ram_origin + facts.ram_size
    in_flash = facts.flash_origin <= entry < facts.flash_origin + facts.flash_size
    if not (in_ram and in_flash and entry % 2 == 1):
        raise InputError(f"{path}: not an image for {board.name}: it does not begin with vectors")
    return image


def find_port(board: Board, port: str | None) -> str:
    """Return the port of the board's bootloader, restarting a sketch into it where one runs."""
    sketch, bootloader = board.usb_ids
    running = _ports(sketch)
    if port is None:
        waiting = _ports(bootloader)
        if waiting:
            return waiting[0]
        if not running:
            raise LinkError(f"no {board.title} found on USB; {DOUBLE_TAP}, or give --upload-port")
        port = running[0]
    if port not in running:
        return port
    _touch(port)
    return next(_appearing(bootloader))


def _ports(usb_id: tuple[int, int]) -> list[str]:
    ports = serial.tools.list_ports.comports()
    return sorted(p.device for p in ports if (p.vid, p.pid) == usb_id)


def _touch(port: str) -> None:
    try:
        with serial.Serial(port, TOUCH_BAUD) as sketch:
            sketch.dtr = False
    except (serial.SerialException, OSError) as error:
        raise LinkError(f"{port}: {clean(str(error))}; {DOUBLE_TAP}") from None


def _appearing(usb_id: tuple[int, int]) -> Iterator[str]:
    deadline = time.monotonic() + RESTART_TIMEOUT_S
    while time.monotonic() < deadline:
        yield from _ports(usb_id)
        time.sleep(0.1)
    raise LinkError(f"the board did not come back as its bootloader; {DOUBLE_TAP}")


def upload(board: Board, path: Path, port: str | None) -> str:
    """Upload the .bin at `path`; return the port used."""
    image = read_image(path, board)
    found = find_port(board, port)
    transport = SerialTransport(found, USB_BAUD)
    try:
        with tqdm(total=-(-len(image) // PAGE) * PAGE, unit="B", unit_scale=True) as bar:
            write_image(Bootloader(transport), image, bar.update)
    finally:
        transport.close()
    return found


def main(argv: list[str] | None = None) -> int:
    """Upload one image; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m hil.upload", description=__doc__)
    parser.add_argument("image", type=Path, help="firmware.bin")
    parser.add_argument(
        "--port", "--upload-port", help="the board's serial port (found by its USB id otherwise)"
    )
    args = parser.parse_args(argv)
    try:
        port = upload(load_board("nano33"), args.image, args.port)
    except TinyhilError as error:
        print(f"{UPLOADER_SAYS}{error}", file=sys.stderr)
        return error.exit_code
    print(f"uploaded to {clean(port)}; the board has been restarted")
    return 0


if __name__ == "__main__":
    sys.exit(main())
