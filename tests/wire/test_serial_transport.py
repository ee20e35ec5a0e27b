"""Ports that are no board: pyserial's loop, a pty, a socket; and what can go wrong with one."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import serial
from c_end import CDevice, serve

from hil.backend import serial_transport
from hil.backend.serial_transport import SerialTransport, check_port
from hil.device import Device
from hil.errors import LinkError, NoAnswerError


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
        for look in (lambda: SerialTransport(name, 115200), lambda: check_port(name)):
            told = rf"{name} is in use by python.* \(pid {holder.pid}\)"
            with pytest.raises(LinkError, match=told):
                look()
    finally:
        holder.communicate(b"\n")
    check_port(name)


def test_a_port_that_takes_no_bytes(pty: tuple[int, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody reads the other side: its buffer fills."""
    monkeypatch.setattr("hil.backend.serial_transport._WRITE_TIMEOUT", 0.05)
    transport = SerialTransport(pty[1], 115200)
    with pytest.raises(NoAnswerError, match=rf"no answer for 0.05 s, and {pty[1]} takes no bytes"):
        transport.write(bytes(1_000_000))
    assert transport.empty(), "closing it would wait"


def test_a_port_is_looked_at_without_being_opened(
    pty: tuple[int, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def opened(*_: object, **__: object) -> None:
        raise AssertionError("its DTR would rise")

    monkeypatch.setattr(serial, "serial_for_url", opened)
    monkeypatch.setattr(os, "open", opened)
    check_port(pty[1])
    check_port("socket://127.0.0.1:1")
    with pytest.raises(LinkError, match=r"no-such cannot be opened \(No such file"):
        check_port(str(tmp_path / "no-such"))
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(LinkError, match="dialout"):
        check_port(pty[1])


def test_where_the_system_lists_no_locks_opening_tells(
    pty: tuple[int, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serial_transport, "LOCKS", tmp_path / "none")
    first = SerialTransport(pty[1], 115200)
    check_port(pty[1])
    with pytest.raises(LinkError, match="is in use"):
        SerialTransport(pty[1], 115200)
    first.close()


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
