"""The Nano's uploader against an emulated bootloader on a pty, and the SensorTile's tools."""

from __future__ import annotations

import binascii
import json
import os
import pty
import re
import shutil
import subprocess
import threading
import tty
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from project_copy import Project

from hil import cli
from hil import upload as uploader
from hil.board import PROJECT_DIR, load_board
from hil.errors import DeviceError, LinkError
from hil.firmware import build as firmware
from hil.firmware.build import UPLOADER_SAYS, build, run_platformio, why_failed

PAGE = 4096
NANO = load_board("nano33")


class FakeBootloader(threading.Thread):
    """The bootloader's SAM-BA commands, its stray bytes included, on the far end of a pty."""

    def __init__(self, version: bytes = b"Bootloader 2.0 [Arduino:IKXYZ]") -> None:
        super().__init__(daemon=True)
        self.near, far = pty.openpty()
        tty.setraw(far)
        self.port, self._far = os.ttyname(far), far
        self.version = version
        self.flash = bytearray(b"\xa5" * 64 * PAGE)
        self.buffer = b""
        self.source = 0
        self.restarted = threading.Event()
        self.commands: list[str] = []
        self.faulty_page: int | None = None

    def stop(self) -> None:
        os.close(self._far)
        self.join(5)
        os.close(self.near)

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
                self.commands.append(letter)
                os.write(self.near, self.answer(letter, a, size, pending[command.end() : end]))
                pending = pending[end:]

    def answer(self, letter: str, address: int, size: int, data: bytes) -> bytes:
        if letter == "S":
            self.buffer = data
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


@pytest.fixture
def bootloader() -> Iterator[FakeBootloader]:
    fake = FakeBootloader()
    fake.start()
    yield fake
    fake.stop()


def image_of(size: int) -> bytes:
    stack, entry = NANO.facts.ram_origin + 8192, NANO.facts.flash_origin + 0x101
    head = stack.to_bytes(4, "little") + entry.to_bytes(4, "little")
    return head + bytes(i * 7 % 251 for i in range(size - 8))


@pytest.mark.parametrize("size", [8, PAGE - 1, PAGE, PAGE + 1, 5 * PAGE])
def test_an_image_arrives_whole(bootloader: FakeBootloader, tmp_path: Path, size: int) -> None:
    image = image_of(size)
    path = tmp_path / "firmware.bin"
    path.write_bytes(image)
    assert uploader.main(["--port", bootloader.port, str(path)]) == 0
    pages = -(-size // PAGE)
    assert bootloader.flash[:size] == image
    assert bootloader.flash[size : pages * PAGE] == b"\xff" * (pages * PAGE - size)
    assert set(bootloader.flash[pages * PAGE :]) == {0xA5}, "nothing behind it was touched"
    assert bootloader.restarted.wait(5)
    assert bootloader.commands == ["N", "V", "I", *["S", "Y", "Y"] * pages, "Z", "K"]


def test_a_page_that_did_not_take_is_noticed(bootloader: FakeBootloader, tmp_path: Path) -> None:
    bootloader.faulty_page = 1
    path = tmp_path / "firmware.bin"
    path.write_bytes(image_of(3 * PAGE))
    with pytest.raises(DeviceError, match="does not hold what was written"):
        uploader.upload(NANO, path, bootloader.port)
    assert not bootloader.restarted.is_set()


def test_another_device_is_left_alone(tmp_path: Path) -> None:
    fake = FakeBootloader(version=b"v1.0 \x1b[2J something else")
    fake.start()
    path = tmp_path / "firmware.bin"
    path.write_bytes(image_of(PAGE))
    with pytest.raises(DeviceError, match="not a Nano 33 BLE's bootloader") as caught:
        uploader.upload(NANO, path, fake.port)
    fake.stop()
    assert "\x1b" not in str(caught.value)
    assert "S" not in fake.commands


class Canned:
    """A transport that answers anything with the same bytes."""

    def __init__(self, answer: bytes) -> None:
        self.answer = answer

    def read(self, timeout: float) -> bytes:
        answer, self.answer = self.answer, b""
        return answer

    def write(self, data: bytes) -> None:
        pass

    def close(self) -> None:
        pass


@given(st.binary(max_size=300))
def test_whatever_answers_is_refused_in_one_line(noise: bytes) -> None:
    uploader.ANSWER_TIMEOUT_S, kept = 0.0, uploader.ANSWER_TIMEOUT_S
    try:
        with pytest.raises(DeviceError) as caught:
            uploader.Bootloader(Canned(noise)).identify()
    finally:
        uploader.ANSWER_TIMEOUT_S = kept
    assert "\n" not in str(caught.value)


class Listed:
    def __init__(self, device: str, usb_id: tuple[int, int]) -> None:
        self.device = device
        self.vid, self.pid = usb_id


def test_a_running_sketch_is_restarted_into_the_bootloader(monkeypatch: pytest.MonkeyPatch) -> None:
    sketch, bootloader = NANO.usb_ids
    ports = [Listed("/dev/sketch", sketch), Listed("/dev/other", (0x1234, 0x5678))]
    touched: list[str] = []

    def touch(port: str) -> None:
        touched.append(port)
        ports[0] = Listed("/dev/bootloader", bootloader)

    monkeypatch.setattr(uploader.serial.tools.list_ports, "comports", lambda: ports)
    monkeypatch.setattr(uploader, "_touch", touch)
    assert uploader.find_port(NANO, None) == "/dev/bootloader"
    assert touched == ["/dev/sketch"]
    assert uploader.find_port(NANO, None) == "/dev/bootloader"
    assert uploader.find_port(NANO, "/dev/other") == "/dev/other"
    assert touched == ["/dev/sketch"], "a bootloader that waits, or another port, is not touched"


def test_no_board_says_what_to_press(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(uploader.serial.tools.list_ports, "comports", list)
    path = tmp_path / "firmware.bin"
    path.write_bytes(image_of(PAGE))
    assert uploader.main([str(path)]) == LinkError.exit_code
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "double-tap" in error


def test_pio_uploads_to_the_nano(bootloader: FakeBootloader) -> None:
    elf = build(NANO, None)
    result = run_platformio(
        ["run", "-e", "nano33", "-t", "upload", "--upload-port", bootloader.port]
    )
    assert result.returncode == 0, result.stdout
    image = elf.with_suffix(".bin").read_bytes()
    assert bootloader.flash[: len(image)] == image
    assert bootloader.restarted.wait(5)


DENSE = PROJECT_DIR / "test_vectors" / "models" / "dense"


def test_tinyhil_flash_builds_and_uploads(
    bootloader: FakeBootloader, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["flash", "--board", "nano33", "--model", str(DENSE), "--port", bootloader.port]
    assert cli.main([*arguments, "--json"]) == 0
    done = json.loads(capsys.readouterr().out)
    image = Path(done["elf"]).with_suffix(".bin").read_bytes()
    assert bootloader.flash[: len(image)] == image
    assert bytes.fromhex(done["model_hash"]) in image
    assert done["flash_used"] == len(image)


def test_tinyhil_flash_without_a_board_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["flash", "--board", "nano33", "--model", str(DENSE), "--port", "/dev/no-such-port"]
    assert cli.main(arguments) == DeviceError.exit_code
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert error.startswith(
        "tinyhil: nano33: /dev/no-such-port cannot be opened (No such file or directory);"
    )


def test_a_hint_names_the_option_of_the_command_that_was_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(uploader, "_ports", lambda usb_id: [])
    with pytest.raises(LinkError, match=r"give --upload-port$") as caught:
        uploader.find_port(NANO, None)  # as PlatformIO's upload does
    said = f"{UPLOADER_SAYS}{caught.value}\n"
    failed = subprocess.CompletedProcess([], 1, stdout=said)
    monkeypatch.setattr(firmware, "run_platformio", lambda *arguments: failed)
    with pytest.raises(DeviceError, match=r"give --port$"):
        firmware.upload(NANO, None)


@pytest.mark.parametrize(
    "line",
    ["UserSideException: no gcc", "Error: no gcc", "platformio.exception.SomeException: no gcc"],
)
def test_the_reason_of_a_failed_run_carries_no_class(line: str) -> None:
    assert why_failed(f"Processing nano33\n{line}\n") == "no gcc"


SENSORTILE_UPLOADS = {
    "stlink": ("openocd", r"-f interface/stlink\.cfg -f target/stm32l4x\.cfg "
                          r"-c program \{\S+firmware\.elf\} verify reset exit"),
    "stflash": ("st-flash", r"--reset write \S+firmware\.bin 0x08000000"),
    "dfu": ("dfu-util", r"-d 0483:df11 -a 0 -s 0x08000000:leave -D \S+firmware\.bin"),
}  # fmt: skip


@pytest.mark.parametrize("protocol", SENSORTILE_UPLOADS)
def test_pio_uploads_to_the_sensortile(
    protocol: str, fake_tool: Callable[[str], Path], project: Project
) -> None:
    tool, arguments = SENSORTILE_UPLOADS[protocol]
    log = fake_tool(tool)
    if protocol != "stlink":  # the default
        add_to_ini(project, f"[env:sensortile]\nupload_protocol = {protocol}\n")
    result = project.pio("run", "-e", "sensortile", "-t", "upload")
    assert result.returncode == 0, result.stdout
    assert re.fullmatch(arguments, log.read_text().strip().replace("\n", " "))


def add_to_ini(project: Project, section: str) -> None:
    ini = project.root / "platformio.ini"
    head = section.split("\n", 1)[0] + "\n"
    ini.write_text(ini.read_text().replace(head, section))


@pytest.mark.skipif(shutil.which("st-flash") is not None, reason="st-flash is installed here")
def test_a_missing_uploader_is_named(project: Project) -> None:
    add_to_ini(project, "[env:sensortile]\nupload_protocol = stflash\n")
    result = project.pio("run", "-e", "sensortile", "-t", "upload")
    assert result.returncode != 0
    assert "Error: st-flash is not on PATH" in result.stdout


def test_an_unknown_protocol_is_refused(project: Project) -> None:
    add_to_ini(project, "[env:sensortile]\nupload_protocol = smoke\n")
    result = project.pio("run", "-e", "sensortile", "-t", "upload")
    assert result.returncode != 0
    assert "upload_protocol = smoke: choose one of stlink, stflash, dfu" in result.stdout
