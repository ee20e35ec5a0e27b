"""`pio run -t upload` and `tinyhil flash`: the right program, with the right arguments."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fake_bootloader import NANO, FakeBootloader
from project_copy import Project

from hil import cli
from hil.board import PROJECT_DIR, load_board
from hil.errors import DeviceError, LinkError
from hil.firmware import build as firmware
from hil.firmware.build import UPLOADER_SAYS, build, elf_path, run_platformio, why_failed
from hil.upload.port import find_bootloader


@pytest.fixture
def bootloader() -> Iterator[FakeBootloader]:
    fake = FakeBootloader()
    fake.start()
    yield fake
    fake.stop()


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
    assert done["hello"] is False, (
        "the bootloader's port is no USB device's: the board's is unknown"
    )


def test_tinyhil_flash_without_a_board_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["flash", "--board", "nano33", "--model", str(DENSE), "--port", "/dev/no-such-port"]
    baud = 57601  # whose firmware no other test builds
    assert cli.main([*arguments, "--baud", str(baud)]) == DeviceError.exit_code
    assert not elf_path(NANO, DENSE, baud).exists(), "nobody waits for a build without a board"
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert error.startswith(
        "tinyhil: nano33: /dev/no-such-port cannot be opened (No such file or directory);"
    )


def test_a_hint_names_the_option_of_the_command_that_was_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("serial.tools.list_ports.comports", list)
    with pytest.raises(LinkError, match=r"give --upload-port$") as caught:
        find_bootloader(NANO, None)  # as PlatformIO's upload does
    said = f"{UPLOADER_SAYS}{caught.value}\n"
    failed = subprocess.CompletedProcess([], 1, stdout=said)
    monkeypatch.setattr(firmware, "run_platformio", lambda *_, **__: failed)
    with pytest.raises(DeviceError, match=r"give --port$"):
        firmware.upload(NANO, None)


@pytest.mark.parametrize(
    "line",
    ["UserSideException: no gcc", "Error: no gcc", "platformio.exception.SomeException: no gcc"],
)
def test_the_reason_of_a_failed_run_carries_no_class(line: str) -> None:
    assert why_failed(f"Processing nano33\n{line}\n") == "no gcc"


UPLOADS = {
    ("nano33", "cmsis-dap"): ("openocd", r"-f interface/cmsis-dap\.cfg -f target/nrf52\.cfg "
                                         r"-c program \{\S+firmware\.elf\} verify reset exit"),
    ("nano33", "pyocd"): ("pyocd", r"flash --target nrf52840 \S+firmware\.elf"),
    ("sensortile", "stlink"): ("openocd", r"-f interface/stlink\.cfg -f target/stm32l4x\.cfg "
                                          r"-c program \{\S+firmware\.elf\} verify reset exit"),
    ("sensortile", "stflash"): ("st-flash", r"--reset write \S+firmware\.bin 0x08000000"),
    ("sensortile", "dfu"): ("dfu-util",
                            r"-p 1-1 -d 0483:df11 -a 0 -s 0x08000000:leave -D \S+firmware\.bin"),
    ("sensortile", "pyocd"): ("pyocd", r"flash --target stm32l475xg \S+firmware\.elf"),
}  # fmt: skip


IN_DFU = (
    'Found DFU: [0483:df11] ver=2200, devnum=5, cfg=1, intf=0, path="1-1", alt=0, '
    'name="@Internal Flash  /0x08000000/512*0002Kg", serial="3677"\n'
)


@pytest.mark.parametrize(("board", "protocol"), UPLOADS)
def test_pio_uploads_by_the_tool_that_was_chosen(
    board: str, protocol: str, fake_tool: Callable[..., Path], project: Project
) -> None:
    """The SensorTile's default succeeds, without a port; the others fail, which takes no time."""
    tool, arguments = UPLOADS[board, protocol]
    log = fake_tool(tool, IN_DFU if protocol == "dfu" else "", code=int(protocol != "stlink"))
    if protocol != "stlink":  # the SensorTile's default
        add_to_ini(project, f"[env:{board}]\nupload_protocol = {protocol}\n")
    result = project.pio("run", "-e", board, "-t", "upload")
    assert (result.returncode == 0) == (protocol == "stlink"), result.stdout
    ended = (
        "no hello: written and verified by openocd; it is on no serial port here"
        if protocol == "stlink"
        else f"upload: {tool} ended with 1"
    )
    assert ended in result.stdout
    assert re.fullmatch(arguments, log.read_text().strip().replace("\n", " "))


def add_to_ini(project: Project, section: str) -> None:
    ini = project.root / "platformio.ini"
    head = section.split("\n", 1)[0] + "\n"
    ini.write_text(ini.read_text().replace(head, section))


def test_a_port_that_an_upload_by_probe_cannot_use_is_refused(
    fake_tool: Callable[..., Path],
) -> None:
    log = fake_tool("openocd")
    with pytest.raises(DeviceError, match=r"/dev/ttyACM0 is no ST-LINK here .* leave out --port "):
        firmware.upload(load_board("sensortile"), None, "/dev/ttyACM0")
    assert not log.exists(), "the port was not passed over"


@pytest.mark.skipif(shutil.which("st-flash") is not None, reason="st-flash is installed here")
def test_a_missing_uploader_is_named(project: Project) -> None:
    add_to_ini(project, "[env:sensortile]\nupload_protocol = stflash\n")
    result = project.pio("run", "-e", "sensortile", "-t", "upload")
    assert result.returncode != 0
    assert "upload: st-flash is not on PATH; upload_protocol in platformio.ini" in result.stdout


def test_an_unknown_protocol_is_refused(project: Project) -> None:
    add_to_ini(project, "[env:sensortile]\nupload_protocol = smoke\n")
    result = project.pio("run", "-e", "sensortile", "-t", "upload")
    assert result.returncode != 0
    assert "upload_protocol = smoke: choose one of stlink, stflash, dfu, " in result.stdout
