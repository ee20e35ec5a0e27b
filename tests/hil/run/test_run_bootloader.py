"""What a Nano's bootloader may do to a restart that goes through it."""

from __future__ import annotations

import time
from typing import Any

import pytest
import serial
from mishaps import Listed

from hil.backend import hardware, serial_transport
from hil.backend.base import Transport
from hil.backend.hardware import HardwareBackend
from hil.board import load_board
from hil.errors import LinkError, NoAnswerError


class Nano:
    """A Nano on USB that heeds no break: touched, it is in its bootloader until that hears K#."""

    def __init__(self, refusals: int) -> None:
        self.program, self.bootloader = (Listed(*ids) for ids in load_board("nano33").usb_ids)
        self.bootloader.device = "/dev/bootloader"
        self.listed = self.program
        self.refusals = refusals

    def touch(self, _board: object, _device: object) -> Any:
        self.listed = self.bootloader
        return hardware.in_bootloader(load_board("nano33"))[0]

    def open(self, port: str, *_: object, **__: object) -> Any:
        if port != self.listed.device:
            raise serial.SerialException(2, "could not open port")
        if port == self.bootloader.device:
            self.refusals -= 1
            if self.refusals >= 0:
                raise serial.SerialException(13, "Permission denied")
        return self

    in_waiting = 0

    def read(self, _size: int) -> bytes:
        time.sleep(0.001)
        return b""

    def write(self, data: bytes) -> None:
        assert data == b"K#"
        self.listed = self.program

    def send_break(self) -> None:
        pass

    def close(self) -> None:
        pass


def revived(nano: Nano, monkeypatch: pytest.MonkeyPatch) -> Transport:
    for name in ("POLL_S", "LEAVE_S"):
        monkeypatch.setattr(hardware, name, 0.01)
    monkeypatch.setattr(serial_transport, "BREAK_GAP_S", 0.01)
    for name in ("BOOTLOADER_S", "REPLUG_S"):
        monkeypatch.setattr(hardware, name, 0.5)
    monkeypatch.setattr(serial, "serial_for_url", nano.open)
    monkeypatch.setattr("serial.tools.list_ports.comports", lambda: [nano.listed])
    monkeypatch.setattr("hil.upload.port.find_bootloader", nano.touch)
    backend = HardwareBackend()
    backend.open(load_board("nano33"), None, nano.program.device)
    return backend.revive(NoAnswerError("no answer for 10 s"))


def test_a_bootloaders_port_that_opens_late_is_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    nano = Nano(refusals=3)
    assert revived(nano, monkeypatch) is not None
    assert nano.listed is nano.program
    assert nano.refusals < 0


def test_a_board_left_in_its_bootloader_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    said = r"is in its bootloader \(/dev/bootloader.*: press its reset button once, then try again"
    with pytest.raises(LinkError, match=said) as caught:
        revived(Nano(refusals=10**6), monkeypatch)
    assert "\n" not in str(caught.value)
