"""The Nano's bootloader, emulated: its SAM-BA commands, its stray bytes included, on a pty."""

from __future__ import annotations

import binascii
import os
import pty
import re
import threading
import tty

from hil.board import Board, load_board
from hil.firmware.recipe import source_hash
from hil.model_folder import load_model_folder
from hil.run.target import REFERENCE_MODEL

PAGE = 4096
NANO = load_board("nano33")


def image_of(size: int, board: Board = NANO) -> bytes:
    """An image that begins with vectors, as the bootloader and the uploader want."""
    stack, entry = board.facts.ram_origin + 8192, board.facts.flash_origin + 0x101
    head = stack.to_bytes(4, "little") + entry.to_bytes(4, "little")
    return head + bytes(i * 7 % 251 for i in range(size - 8))


def image_of_firmware(board: Board) -> bytes:
    """An image with what the firmware says of itself: its sources' hash, and its model's."""
    model = bytes.fromhex(load_model_folder(REFERENCE_MODEL).model_hash)
    return image_of(PAGE, board) + source_hash() + model


class FakeBootloader(threading.Thread):
    """`unplug_after`: the cable is pulled before that command (counted from 0) is answered;
    `dies_after`: from that command on nothing is answered, on a port that stays; `mute`: letters of
    commands that get no answer.
    """

    def __init__(
        self,
        version: bytes = b"Bootloader 2.0 [Arduino:IKXYZ]",
        flash: bytes | None = None,
        unplug_after: int | None = None,
        dies_after: int | None = None,
        mute: str = "",
    ) -> None:
        super().__init__(daemon=True)
        self.near, far = pty.openpty()
        tty.setraw(far)
        self.port, self._far = os.ttyname(far), far
        self.version = version
        self.flash = bytearray(b"\xa5" * 64 * PAGE if flash is None else flash)
        self.unplug_after, self.dies_after = unplug_after, dies_after
        self.mute = mute
        self.buffer = b""
        self.source = 0
        self.restarted = threading.Event()
        self.commands: list[str] = []
        self.faulty_page: int | None = None

    @property
    def stays(self) -> bool:
        """Whether a reset leads back here: there is no application."""
        return b"\xff" * 4 in (self.flash[:4], self.flash[4:8])

    def stop(self) -> None:
        if self._far >= 0:
            os.close(self._far)  # which ends the thread's reading
        self.join(5)
        if self.near >= 0:
            os.close(self.near)

    def unplug(self) -> None:
        os.close(self._far)
        os.close(self.near)
        self._far = self.near = -1

    def run(self) -> None:
        pending = b""
        while True:
            try:
                pending += os.read(self.near, 65536)
            except OSError:  # the far end was closed
                return
            while (command := re.match(rb"([A-Z])([0-9A-F]*),?([0-9A-F]*)#", pending)) is not None:
                letter, a, b = command[1].decode(), int(command[2] or b"0", 16), command[3]
                size = int(b or b"0", 16)
                end = command.end() + (size if letter == "S" else 0)
                if len(pending) < end:
                    break
                if len(self.commands) == self.unplug_after:
                    self.unplug()
                    return
                if len(self.commands) == self.dies_after:
                    return
                self.commands.append(letter)
                answer = self.answer(letter, a, size, pending[command.end() : end])
                try:
                    os.write(self.near, answer)
                except OSError:  # the far end was closed
                    return
                pending = pending[end:]

    def answer(self, letter: str, address: int, size: int, data: bytes) -> bytes:
        if letter == "S":
            self.buffer = data
        if letter in {"S", *self.mute}:
            return b""
        if letter == "Y":
            return self.write(address, size)
        if letter == "K":
            self.restarted.set()
            return b""
        checksum = binascii.crc_hqx(bytes(self.flash[address : address + size]), 0)
        return {
            "N": b"\n\r",
            "V": self.version + b"\n\r\0\0",
            "I": b"nRF52840-QIAA\n\r\0\0",
            "Z": b"Z%08X#\n\r" % checksum,
        }[letter]

    def write(self, address: int, size: int) -> bytes:
        if size == 0:
            self.source = address
            return b"Y\n\r"
        assert size % PAGE == 0
        assert address % PAGE == 0
        assert len(self.buffer) == size
        self.flash[address : address + size] = self.buffer
        if self.faulty_page == address // PAGE:
            self.flash[address] ^= 1
        return b"Y\n\r"
