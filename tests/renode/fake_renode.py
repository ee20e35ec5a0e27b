"""A program that behaves like Renode as far as hil/backend/renode*.py can see.

It reads `start.resc` where it is started, connects, and serves: its machine is an echo, or the
embedded emulator. FAKE_RENODE is a JSON object of what is to be wrong with it; see `Faults`.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from hil.backend.embedded import EmbeddedBackend
from hil.board import load_board
from hil.errors import LinkError

CONNECT = re.compile(r'tinyhil_serve "([\d.]+)" (\d+) "(\w+)" "([\w.]+)"')


@dataclass
class Faults:
    """version: what it says. start_s: how long it takes to start. stubborn: it outlives the end of
    its input and its link. says: printed at the start. fails: it never connects, ends: it ends
    there. stranger: another program connects first. gone_at, nonsense_at, stopped_at: the exchange
    at which it ends, answers nonsense, or its core gives up. pid_file: where it writes its
    number. echo: a machine that echoes.
    """

    version: str = "1.16.1.31410"
    start_s: float = 0.0
    stubborn: bool = False
    says: str = ""
    fails: bool = False
    ends: bool = False
    stranger: bool = False
    gone_at: int | None = None
    nonsense_at: int | None = None
    stopped_at: int | None = None
    pid_file: str | None = None
    echo: bool = True


class Echo:
    """A machine that sends back what it is sent, an instruction a byte; 0 wakes it for nothing."""

    def __init__(self) -> None:
        self.executed = 0

    def exchange(self, data: bytes, limit_s: float) -> tuple[int, bytes]:
        self.executed += len(data)
        return self.executed, data


class Emulated:
    """The embedded emulator, which runs on its own time."""

    def __init__(self, board: str) -> None:
        self._backend = EmbeddedBackend()
        self._link = self._backend.open(load_board(board), Path("firmware.elf"), None)

    def exchange(self, data: bytes, limit_s: float) -> tuple[int, bytes]:
        self._link.write(data)
        sent = self._link.read(limit_s)
        counters = self._backend.counters()
        assert counters is not None
        return counters.instructions, sent


class Service:
    def __init__(self, stream: BinaryIO, machine: Echo | Emulated, faults: Faults) -> None:
        self._stream, self._machine, self._faults = stream, machine, faults
        self._exchanges = 0

    def serve(self) -> None:
        while header := self._stream.readline():
            verb, number, size = header.split()
            payload = self._stream.read(int(size))
            if verb == b"exchange":
                self._exchange(int(number), payload)
            elif payload == b"version":
                self._answer(0, b"Renode, version 1.16.1 (fake)\r\n")
            else:
                text = b"No such command or device: " + payload
                self._write(b"error 0 %d\n" % len(text) + text)

    def _exchange(self, limit_us: int, payload: bytes) -> None:
        self._exchanges += 1
        if self._exchanges in {self._faults.gone_at, self._faults.stopped_at}:
            print("12:00:00.0000 [ERROR] cpu: CPU abort [PC=0x10000]: lockup", flush=True)
        if self._exchanges == self._faults.gone_at:
            os._exit(3)
        if self._exchanges == self._faults.stopped_at:
            self._stream.read()
            return
        if self._exchanges == self._faults.nonsense_at:
            self._write(b"ok -1 999999999999\n")
        self._answer(*self._machine.exchange(payload, limit_us / 1e6))

    def _answer(self, number: int, payload: bytes) -> None:
        self._write(b"ok %d %d\n" % (number, len(payload)) + payload)

    def _write(self, data: bytes) -> None:
        self._stream.write(data)
        self._stream.flush()


def stranger_calls(host: str, port: int) -> None:
    with contextlib.suppress(ConnectionError), socket.create_connection((host, port)) as other:
        other.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        other.recv(1)


def run(faults: Faults) -> None:
    script = Path("start.resc").read_text()
    found = CONNECT.search(script)
    assert found is not None
    host, port, token, _uart = found.groups()
    if faults.stranger:
        stranger_calls(host, int(port))
    board = next(name for name in ("nano33", "sensortile") if f"@{name}.resc" in script)
    machine = Echo() if faults.echo else Emulated(board)
    with socket.create_connection((host, int(port))) as link, link.makefile("rwb") as stream:
        stream.write(token.encode() + b"\n")
        stream.flush()
        with contextlib.suppress(ConnectionError, LinkError):
            Service(stream, machine, faults).serve()


def main() -> int:
    faults = Faults(**json.loads(os.environ.get("FAKE_RENODE", "{}")))
    if "--version" in sys.argv:
        print(f"Renode v{faults.version}\n  build: fake")
        return 0
    if faults.pid_file:
        Path(faults.pid_file).write_text(str(os.getpid()))
    if faults.stubborn:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print("Renode, version 1.16.1 (fake)\n" + faults.says, flush=True)
    time.sleep(faults.start_s)
    if faults.ends:
        return 1
    if not faults.fails:
        run(faults)
    while faults.stubborn or sys.stdin.buffer.read():
        time.sleep(0.1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
