"""The Nano 33 BLE's bootloader: SAM-BA with Arduino's extensions, over its USB serial port.

Distributions' bossac does not know this chip, so the few commands that it takes are spoken here.
Addresses in commands are relative to the application's start; a flash page is 4096 bytes.

The version line names the extensions that a bootloader has. Y (write) and K (restart) must be
there. Z (checksum) need not: Arduino's own tools do not ask for it, and some that claim it do not
answer (Renode's model, the UNO R4 WiFi's bridge). Without it nothing is verified, and that is told.
Silence means so only until the first answer, and from a bootloader that answers N right after.
"""

from __future__ import annotations

import binascii
import time
from collections.abc import Callable
from typing import Final

from hil.backend.base import Transport
from hil.errors import DeviceError, NoAnswerError, clean

PAGE: Final = 4096
#: Where in its own buffer the bootloader is told to put a page; Arduino's bossac sends the same.
BUFFER_ADDRESS: Final = 0x34
#: Seconds: erasing and writing one page takes about 0.3, a checksum over the whole flash about 1.
ANSWER_TIMEOUT_S: Final = 5.0
#: Seconds of silence after which the stray bytes behind some answers have all come.
QUIET_S: Final = 0.05

DOUBLE_TAP: Final = "double-tap the reset button (the orange LED then pulses) and try again"
#: The bootloader starts no application whose first words are those of erased flash.
ERASED_PAGE: Final = b"\xff" * PAGE


class Bootloader:
    """The bootloader's commands over a transport."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._pending = b""
        #: The letters of the version line, once `identify` has read it.
        self.extensions = ""
        self._has_summed = False

    def identify(self) -> str:
        """Return the bootloader's version line. Raises DeviceError when it is another device."""
        self._command("N#", b"\n\r")
        version = self._text("V#")
        self.extensions = version.partition("[Arduino:")[2].partition("]")[0]
        if not {"Y", "K"} <= set(self.extensions):
            raise DeviceError(f"not a Nano 33 BLE's bootloader: {clean(version)!r}; {DOUBLE_TAP}")
        chip = self._text("I#")
        if not chip.startswith("nRF52840"):
            raise DeviceError(f"the bootloader runs on {clean(chip)!r}, not on an nRF52840")
        return version

    def write_page(self, offset: int, page: bytes) -> None:
        """Erase and write the page at `offset` from the application's start.

        The command and its data are written apart, as bossac does: there are bootloaders that take
        what follows a command in its USB packet for another command.
        """
        self._transport.write(f"S{BUFFER_ADDRESS:08X},{len(page):08X}#".encode())
        self._transport.write(page)
        self._command(f"Y{BUFFER_ADDRESS:08X},0#", b"Y\n\r")
        self._command(f"Y{offset:08X},{len(page):08X}#", b"Y\n\r")

    def checksum(self, offset: int, size: int) -> int | None:
        """Return the CRC-16/XMODEM of what is in flash, None where the bootloader computes none.

        Raises NoAnswerError where it is gone: it has answered this before, or answers nothing now.
        """
        if "Z" not in self.extensions:
            return None
        self._transport.write(f"Z{offset:08X},{size:08X}#".encode())
        try:
            answer = self._take(b"#\n\r")
        except NoAnswerError:
            if self._has_summed:
                raise
            self._command("N#", b"\n\r")
            self.extensions = self.extensions.replace("Z", "")
            return None
        self._has_summed = True
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
                raise NoAnswerError(f"the bootloader does not answer; {DOUBLE_TAP}")
            self._pending += self._transport.read(min(left, 0.1))
        answer, _, self._pending = self._pending.partition(end)
        return answer + end


def pages_written(size: int) -> int:
    """Return how many pages `write_image` writes for an image of `size` bytes."""
    return -(-size // PAGE) + 1


def write_image(loader: Bootloader, image: bytes, tell: Callable[[int], object]) -> bool:
    """Write, verify and start an image; `tell` gets the pages written, one by one.

    Returns whether it was verified: False where the bootloader computes no checksum.

    The first page is erased before anything else and written last, once all the others are known to
    be right: wherever this ends early, the bootloader finds no vectors, stays after every reset,
    and takes the next upload. A half-written application would start, crash and need a double tap.
    """
    loader.identify()
    padded = image + b"\xff" * (-len(image) % PAGE)

    def write(offset: int, page: bytes) -> None:
        loader.write_page(offset, page)
        tell(1)

    write(0, ERASED_PAGE)
    for offset in range(PAGE, len(padded), PAGE):
        write(offset, padded[offset : offset + PAGE])
    if len(padded) > PAGE:
        _verify(loader, PAGE, padded[PAGE:])
    write(0, padded[:PAGE])
    try:
        verified = _verify(loader, 0, padded)
    except DeviceError:
        loader.write_page(0, ERASED_PAGE)
        raise
    loader.reset()
    return verified


def _verify(loader: Bootloader, offset: int, expected: bytes) -> bool:
    """Return True where the flash is known to hold `expected`, False where nothing is known."""
    checksum = loader.checksum(offset, len(expected))
    if checksum not in (None, binascii.crc_hqx(expected, 0)):
        raise DeviceError(
            "the flash does not hold what was written; the board waits in its bootloader: upload "
            "again"
        )
    return checksum is not None
