"""From a SensorTile that runs its firmware to dfu-util, by a touch; bus and tool are made up."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from hil.board import load_board
from hil.upload import dfu

PROGRAM, _ROM = load_board("sensortile").usb_ids


@pytest.fixture
def touched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ports that were touched; waiting takes no time."""
    found: list[str] = []
    monkeypatch.setattr(dfu, "touch", lambda device, _hint: found.append(device))
    monkeypatch.setattr(dfu, "POLL_S", 0.001)
    monkeypatch.setattr(dfu, "RESTART_TIMEOUT_S", 0.5)
    return found


@pytest.fixture
def tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A dfu-util that finds the board when it has been looked for `after` times; its calls."""
    calls, after = tmp_path / "calls", tmp_path / "after"
    after.write_text("2")
    script = tmp_path / "dfu-util"
    script.write_text(
        f'#!/bin/sh\necho "$*" >> {calls}\n'
        f'test "$1" != -l && exit 7\ntest $(wc -l < {calls}) -le $(cat {after}) || '
        'echo "Found DFU: [0483:df11] ver=2200"\n'
    )
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return calls


def plug(monkeypatch: pytest.MonkeyPatch, *devices: str) -> None:
    vid, pid = PROGRAM
    listed = [
        SimpleNamespace(device=d, vid=vid, pid=pid, serial_number=d[-1], location=None,
                        description=None, manufacturer="tinyhil")
        for d in devices
    ]  # fmt: skip
    monkeypatch.setattr("serial.tools.list_ports.comports", lambda: listed)


def test_a_running_board_is_touched_and_waited_for(
    touched: list[str], tool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plug(monkeypatch, "/dev/a")
    assert dfu.main(["dfu-util", "-a", "0"]) == 7, "dfu-util's own exit code"
    assert touched == ["/dev/a"]
    assert tool.read_text().splitlines() == [*["-l -d 0483:df11"] * 3, "-a 0"]


def test_one_that_waits_in_dfu_is_taken_as_it_is(
    touched: list[str], tool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plug(monkeypatch)
    dfu.main(["dfu-util", "-a", "0"])
    assert touched == []
    assert tool.read_text().splitlines() == ["-a 0"]


def test_of_several_boards_none_is_guessed(
    touched: list[str],
    tool: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    plug(monkeypatch, "/dev/a", "/dev/b")
    assert dfu.main(["dfu-util", "-a", "0"]) == 2
    assert "upload: 2 boards could be meant (/dev/a, serial number a;" in capsys.readouterr().err
    assert not tool.exists()
    dfu.main(["--port", "/dev/b", "dfu-util", "-a", "0"])
    assert touched == ["/dev/b"]


def test_one_that_does_not_come_up_is_told_what_to_do(
    touched: list[str],
    tool: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    plug(monkeypatch, "/dev/a")
    (tool.parent / "after").write_text("1000000")
    assert dfu.main(["dfu-util", "-a", "0"]) == 3
    assert "did not come up in DFU; start it with BOOT0 high" in capsys.readouterr().err
    assert "-a 0" not in tool.read_text().splitlines()


def test_without_dfu_util_the_board_is_left_alone(
    touched: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plug(monkeypatch, "/dev/a")
    monkeypatch.setenv("PATH", "/nowhere")
    assert dfu.main(["dfu-util"]) != 0
    assert "upload: dfu-util is not on PATH" in capsys.readouterr().err
    assert touched == []
