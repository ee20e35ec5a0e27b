"""From a board on USB, through its bootloader, to the new firmware's hello; the bus is made up."""

from __future__ import annotations

import signal
import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import serial
from fake_bootloader import NANO, PAGE, FakeBootloader, image_of, image_of_firmware

from hil.backend import hardware
from hil.backend.hardware import HardwareBackend
from hil.backend.host import build_host
from hil.board import Board
from hil.device import Device
from hil.errors import InputError, LinkError
from hil.upload import hello
from hil.upload import port as upload_port
from hil.upload.__main__ import main
from hil.upload.port import find_bootloader
from hil.upload.sam_ba import DOUBLE_TAP

SKETCH, BOOTLOADER = NANO.usb_ids


@dataclass
class Listed:
    """One port as pyserial lists it."""

    device: str
    ids: tuple[int, int]
    location: str | None = "1-2:1.0"
    serial_number: str | None = "ABC"
    description: str = "n/a"
    manufacturer: str | None = None

    @property
    def vid(self) -> int:
        return self.ids[0]

    @property
    def pid(self) -> int:
        return self.ids[1]


@dataclass
class Bus:
    """What is plugged in: `later` comes, step by step, each time somebody looks at the ports."""

    now: list[Listed] = field(default_factory=list)
    later: list[list[Listed]] = field(default_factory=list)
    touched: list[tuple[str, int, bool]] = field(default_factory=list)
    on_touch: Callable[[], None] = lambda: None

    def comports(self) -> list[Listed]:
        if self.later:
            self.now = self.later.pop(0)
        return self.now


@pytest.fixture
def bus(monkeypatch: pytest.MonkeyPatch) -> Bus:
    made = Bus()

    class Touched:
        dtr = True

        def __init__(self, device: str, baud: int, *, exclusive: bool) -> None:
            assert exclusive, "a board that another program measures is left alone"
            self.device, self.baud = device, baud

        def __enter__(self) -> Touched:
            return self

        def __exit__(self, *_: object) -> None:
            made.touched.append((self.device, self.baud, self.dtr))
            made.on_touch()

    monkeypatch.setattr("serial.tools.list_ports.comports", made.comports)
    # There alone: the port that is written to is a pty, opened in earnest.
    stand_in = SimpleNamespace(Serial=Touched, SerialException=serial.SerialException)
    monkeypatch.setattr(upload_port, "serial", stand_in)
    for module in (upload_port, hello):
        monkeypatch.setattr(module, "POLL_S", 0.001)
    return made


def test_a_running_program_is_restarted_into_the_bootloader(bus: Bus) -> None:
    bus.now = [Listed("/dev/a", (0x1234, 0x5678), "1-1"), Listed("/dev/b", SKETCH)]
    # The board goes, another one's bootloader turns up elsewhere, then the board's own does.
    elsewhere, own = Listed("/dev/c", BOOTLOADER, "1-9:1.0"), Listed("/dev/d", BOOTLOADER)
    bus.on_touch = lambda: bus.later.extend([[], [elsewhere], [elsewhere], [elsewhere, own]])
    assert find_bootloader(NANO, None).device == "/dev/d"
    assert bus.touched == [("/dev/b", 1200, False)]


def test_a_bootloader_that_waits_is_taken_as_it_is(bus: Bus) -> None:
    bus.now = [Listed("/dev/d", BOOTLOADER)]
    assert find_bootloader(NANO, None).device == "/dev/d"
    assert find_bootloader(NANO, "/dev/d").device == "/dev/d"
    assert find_bootloader(NANO, "/dev/pts/7").device == "/dev/pts/7"
    assert not bus.touched


def test_of_several_boards_none_is_guessed(bus: Bus) -> None:
    bus.now = [Listed("/dev/b", SKETCH, "1-2", "ABC"), Listed("/dev/c", SKETCH, "1-3", "DEF")]
    with pytest.raises(InputError, match=r"/dev/b, serial number ABC; /dev/c, serial number DEF"):
        find_bootloader(NANO, None)
    bus.now = [Listed("/dev/b", SKETCH, "1-3", "ABC"), Listed("/dev/c", BOOTLOADER, "1-2", "DEF")]
    with pytest.raises(InputError, match="2 boards could be meant"):
        find_bootloader(NANO, None)  # one that runs, another that waits: not a reason to choose
    assert find_bootloader(NANO, "DEF").device == "/dev/c"
    assert not bus.touched


def test_without_sockets_a_bootloader_that_waited_before_is_another_boards(bus: Bus) -> None:
    touched = Listed("COM3", SKETCH, None, "AAA")
    waits, own = Listed("COM4", BOOTLOADER, None, "BBB"), Listed("COM5", BOOTLOADER, None, "AAA")
    bus.now = [touched, waits]
    bus.on_touch = lambda: bus.later.extend([[waits], [waits], [waits, own]])
    assert find_bootloader(NANO, "COM3").device == "COM5"


def test_a_board_that_stays_away_says_what_to_press(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload_port, "RESTART_TIMEOUT_S", 0.05)
    bus.now = [Listed("/dev/b", SKETCH)]
    with pytest.raises(LinkError, match="did not come back as its bootloader; double-tap"):
        find_bootloader(NANO, "/dev/b")


def test_a_port_that_cannot_be_touched_says_what_to_press(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise serial.SerialException("busy")

    monkeypatch.setattr(upload_port.serial, "Serial", refuse)
    bus.now = [Listed("/dev/b", SKETCH)]
    with pytest.raises(LinkError, match=r"^/dev/b: busy; double-tap"):
        find_bootloader(NANO, None)


def test_no_board_says_what_to_press(
    bus: Bus, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "firmware.bin"
    path.write_bytes(image_of(PAGE))
    assert main([str(path)]) == LinkError.exit_code
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "double-tap" in error


@pytest.mark.parametrize("fits", [True, False], ids=["its own", "another"])
def test_a_cable_is_all_it_takes(  # noqa: PLR0917 - fixtures
    fits: bool,
    bus: Bus,
    start_firmware: Callable[[Board], str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The firmware that then says hello must be the one that was written."""
    firmware_port, board = start_firmware(NANO), FakeBootloader()
    board.start()
    monkeypatch.setattr(hello.wait_for_hello, "__defaults__", (10 if fits else 0.5,))
    path = tmp_path / "firmware.bin"
    path.write_bytes(image_of_firmware(NANO) if fits else image_of(2 * PAGE))
    bus.now = [Listed("/dev/b", SKETCH)]
    waits, runs = [Listed(board.port, BOOTLOADER)], [Listed(firmware_port, SKETCH)]
    bus.on_touch = lambda: bus.later.extend([[], waits, [], runs])
    assert main([str(path)]) == (0 if fits else LinkError.exit_code)
    board.stop()
    image = path.read_bytes()
    assert board.flash[: len(image)] == image
    said, error = capsys.readouterr()
    assert "waiting for the firmware to say hello" in said
    assert (f"on {firmware_port}, serial number ABC runs" in said) == fits
    assert ("with model model" in said) == fits
    assert (f"the board on {firmware_port}, serial number ABC runs other firmware" in error) != fits


@pytest.mark.parametrize(
    ("back", "words"),
    [([], "did not come back on USB"), ([Listed("/dev/no-such", SKETCH)], "says nothing on"),
     ([Listed("/dev/a", SKETCH, None), Listed("/dev/b", SKETCH, None)], "cannot be told from")],
)  # fmt: skip
def test_firmware_that_says_nothing_is_told(bus: Bus, back: list[Listed], words: str) -> None:
    bus.now = back
    port = upload_port.Port("/dev/b", BOOTLOADER, "ABC", "1-2", "")
    written = hello.Written(NANO, b"", "written", 115200)
    with pytest.raises(LinkError, match=f"written, but the board {words}.*double-tap"):
        hello.wait_for_hello(written, port, DOUBLE_TAP, timeout=0.05)


def test_looking_restarts_nothing(bus: Bus, capsys: pytest.CaptureFixture[str]) -> None:
    bus.now = [Listed("/dev/no-such", SKETCH)]
    assert main(["--check", "no image yet"]) == LinkError.exit_code
    assert "/dev/no-such cannot be opened" in capsys.readouterr().err
    bus.now = [Listed("/dev/null", SKETCH)]
    assert main(["--check", "no image yet"]) == 0
    assert not bus.touched


def test_a_board_that_hangs_is_restarted_through_its_bootloader(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its main loop answers nothing, but the touch is heeded by its USB interrupts."""
    program, bootloader = build_host(NANO, None), FakeBootloader()
    bootloader.start()
    processes: list[subprocess.Popen[str]] = []

    def plug() -> Listed:
        process = subprocess.Popen([str(program)], stdout=subprocess.PIPE, text=True)
        processes.append(process)
        assert process.stdout is not None
        return Listed(process.stdout.readline().strip(), SKETCH)

    hung = plug()
    bus.now = [hung]
    monkeypatch.setattr(hardware, "POLL_S", 0.01)
    backend = HardwareBackend()
    device = Device(backend.open(NANO, None, hung.device), patience=0.3)
    before = device.identify()
    bus.on_touch = lambda: bus.later.extend([[], [Listed(bootloader.port, BOOTLOADER)]])
    processes[0].send_signal(signal.SIGSTOP)

    def come_back() -> None:
        assert bootloader.restarted.wait(10)
        bus.now = [plug()]

    thread = threading.Thread(target=come_back)
    thread.start()
    device.guard(backend.revive)
    assert device.memory() is not None, "asked of the hung board, answered by the restarted one"
    thread.join()
    assert bus.touched == [(hung.device, 1200, False)]
    assert bootloader.commands == ["K"], "nothing was written"
    assert device.identity.boot_id != before.boot_id
    device.close()
    bootloader.stop()
    for process in processes:
        process.kill()
        process.communicate()
