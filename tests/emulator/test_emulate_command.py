"""`tinyhil emulate` as a user runs it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import serial
from small_firmware import Build

from hil.backend.hardware import HardwareBackend
from hil.board import load_board
from hil.device import Device
from hil.firmware.build import build as build_firmware

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start() -> Iterator[Start]:
    running: list[subprocess.Popen[str]] = []

    def start_(*arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "hil.cli", "emulate", "--board", "nano33", *arguments]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        running.append(subprocess.Popen(command, text=True, **pipes))  # type: ignore[call-overload]
        return running[-1]

    yield start_
    for process in running:
        process.kill()
        process.communicate()


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().rstrip()


def test_any_serial_program_can_open_the_port(start: Start, tmp_path: Path) -> None:
    link = tmp_path / "board"
    link.symlink_to("/nowhere")  # left by a run that was killed
    elf = build_firmware(load_board("nano33"), None)
    process = start("--elf", str(elf), "--link", str(link))
    assert line(process) == f"Arduino Nano 33 BLE Sense on {link}, UART; Ctrl-C ends it"
    backend = HardwareBackend()
    device = Device(backend.open(load_board("nano33"), None, str(link)))
    assert device.identify().board == "nano33"
    assert device.discard([bytes(300)] * 20) == 6000
    backend.close()
    with serial.Serial(str(link), 115200, timeout=5) as port:
        port.write(b"\x00")
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 0
    assert not os.path.lexists(link)


def test_the_port_can_be_the_boards_usb(start: Start) -> None:
    elf = build_firmware(load_board("nano33"), None)
    process = start("--elf", str(elf), "--via", "usb", "--json")
    ready = json.loads(line(process))
    assert ready["via"] == "usb"
    backend = HardwareBackend()
    device = Device(backend.open(load_board("nano33"), None, ready["port"]))
    assert device.identify().board == "nano33"
    assert device.discard([bytes(300)] * 20) == 6000
    backend.close()


def test_ended_by_a_supervisor_it_leaves_nothing(
    start: Start, build: Build, tmp_path: Path
) -> None:
    link = tmp_path / "board"
    process = start("--elf", str(build("b .")), "--link", str(link))
    line(process)
    assert link.is_symlink()
    process.terminate()
    assert process.wait(20) == 0
    assert not os.path.lexists(link)


def test_a_crash_and_a_lock_up_are_shown(start: Start, build: Build) -> None:
    process = start("--elf", str(build("udf #1")))
    assert "on /dev/pts/" in line(process)
    rest, errors = process.communicate(timeout=20)
    assert "lock-up: undefined instruction" in rest
    assert "halted: locked up" in rest
    assert process.returncode == 3
    assert not errors


def test_json_lines(start: Start, build: Build) -> None:
    process = start("--json", "--elf", str(build("udf #1")))
    events = [json.loads(text) for text in process.communicate(timeout=20)[0].splitlines()]
    assert [e["event"] for e in events] == ["ready", "crash", "halted"]
    assert os.path.isabs(events[0]["port"])
    assert events[-2]["crash"]["lockup"] is True


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(["--elf", "/nowhere.elf"], "No such file"), (["--elf", __file__], "not a 32-bit"),
     (["--elf", "x", "--model", "y"], "leave out --model")],
)  # fmt: skip
def test_wrong_use_is_one_line(arguments: list[str], words: str, start: Start) -> None:
    process = start(*arguments)
    out, errors = process.communicate(timeout=30)
    assert process.returncode == 2
    assert words in errors
    assert len(errors.splitlines()) == 1
    assert not out


def test_a_link_that_cannot_be_made(start: Start, build: Build, tmp_path: Path) -> None:
    process = start("--elf", str(build("9: wfi\n b 9b")), "--link", str(tmp_path / "no" / "link"))
    assert process.wait(20) == 2
    assert "--link" in process.communicate()[1]


def test_a_file_is_never_replaced_by_the_link(start: Start, build: Build, tmp_path: Path) -> None:
    precious = tmp_path / "file"
    precious.write_text("mine")
    process = start("--elf", str(build("9: wfi\n b 9b")), "--link", str(precious))
    assert process.wait(20) == 2
    assert precious.read_text() == "mine"


def test_asleep_it_costs_no_cpu(start: Start, build: Build) -> None:
    process = start("--elf", str(build("9: wfi\n b 9b")))
    line(process)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()

    def ticks() -> int:
        fields = Path(f"/proc/{children[0]}/stat").read_text().rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])

    time.sleep(0.2)
    before = ticks()
    time.sleep(1.0)
    # CPU time, to which other work on the machine adds nothing; a spinning one would use it all.
    assert ticks() - before < 0.2 * os.sysconf("SC_CLK_TCK")
