"""A board behind a port, as a back end; and what is done where a board hangs or is not there."""

from __future__ import annotations

import os
import termios
import threading
from collections.abc import Callable
from pathlib import Path

import fake_model
import pytest
import serial
from c_end import CDevice, serve

from hil.backend.hardware import HardwareBackend
from hil.backend.serial_transport import SerialTransport
from hil.board import load_board
from hil.device import Device
from hil.errors import InputError, LinkError, NoAnswerError


def test_a_device_behind_a_pty(device: Callable[..., CDevice], pty: tuple[int, str]) -> None:
    master, name = pty
    thread = threading.Thread(
        target=serve,
        args=(lambda n: os.read(master, n), lambda d: os.write(master, d), device()),
        daemon=True,
    )
    thread.start()
    backend = HardwareBackend()
    d = Device(backend.open(load_board("nano33"), None, name))
    assert d.identify().board == "fakeboard"
    windows = [bytes((i,)) * 24 for i in range(40)]
    assert [r.output for r in d.infer(windows)] == [fake_model.layers(w, 4)[-1] for w in windows]
    assert backend.description == f"Arduino Nano 33 BLE Sense on {name} at 115,200 baud"
    backend.close()
    backend.close()


def test_the_ports_baud_is_the_boards_unless_given(pty: tuple[int, str]) -> None:
    master, name = pty
    for baud, code in ((None, termios.B115200), (921600, termios.B921600)):
        backend = HardwareBackend()
        backend.baud = baud
        backend.open(load_board("sensortile"), None, name)
        assert termios.tcgetattr(master)[4] == code
        backend.close()


class Full:
    """A port whose bytes stay, whatever it is told; a break in it would wait for ever."""

    def __init__(self) -> None:
        self.out_waiting, self.is_open = 7, True

    def reset_output_buffer(self) -> None:
        pass

    def send_break(self) -> None:
        assert not self.out_waiting, "it would wait for ever"

    def read(self, _size: int) -> bytes:
        raise serial.SerialException("gone")

    in_waiting = 0

    def close(self) -> None:
        self.is_open = False


def test_a_port_that_cannot_be_emptied_gets_no_break(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is closed, opened again, looked at once more; then others' means are left."""
    ports: list[Full] = []

    def open_port(*_: object, **__: object) -> Full:
        ports.append(Full())
        return ports[-1]

    breaks: list[object] = []
    monkeypatch.setattr(serial, "serial_for_url", open_port)
    monkeypatch.setattr("hil.backend.serial_transport._EMPTY_S", 0.0)
    monkeypatch.setattr(SerialTransport, "send_break", breaks.append)
    backend = HardwareBackend()
    backend.open(load_board("sensortile"), None, "/dev/full")
    assert backend.revive(NoAnswerError("no answer for 10 s"))
    assert breaks == []
    assert [p.is_open for p in ports] == [False, False, True]


@pytest.mark.parametrize("port", ["/dev/no-such-port", "nonsense://x", "loop://?bad=1", ""])
def test_a_port_that_cannot_be_opened_is_one_clear_line(port: str, tmp_path: Path) -> None:
    with pytest.raises((LinkError, InputError)) as caught:
        HardwareBackend().open(load_board("nano33"), None, port)
    assert "\n" not in str(caught.value)
    assert "tinyhil boards" in str(caught.value)


def test_hardware_counts_nothing_for_us() -> None:
    backend = HardwareBackend()
    assert backend.counters() is None
    assert backend.crash_report() is None
    assert not backend.emulated
