"""From a SensorTile that runs its firmware to dfu-util, by a touch; bus and tool are made up."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from dfu_bench import FLASH, OTHER, REFUSED, TILE, UDEV, Bench, rom
from fake_bootloader import image_of_firmware

from hil.board import PROJECT_DIR, Board
from hil.upload import dfu, hello, outcome
from hil.upload.dfu import Waiting


@pytest.fixture
def bench(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Bench:
    """Nothing is plugged in yet; waiting takes no time."""
    made = Bench(tmp_path, capsys)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr("serial.tools.list_ports.comports", lambda: made.running)
    monkeypatch.setattr(dfu, "touch", lambda device, _hint: made.touched.append(device))
    monkeypatch.setattr(dfu, "POLL_S", 0.001)
    monkeypatch.setattr(dfu, "RESTART_TIMEOUT_S", 0.5)
    monkeypatch.setattr(hello.wait_for_hello, "__defaults__", (0.5,))
    (tmp_path / "firmware.bin").write_bytes(image_of_firmware(TILE))
    made.install()
    made.lists([])
    return made


def test_a_running_board_is_touched_and_known_by_its_socket(bench: Bench) -> None:
    bench.plug("/dev/a")
    unready = rom("1-0", "UNKNOWN", "UNKNOWN")
    bench.lists([], [], [REFUSED[0]], [unready], [rom("1-7"), rom("1-0")])  # udev comes to it late
    code, error = bench.upload()
    assert (code, bench.touched, bench.uploads) == (7, ["/dev/a"], ["1-0"]), "dfu-util's own code"
    told = "upload: dfu-util ended with 7; upload again; where no board is found then, start it"
    assert error.startswith(told), "a failure says how to go on"


def test_one_that_waits_in_dfu_is_taken_as_it_is(bench: Bench) -> None:
    bench.lists([rom("1-4.2")])
    bench.upload()
    assert (bench.touched, bench.uploads) == ([], ["1-4.2"])


@pytest.mark.parametrize("ends", ["exit 0", "exit 74"])
def test_the_board_that_leaves_dfu_says_hello_on_its_socket(
    ends: str, bench: Bench, start_firmware: Callable[[Board], str]
) -> None:
    """Some versions of dfu-util take its leaving for a failure."""
    bench.install(upload=ends)
    bench.plug(start_firmware(TILE))
    bench.running[0].location = "1-4.2:1.0"
    bench.lists([rom("1-4.2")], [])
    code, _ = bench.upload("1-4.2")
    assert (code, bench.touched) == (0, [])
    assert f"ST SensorTile (STEVAL-STLKT01V1) on {bench.running[0].device}, serial" in bench.out


def test_a_board_that_says_nothing_or_something_else_afterwards_is_told(
    bench: Bench, start_firmware: Callable[[Board], str]
) -> None:
    bench.install(upload="exit 0")
    bench.lists([rom("1-0")])
    code, error = bench.upload()
    assert (code, "written by dfu-util, but the board did not come back" in error) == (3, True)
    bench.plug(start_firmware(TILE))
    path = bench.folder / "firmware.bin"
    path.write_bytes(path.read_bytes()[:-8])
    code, error = bench.upload("1-0")
    assert (code, "runs other firmware" in error, "press its reset" in error) == (3, True, True)
    bench.install(upload="exit 74")
    bench.lists([rom("1-0")], [])
    (bench.folder / "calls").unlink()
    assert bench.upload("1-0")[0] == 74, "nor does it say that dfu-util has succeeded after all"


def test_a_wrong_file_leaves_the_board_alone(bench: Bench) -> None:
    bench.plug("/dev/a")
    (bench.folder / "firmware.bin").write_bytes(bytes(5000))
    code, error = bench.upload()
    assert (code, bench.touched, bench.uploads) == (2, [], [])
    assert "not an image for sensortile" in error


def test_looking_restarts_nothing(bench: Bench) -> None:
    bench.plug("/dev/null")
    assert bench.upload(None, "--check")[0] == 0
    bench.plug("/dev/no-such")
    assert "/dev/no-such cannot be opened" in bench.upload(None, "--check")[1]
    bench.plug()
    assert "no ST SensorTile" in bench.upload(None, "--check")[1]
    assert (bench.touched, bench.uploads) == ([], [])


def test_of_several_boards_none_is_guessed(bench: Bench) -> None:
    bench.plug("/dev/a", "/dev/b")
    code, error = bench.upload()
    assert code == 2
    assert "upload: 2 boards could be meant (/dev/a, serial number A;" in error
    bench.lists([], [rom("1-1")])
    bench.upload("/dev/b")
    assert (bench.touched, bench.uploads) == (["/dev/b"], ["1-1"])


def test_of_several_in_dfu_none_is_guessed_and_each_can_be_named(bench: Bench) -> None:
    bench.lists([rom("1-1", serial="AAAA"), rom("1-2", serial="BBBB")])
    code, error = bench.upload()
    assert code == 2
    assert "in DFU on 1-1, serial number AAAA; in DFU on 1-2, serial number BBBB" in error
    for named in ("BBBB", "1-2"):
        assert bench.upload(named)[0] == 7
    code, error = bench.upload("/dev/ttyUSB0")
    assert (code, "/dev/ttyUSB0 is no ST SensorTile" in error) == (2, True)
    bench.plug("/dev/a")
    bench.lists([rom("1-1")])
    assert bench.upload()[0] == 2, "one that runs, and one in DFU: either could be meant"
    assert (bench.touched, bench.uploads) == ([], ["1-2"] * 2)


@pytest.mark.parametrize(
    ("memory", "serial", "words"),
    [
        (OTHER, "33", "has other flash"),
        ("@Internal Flash  /0x08000000/128*0002Kg", "33", "has other flash"),
        ("@Internal Flash  /0x08000000/256*0004Kg", "33", "has other flash"),
        ("UNKNOWN", "UNKNOWN", "does not say what it is"),
    ],
)
def test_another_chip_in_dfu_is_left_alone(
    memory: str, serial: str, words: str, bench: Bench
) -> None:
    bench.lists([rom("1-1", memory, serial)])
    code, error = bench.upload()
    assert (code in {2, 3}, words in error) == (True, True)
    bench.lists([rom("1-1", memory, serial), rom("1-2")])
    if memory != "UNKNOWN":
        assert bench.upload()[0] == 7, "it cannot be meant where the board is there"
        assert bench.uploads == ["1-2"]


def test_another_chip_in_dfu_does_not_stop_the_upload_to_a_running_board(bench: Bench) -> None:
    bench.plug("/dev/a")
    bench.lists([rom("1-4", OTHER)], [rom("1-4", OTHER), rom("1-0")])
    assert bench.upload()[0] == 7
    assert (bench.touched, bench.uploads) == (["/dev/a"], ["1-0"])


@pytest.mark.parametrize("port", [None, "3677"])
@pytest.mark.parametrize("beside", [[], [rom("1-4", OTHER, "1")]])
def test_one_in_dfu_that_may_not_be_opened_is_told_with_what_mends_it(
    port: str | None, beside: list[str], bench: Bench
) -> None:
    bench.lists([REFUSED[0], *beside])
    code, error = bench.upload(port)
    assert (code, UDEV in error, "BOOT0" in error) == (3, True, False)


@pytest.mark.parametrize("port", [None, "/dev/a"])
def test_a_restarted_board_that_may_not_be_opened_is_told_with_what_mends_it(
    port: str | None, bench: Bench
) -> None:
    bench.plug("/dev/a")
    stranger = [REFUSED[1]] if port else []  # which might be meant where no board is named
    bench.lists(stranger, [*stranger, REFUSED[0]])
    code, error = bench.upload(port)
    assert (code, UDEV in error) == (3, True)
    assert (bench.touched, bench.uploads) == (["/dev/a"], [])


def test_one_that_may_not_be_opened_may_be_the_board_beside_a_running_one(bench: Bench) -> None:
    bench.plug("/dev/a")
    bench.lists([REFUSED[0]])
    code, error = bench.upload()
    assert (code, UDEV in error, bench.touched) == (3, True, [])
    code, error = bench.upload("/dev/a")
    assert (code, "did not come up in DFU" in error) == (3, True), (
        "the refused one was there before"
    )


@pytest.mark.parametrize("which", ["listing", "upload"])
def test_a_program_that_does_not_end_is_ended(
    which: str, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.lists([rom("1-1")])
    bench.install(**{which: "exec sleep 60"})
    monkeypatch.setattr(dfu, "LIST_TIMEOUT_S", 0.2 if which == "listing" else 60)
    monkeypatch.setattr(outcome, "TOOL_TIMEOUT_S", 0.2)
    code, error = bench.upload()
    assert code == (3 if which == "listing" else 2)
    assert "did not end in 0.2 s" in error


@pytest.mark.parametrize("memory", [FLASH, "@Internal Flash /0x08000000/256*2Kg,256*2Kg"])
def test_the_boards_flash_is_known_in_each_writing(memory: str) -> None:
    assert Waiting("1-1", memory, "33").could_be(TILE)


def test_somebody_elses_device_with_the_id_of_everybodys_is_not_touched(bench: Bench) -> None:
    bench.plug("/dev/a", maker="STMicroelectronics")
    code, error = bench.upload()
    assert code == 3
    assert "says that STMicroelectronics made it, not this firmware" in error
    code, error = bench.upload("/dev/a")
    said = "/dev/a is no ST SensorTile (STEVAL-STLKT01V1): neither one that runs this firmware nor"
    assert (code, said in error) == (2, True)
    assert (bench.touched, bench.uploads) == ([], [])


def test_one_that_does_not_come_up_is_told_what_to_do(bench: Bench) -> None:
    bench.plug("/dev/a")
    bench.lists([], [rom("1-9")])
    code, error = bench.upload()
    assert (code, "did not come up in DFU; start it with BOOT0 high" in error) == (3, True)
    assert (bench.touched, bench.uploads) == (["/dev/a"], [])


def test_without_dfu_util_the_board_is_left_alone(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.plug("/dev/a")
    monkeypatch.setenv("PATH", "/nowhere")
    code, error = bench.upload()
    assert (code, "upload: dfu-util is not on PATH" in error, bench.touched) == (2, True, [])


@pytest.mark.parametrize("which", ["listing", "upload"])
def test_ctrl_c_is_one_line(which: str, bench: Bench) -> None:
    """The terminal's Ctrl-C reaches the uploader and the program that it runs."""
    begun = bench.folder / "begun"
    bench.lists([rom("1-1")])
    bench.install(**{which: f": > {begun}; exec sleep 60"})
    process = subprocess.Popen(
        [sys.executable, "-m", "hil.upload.dfu", "--port", "1-1", bench.folder / "firmware.bin"],
        cwd=PROJECT_DIR, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while not begun.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130
    assert error.strip().startswith("upload: interrupted")
    assert "Traceback" not in error
