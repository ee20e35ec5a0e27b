"""Ports that are no board: pyserial's loop, a pty, a socket; and what can go wrong with one."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import termios
import threading
import tty
from collections.abc import Callable, Iterator
from pathlib import Path

import fake_model
import pytest
import serial
from c_end import CDevice

from hil.backend.hardware import HardwareBackend, SerialTransport
from hil.board import load_board
from hil.device import Device
from hil.errors import InputError, LinkError, NoAnswerError


@pytest.fixture
def pty() -> Iterator[tuple[int, str]]:
    master, slave = os.openpty()
    tty.setraw(slave)
    yield master, os.ttyname(slave)
    for fd in (master, slave):
        try:
            os.close(fd)
        except OSError:
            continue  # the test closed it


def serve(read: Callable[[int], bytes], write: Callable[[bytes], object], end: CDevice) -> None:
    """Be the device until the other side goes."""
    try:
        while data := read(4096):
            if out := end.exchange(data):
                write(out)
    except OSError:
        return


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


def test_a_device_behind_a_socket(device: Callable[..., CDevice]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        transport = SerialTransport(f"socket://127.0.0.1:{server.getsockname()[1]}", 115200)
        connection, _ = server.accept()
    with connection:
        args = (connection.recv, connection.sendall, device())
        threading.Thread(target=serve, args=args, daemon=True).start()
        assert Device(transport).identify().board == "fakeboard"
        transport.close()


def test_the_loop_gives_back_what_was_written() -> None:
    transport = SerialTransport("loop://", 115200)
    transport.write(b"abc")
    assert transport.read(0.0) == b"abc"
    assert transport.read(0.0) == b""
    transport.close()


def test_the_ports_baud_is_the_boards_unless_given(pty: tuple[int, str]) -> None:
    master, name = pty
    for baud, code in ((None, termios.B115200), (921600, termios.B921600)):
        backend = HardwareBackend()
        backend.baud = baud
        backend.open(load_board("sensortile"), None, name)
        assert termios.tcgetattr(master)[4] == code
        backend.close()


def test_a_port_that_went_is_named(pty: tuple[int, str]) -> None:
    master, name = pty
    transport = SerialTransport(name, 115200)
    os.close(master)
    with pytest.raises(LinkError, match=f"{name} has gone"):
        transport.read(1.0)
    with pytest.raises(LinkError, match=f"{name} has gone"):
        transport.write(b"abc")


def test_a_port_in_use_names_who_has_it(pty: tuple[int, str]) -> None:
    _, name = pty
    program = "import serial, sys; s = serial.Serial(sys.argv[1], exclusive=True); print(s.is_open)"
    holder = subprocess.Popen(
        [sys.executable, "-uc", f"{program}; input()", name],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert holder.stdout
    assert holder.stdin
    try:
        assert holder.stdout.readline() == b"True\n"
        with pytest.raises(LinkError, match=rf"{name} is in use by python.* \(pid {holder.pid}\)"):
            SerialTransport(name, 115200)
    finally:
        holder.communicate(b"\n")


def test_a_port_that_takes_no_bytes(pty: tuple[int, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody reads the other side: its buffer fills."""
    monkeypatch.setattr("hil.backend.hardware._WRITE_TIMEOUT", 0.05)
    transport = SerialTransport(pty[1], 115200)
    with pytest.raises(NoAnswerError, match=rf"no answer for 0.05 s, and {pty[1]} takes no bytes"):
        transport.write(bytes(1_000_000))
    assert transport.empty(), "closing it would wait"


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
    monkeypatch.setattr("hil.backend.hardware._EMPTY_S", 0.0)
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


def test_a_file_is_not_a_port(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("")
    with pytest.raises(LinkError, match=f"{path} cannot be opened"):
        SerialTransport(str(path), 115200)


def test_a_port_without_permission_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise serial.SerialException(13, "could not open port: [Errno 13] Permission denied: 'x'")

    monkeypatch.setattr(serial, "serial_for_url", refuse)
    with pytest.raises(LinkError, match="dialout"):
        SerialTransport("/dev/ttyACM0", 115200)


def test_hardware_counts_nothing_for_us() -> None:
    backend = HardwareBackend()
    assert backend.counters() is None
    assert backend.crash_report() is None
    assert not backend.emulated
