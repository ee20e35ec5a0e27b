"""From a SensorTile that runs its firmware to dfu-util, by a touch; bus and tool are made up."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from hil.board import PROJECT_DIR, load_board
from hil.ports import MAKER
from hil.upload import dfu, outcome
from hil.upload.dfu import Waiting

TILE = load_board("sensortile")
PROGRAM, _ROM = TILE.usb_ids
#: As ST's ROM writes it; the chip's flash is 512 pages of 2 KB.
FLASH = "@Internal Flash  /0x08000000/512*0002Kg"
#: Of another STM32: the F4's sectors.
OTHER = "@Internal Flash  /0x08000000/04*016Kg,01*064Kg,03*128Kg"
#: What dfu-util 0.11 says, on standard error and nowhere else, of a device that it may not open.
REFUSED = [
    f"dfu-util: Cannot open DFU device 0483:df11 found on devnum {n} (LIBUSB_ERROR_ACCESS)\n"
    for n in (12, 13)
]


@pytest.fixture
def touched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ports that were touched; waiting takes no time."""
    found: list[str] = []
    monkeypatch.setattr(dfu, "touch", lambda device, _hint: found.append(device))
    monkeypatch.setattr(dfu, "POLL_S", 0.001)
    monkeypatch.setattr(dfu, "RESTART_TIMEOUT_S", 0.5)
    return found


class Tool:
    """A dfu-util. Its n-th `-l` prints the n-th listing, and then the last one over and over."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.calls = folder, folder / "calls"
        script = folder / "dfu-util"
        script.write_text(
            f'#!/bin/sh\necho "$*" >> {self.calls}\ntest "$1" != -l && exit 7\n'
            f"n=$(grep -c -- ^-l {self.calls})\n"
            f'test -e {folder}/$n || n=last\ncat {folder}/$n.err >&2\ncat {folder}/$n\n'
        )  # fmt: skip
        script.chmod(0o755)
        self.lists([])

    def lists(self, *listings: list[str]) -> None:
        for n, lines in [*enumerate(listings, 1), ("last", listings[-1])]:
            found, refused = ([x for x in lines if (x in REFUSED) is r] for r in (False, True))
            (self.folder / str(n)).write_text("dfu-util 0.11\n\n" + "".join(found))
            (self.folder / f"{n}.err").write_text("".join(refused))

    @property
    def uploads(self) -> list[str]:
        called = self.calls.read_text().splitlines() if self.calls.exists() else []
        return [c for c in called if not c.startswith("-l")]


@pytest.fixture
def tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tool:
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return Tool(tmp_path)


def rom(path: str, memory: str = FLASH, serial: str = "3677") -> str:
    """What `dfu-util -l` says of one chip: its memories in no order of use."""
    start = f'Found DFU: [0483:df11] ver=2200, devnum=5, cfg=1, intf=0, path="{path}", '
    option = f'{start}alt=1, name="@Option Bytes  /0x1FFF7800/01*040 e", serial="{serial}"\n'
    return f'{option}{start}alt=0, name="{memory}", serial="{serial}"\n'


def plug(monkeypatch: pytest.MonkeyPatch, *devices: str, maker: str = MAKER) -> None:
    """Plug running boards in: /dev/a on the socket 1-a."""
    vid, pid = PROGRAM
    listed = [
        SimpleNamespace(device=d, vid=vid, pid=pid, serial_number=d[-1].upper(),
                        location=f"1-{ord(d[-1]) - ord('a')}:1.0", description=None,
                        manufacturer=maker)
        for d in devices
    ]  # fmt: skip
    monkeypatch.setattr("serial.tools.list_ports.comports", lambda: listed)


def test_a_running_board_is_touched_and_known_by_its_socket(
    touched: list[str],
    tool: Tool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    plug(monkeypatch, "/dev/a")
    unready = rom("1-0", "UNKNOWN", "UNKNOWN")
    tool.lists([], [], [REFUSED[0]], [unready], [rom("1-7"), rom("1-0")])  # udev comes to it late
    assert dfu.main(["dfu-util", "-a", "0"]) == 7, "dfu-util's own exit code"
    assert touched == ["/dev/a"]
    assert tool.uploads == ["-p 1-0 -a 0"]
    told = "upload: dfu-util ended with 7; upload again; where no board is found then, start it"
    assert capsys.readouterr().err.startswith(told), "a failure says how to go on"


def test_one_that_waits_in_dfu_is_taken_as_it_is(
    touched: list[str], tool: Tool, monkeypatch: pytest.MonkeyPatch
) -> None:
    plug(monkeypatch)
    tool.lists([rom("1-4.2")])
    dfu.main(["dfu-util", "-a", "0"])
    assert touched == []
    assert tool.uploads == ["-p 1-4.2 -a 0"]


def test_of_several_boards_none_is_guessed(
    touched: list[str],
    tool: Tool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    plug(monkeypatch, "/dev/a", "/dev/b")
    assert dfu.main(["dfu-util", "-a", "0"]) == 2
    assert "upload: 2 boards could be meant (/dev/a, serial number A;" in capsys.readouterr().err
    tool.lists([], [rom("1-1")])
    dfu.main(["--port", "/dev/b", "dfu-util", "-a", "0"])
    assert (touched, tool.uploads) == (["/dev/b"], ["-p 1-1 -a 0"])


def test_of_several_in_dfu_none_is_guessed_and_each_can_be_named(
    touched: list[str],
    tool: Tool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    plug(monkeypatch)
    tool.lists([rom("1-1", serial="AAAA"), rom("1-2", serial="BBBB")])
    assert dfu.main(["dfu-util", "-a", "0"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "in DFU on 1-1, serial number AAAA; in DFU on 1-2, serial number BBBB" in error
    for named in ("BBBB", "1-2"):
        assert dfu.main(["--port", named, "dfu-util"]) == 7
    assert dfu.main(["--port", "/dev/ttyUSB0", "dfu-util"]) == 2
    assert "/dev/ttyUSB0 is no ST SensorTile" in capsys.readouterr().err
    plug(monkeypatch, "/dev/a")
    tool.lists([rom("1-1")])
    assert dfu.main(["dfu-util"]) == 2, "one that runs, and one in DFU: either could be meant"
    assert tool.uploads == ["-p 1-2"] * 2
    assert not touched


@pytest.mark.parametrize(
    ("memory", "serial", "words"),
    [
        (OTHER, "33", "has other flash"),
        ("@Internal Flash  /0x08000000/128*0002Kg", "33", "has other flash"),
        ("@Internal Flash  /0x08000000/256*0004Kg", "33", "has other flash"),
        ("UNKNOWN", "UNKNOWN", "does not say what it is"),
    ],
)
def test_another_chip_in_dfu_is_left_alone(  # noqa: PLR0917 - a row of the table
    memory: str,
    serial: str,
    words: str,
    tool: Tool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    plug(monkeypatch)
    tool.lists([rom("1-1", memory, serial)])
    assert dfu.main(["dfu-util"]) in {2, 3}
    error = capsys.readouterr().err
    assert error.startswith("upload: ")
    assert error.count("\n") == 1
    assert words in error
    tool.lists([rom("1-1", memory, serial), rom("1-2")])
    if memory != "UNKNOWN":
        assert dfu.main(["dfu-util"]) == 7, "it cannot be meant where the board is there"
        assert tool.uploads == ["-p 1-2"]


def test_another_chip_in_dfu_does_not_stop_the_upload_to_a_running_board(
    touched: list[str], tool: Tool, monkeypatch: pytest.MonkeyPatch
) -> None:
    plug(monkeypatch, "/dev/a")
    tool.lists([rom("1-4", OTHER)], [rom("1-4", OTHER), rom("1-0")])
    assert dfu.main(["dfu-util", "-a", "0"]) == 7
    assert (touched, tool.uploads) == (["/dev/a"], ["-p 1-0 -a 0"])


UDEV = "(0483:df11 found on devnum 12 (LIBUSB_ERROR_ACCESS)): see `tinyhil doctor --udev`"


@pytest.mark.parametrize("options", [[], ["--port", "3677"]])
@pytest.mark.parametrize("beside", [[], [rom("1-4", OTHER)]])
def test_one_in_dfu_that_may_not_be_opened_is_told_with_what_mends_it(
    options: list[str],
    beside: list[str],
    tool: Tool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    plug(monkeypatch)
    tool.lists([REFUSED[0], *(b.replace("3677", "1") for b in beside)])
    assert dfu.main([*options, "dfu-util"]) == 3
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert UDEV in error
    assert "BOOT0" not in error


@pytest.mark.parametrize("options", [[], ["--port", "/dev/a"]])
def test_a_restarted_board_that_may_not_be_opened_is_told_with_what_mends_it(
    options: list[str],
    touched: list[str],
    tool: Tool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    plug(monkeypatch, "/dev/a")
    stranger = [REFUSED[1]] if options else []  # which might be meant where no board is named
    tool.lists(stranger, [*stranger, REFUSED[0]])
    assert dfu.main([*options, "dfu-util"]) == 3
    assert UDEV in capsys.readouterr().err
    assert (touched, tool.uploads) == (["/dev/a"], [])


def test_one_that_may_not_be_opened_may_be_the_board_beside_a_running_one(
    touched: list[str],
    tool: Tool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    plug(monkeypatch, "/dev/a")
    tool.lists([REFUSED[0]])
    assert dfu.main(["dfu-util"]) == 3
    assert UDEV in capsys.readouterr().err
    assert not touched
    assert dfu.main(["--port", "/dev/a", "dfu-util"]) == 3
    assert "did not come up in DFU" in capsys.readouterr().err, "the refused one was there before"


@pytest.mark.parametrize("listing", [True, False], ids=["the listing", "the upload"])
def test_a_program_that_does_not_end_is_ended(
    listing: bool,
    tool: Tool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    plug(monkeypatch)
    tool.lists([rom("1-1")])
    program, hang = tmp_path / "dfu-util", "exec sleep 60"
    first, second = program.read_text().split("\n", 1)
    at = f'test "$1" {"=" if listing else "!="} -l && {hang}'
    program.write_text(f"{first}\n{at}\n{second}")
    monkeypatch.setattr(dfu, "LIST_TIMEOUT_S", 0.2 if listing else 60)
    monkeypatch.setattr(outcome, "TOOL_TIMEOUT_S", 0.2)
    assert dfu.main(["dfu-util"]) == (3 if listing else 2)
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "did not end in 0.2 s" in error


@pytest.mark.parametrize("memory", [FLASH, "@Internal Flash /0x08000000/256*2Kg,256*2Kg"])
def test_the_boards_flash_is_known_in_each_writing(memory: str) -> None:
    assert Waiting("1-1", memory, "33").could_be(TILE)


def test_somebody_elses_device_with_the_id_of_everybodys_is_not_touched(
    touched: list[str],
    tool: Tool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    plug(monkeypatch, "/dev/a", maker="STMicroelectronics")
    assert dfu.main(["dfu-util"]) == 3
    assert "says that STMicroelectronics made it, not this firmware" in capsys.readouterr().err
    assert dfu.main(["--port", "/dev/a", "dfu-util"]) == 2
    said = "/dev/a is no ST SensorTile (STEVAL-STLKT01V1): neither one that runs this firmware nor"
    assert said in capsys.readouterr().err
    assert (touched, tool.uploads) == ([], [])


def test_one_that_does_not_come_up_is_told_what_to_do(
    touched: list[str],
    tool: Tool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    plug(monkeypatch, "/dev/a")
    tool.lists([], [rom("1-9")])
    assert dfu.main(["dfu-util", "-a", "0"]) == 3
    assert "did not come up in DFU; start it with BOOT0 high" in capsys.readouterr().err
    assert (touched, tool.uploads) == (["/dev/a"], [])


def test_without_dfu_util_the_board_is_left_alone(
    touched: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plug(monkeypatch, "/dev/a")
    monkeypatch.setenv("PATH", "/nowhere")
    assert dfu.main(["dfu-util"]) != 0
    assert "upload: dfu-util is not on PATH" in capsys.readouterr().err
    assert touched == []


def test_ctrl_c_is_one_line(tmp_path: Path) -> None:
    """The terminal's Ctrl-C reaches the uploader and the program that it runs."""
    program, begun = tmp_path / "dfu-util", tmp_path / "begun"
    program.write_text(f"#!/bin/sh\n: > {begun}\nexec sleep 60\n")
    program.chmod(0o755)
    process = subprocess.Popen(
        [sys.executable, "-m", "hil.upload.dfu", str(program)],
        cwd=PROJECT_DIR, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while not begun.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130
    assert error.strip().startswith("upload: interrupted")
    assert "Traceback" not in error
