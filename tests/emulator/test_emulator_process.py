"""The emulator as a process: its control channel, how it ends, and its pty."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from small_firmware import Build

from hil.backend import emulator as module
from hil.backend.embedded import EmbeddedBackend
from hil.backend.emulator import EmulatorProcess
from hil.board import load_board
from hil.errors import InputError, LinkError, ToolError

BOARD = load_board("nano33")

#: Sends back what it receives; 0xFF makes it read where nothing is, and the handler resets.
ECHO = """
    ldr r6, =0x40002000
    ldr r0, =0x01D7E000
    str r0, [r6, #0x524]
    movs r0, #4
    str r0, [r6, #0x500]
    str r0, [r6, #0x304]
    movs r0, #1
    str r0, [r6]
    str r0, [r6, #8]
    ldr r1, =0xE000E100
    movs r0, #4
    str r0, [r1]
9:  wfi
    b 9b
.thumb_func
.global handler_18
.type handler_18, %function
handler_18:
2:  ldr r0, [r6, #0x108]
    cbz r0, 3f
    movs r0, #0
    str r0, [r6, #0x108]
    ldr r0, [r6, #0x518]
    cmp r0, #0xFF
    beq crash
    str r0, [r6, #0x51C]
    b 2b
3:  bx lr
.thumb_func
.type crash, %function
crash:
    ldr r0, =0x60000000
    ldr r0, [r0]
    bx lr
.size crash, .-crash
.thumb_func
.global handler_3
handler_3:
    ldr r0, =0xE000ED0C
    ldr r1, =0x05FA0004
    str r1, [r0]
8:  b 8b
"""
DEADLINE_S = 20.0


@pytest.fixture
def backend(build: Build) -> Iterator[EmbeddedBackend]:
    made = EmbeddedBackend()
    yield made
    made.close()


def read(transport: object, count: int) -> bytes:
    data, until = b"", time.monotonic() + DEADLINE_S
    while len(data) < count and time.monotonic() < until:
        data += transport.read(0.5)  # type: ignore[attr-defined]
    return data


def echo(backend: EmbeddedBackend, build: Build) -> object:
    return backend.open(BOARD, build(ECHO), None)


def test_bytes_go_both_ways(backend: EmbeddedBackend, build: Build) -> None:
    transport = echo(backend, build)
    data = bytes(range(255)) * 40
    transport.write(data)  # type: ignore[attr-defined]
    assert read(transport, len(data)) == data
    assert "unicorn 2" in backend.description
    line = backend.request("link")
    assert (line["received"], line["sent"], line["overruns"]) == (len(data), len(data), 0)


def test_counters_survive_the_end(backend: EmbeddedBackend, build: Build) -> None:
    echo(backend, build)
    backend.request("sync")
    first = backend.counters()
    assert first is not None
    assert 10 < first.instructions < 100
    backend.close()
    assert backend.counters() == first
    backend.close()


def test_a_crash_is_reported_with_its_place(backend: EmbeddedBackend, build: Build) -> None:
    transport = echo(backend, build)
    assert backend.crash_report() is None
    transport.write(b"\xff")  # type: ignore[attr-defined]
    backend.request("sync")
    report = backend.crash_report()
    assert report is not None
    assert "no memory to access at 0x60000000" in report
    assert "crash" in report
    assert ".S:" in report
    kinds = [e["kind"] for e in backend.emulator.events if e["event"] == "reset"]
    assert kinds == ["software"], "the firmware's handler ran"
    transport.write(b"still there")  # type: ignore[attr-defined]
    assert read(transport, 11) == b"still there"
    backend.close()
    assert backend.crash_report() == report


def test_peek_poke_and_reset(backend: EmbeddedBackend, build: Build) -> None:
    echo(backend, build)
    backend.request("poke", address=0x20001000, data="0011aabb")
    assert backend.request("peek", address=0x20001000, size=4)["data"] == "0011aabb"
    backend.request("reset", kind="pin")
    assert backend.request("peek", address=0x20001000, size=4)["data"] == "0011aabb"
    backend.request("reset", kind="power")
    assert backend.request("peek", address=0x20001000, size=4)["data"] != "0011aabb"


def test_changed_code_is_run_and_counted_anew(backend: EmbeddedBackend, build: Build) -> None:
    transport = echo(backend, build)
    transport.write(b"a")  # type: ignore[attr-defined]
    assert read(transport, 1) == b"a"
    code = bytes.fromhex(backend.request("peek", address=0x10000, size=0x400)["data"])
    at = 0x10000 + code.index(bytes.fromhex("ff28"))  # cmp r0, #0xFF
    backend.request("poke", address=at, data="4128")  # cmp r0, #'A'
    transport.write(b"A")  # type: ignore[attr-defined]
    backend.request("sync")
    assert backend.crash_report() is not None


@pytest.mark.parametrize(
    "request_",
    [
        {"do": "nonsense"}, {"do": "pacing", "mode": "fast"}, {"do": "reset"},
        {"do": "faults", "direction": "up", "kind": "drop"},
        {"do": "faults", "direction": "to_host", "kind": "drop", "rate": 2},
        {"do": "peek", "address": -1, "size": 4}, {"do": "peek", "address": 0x30000000, "size": 4},
        {"do": "peek", "address": 0x20000000, "size": 1 << 30},
        {"do": "poke", "address": 0x20000000, "data": "xyz"},
        {"do": "poke", "address": 0x20000000, "data": 7}, {"do": "cyccnt", "counts": None},
    ],
)  # fmt: skip
def test_requests_that_make_no_sense_are_refused(
    request_: dict[str, object], backend: EmbeddedBackend, build: Build
) -> None:
    echo(backend, build)
    with pytest.raises(InputError, match="emulator: "):
        backend.request(**request_)  # type: ignore[arg-type]
    assert backend.request("counters")["state"] == "asleep"


def test_lines_that_are_no_json_are_answered(backend: EmbeddedBackend, build: Build) -> None:
    echo(backend, build)
    backend.emulator._control.sendall(b"[1]\n{\n\xff\xfe\n" + b"[" * 5000 + b"\n")
    assert backend.request("counters")["ok"]


def test_faults_on_the_line(backend: EmbeddedBackend, build: Build) -> None:
    transport = echo(backend, build)
    backend.request("faults", direction="to_device", kind="duplicate", rate=1.0, seed=3)
    transport.write(b"ab")  # type: ignore[attr-defined]
    assert read(transport, 4) == b"aabb"
    backend.request("faults", direction="to_device", kind="none")
    backend.request("faults", direction="to_host", kind="delay", rate=1.0)
    transport.write(b"cd")  # type: ignore[attr-defined]
    assert read(transport, 2) == b"cd"
    assert backend.request("link")["faults"] == 4


def test_pacing_is_switched_on_the_run(backend: EmbeddedBackend, build: Build) -> None:
    transport = echo(backend, build)
    before = backend.request("counters")["virtual_seconds"]
    backend.request("pacing", mode="baud")
    transport.write(bytes(100))  # type: ignore[attr-defined]
    until = time.monotonic() + DEADLINE_S
    while backend.request("link")["received"] < 100 and time.monotonic() < until:
        backend.request("sync")
    read(transport, 1)
    backend.request("sync")
    answer = backend.request("counters")
    line = 100 * 10 / answer["baud"]
    # The last echo leaves up to two byte times after the last byte has come. (Not all are echoed:
    # this firmware does not wait for its transmitter.)
    assert 1.0 <= (answer["virtual_seconds"] - before) / line < 1.03
    backend.request("pacing", mode="instant")
    transport.write(b"x")  # type: ignore[attr-defined]
    assert read(transport, 1) == b"x"


def test_a_bad_elf_is_one_error(backend: EmbeddedBackend, tmp_path: Path) -> None:
    bad = tmp_path / "bad.elf"
    bad.write_bytes(b"\x7fELF nonsense")
    with pytest.raises(InputError, match="not an image for this board"):
        backend.open(BOARD, bad, None)
    with pytest.raises(InputError, match="none was given"):
        backend.open(BOARD, None, None)


def test_without_unicorn_the_command_that_mends_it_is_named(
    monkeypatch: pytest.MonkeyPatch, build: Build
) -> None:
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(ToolError, match=r"pip install -e '\.\[emulator\]'"):
        EmbeddedBackend().open(BOARD, build(ECHO), None)


def test_a_killed_emulator_is_a_link_error(backend: EmbeddedBackend, build: Build) -> None:
    transport = echo(backend, build)
    backend.emulator._process.kill()
    backend.emulator._process.wait()
    with pytest.raises(LinkError, match="ended"):
        transport.read(DEADLINE_S)  # type: ignore[attr-defined]
    with pytest.raises(LinkError):
        backend.request("counters")
    assert backend.counters() is None


def is_alive(pid: int) -> bool:
    """Whether the process runs; a zombie that nobody has waited for does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


def wait_for_end(pid: int) -> bool:
    until = time.monotonic() + DEADLINE_S
    while is_alive(pid) and time.monotonic() < until:
        time.sleep(0.02)
    return not is_alive(pid)


PARENT = """
import sys, time
from pathlib import Path
from hil.backend.embedded import EmbeddedBackend
from hil.board import load_board
backend = EmbeddedBackend()
backend.open(load_board("nano33"), Path(sys.argv[1]), None)
print(backend.emulator._process.pid, flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("firmware", ["asleep", "busy"])
def test_the_emulator_ends_with_its_parent(how: int, firmware: str, build: Build) -> None:
    elf = build(ECHO if firmware == "asleep" else "1: b 1b")
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(elf)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert parent.stdout is not None
    with parent.stdout:
        pid = int(parent.stdout.readline())
        assert is_alive(pid)
        parent.send_signal(how)
        parent.wait(DEADLINE_S)
    assert wait_for_end(pid)


def test_closing_either_end_ends_it(build: Build) -> None:
    for which in ("link", "control"):
        ours, theirs = socket.socketpair()
        with ours, theirs:
            process = EmulatorProcess(BOARD, build(ECHO), theirs)
            theirs.close()
            (ours if which == "link" else process._control).close()
            assert process._process.wait(DEADLINE_S) == 0
            process.close()


def test_a_pty_can_be_opened_again_and_again(build: Build) -> None:
    process = EmulatorProcess(BOARD, build(ECHO), None)
    try:
        for _ in range(3):
            port = os.open(str(process.pty), os.O_RDWR | os.O_NOCTTY)
            assert not termios.tcgetattr(port)[3] & termios.ECHO
            os.write(port, b"\x00\x03\r\n\xc0")
            data, until = b"", time.monotonic() + DEADLINE_S
            while len(data) < 5 and time.monotonic() < until:
                if select.select([port], [], [], 0.5)[0]:
                    data += os.read(port, 5)
            os.close(port)
            assert data == b"\x00\x03\r\n\xc0", "raw: no byte is special"
    finally:
        process.close()


def test_the_portable_hook_carries_bytes_too(build: Build) -> None:
    backend = EmbeddedBackend(portable=True)
    try:
        transport = echo(backend, build)
        transport.write(b"hello")  # type: ignore[attr-defined]
        assert read(transport, 5) == b"hello"
        assert backend.description.endswith("Python hook")
    finally:
        backend.close()
