"""The Nano's uploader against an emulated bootloader: whole, damaged, and interrupted anywhere."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fake_bootloader import NANO, PAGE, FakeBootloader, image_of
from hypothesis import given
from hypothesis import strategies as st

from hil.board import PROJECT_DIR
from hil.errors import DeviceError
from hil.upload import sam_ba
from hil.upload.__main__ import main, upload
from hil.upload.image import read_image

Start = Callable[..., FakeBootloader]
#: Commands of an upload of three pages: S, Y, Y for each page written, the first one twice.
COMMANDS = ["N", "V", "I", *["S", "Y", "Y"] * 3, "Z", "S", "Y", "Y", "Z", "K"]


@pytest.fixture
def start() -> Iterator[Start]:
    fakes: list[FakeBootloader] = []

    def begin(**options: object) -> FakeBootloader:
        fakes.append(FakeBootloader(**options))  # type: ignore[arg-type]
        fakes[-1].start()
        return fakes[-1]

    yield begin
    for fake in fakes:
        fake.stop()


def image_file(folder: Path, size: int) -> Path:
    path = folder / "firmware.bin"
    path.write_bytes(image_of(size))
    return path


@pytest.mark.parametrize("size", [8, PAGE - 1, PAGE, PAGE + 1, 5 * PAGE])
def test_an_image_arrives_whole(start: Start, tmp_path: Path, size: int) -> None:
    board = start()
    assert main(["--port", board.port, str(image_file(tmp_path, size))]) == 0
    pages = -(-size // PAGE)
    assert board.flash[:size] == image_of(size)
    assert board.flash[size : pages * PAGE] == b"\xff" * (pages * PAGE - size)
    assert set(board.flash[pages * PAGE :]) == {0xA5}, "nothing behind it was touched"
    assert board.restarted.wait(5)
    assert not board.stays


def test_the_first_page_is_written_last(start: Start, tmp_path: Path) -> None:
    board = start()
    upload(NANO, read_image(image_file(tmp_path, 3 * PAGE), NANO), board.port)
    assert board.restarted.wait(5)
    assert board.commands == COMMANDS


@pytest.mark.parametrize("after", range(len(COMMANDS) - 1))
def test_pulled_at_any_step_it_can_be_uploaded_again(
    start: Start, tmp_path: Path, after: int
) -> None:
    path = image_file(tmp_path, 3 * PAGE)
    board = start(unplug_after=after)
    before = bytes(board.flash)
    with pytest.raises(DeviceError) as caught:
        upload(NANO, read_image(path, NANO), board.port)
    assert "\n" not in str(caught.value)
    whole = bytes(board.flash[: 3 * PAGE]) == path.read_bytes()
    assert bytes(board.flash) == before or board.stays or whole, "half an application would start"
    again = start(flash=bytes(board.flash))
    upload(NANO, read_image(path, NANO), again.port)
    assert again.restarted.wait(5)
    assert again.flash[: 3 * PAGE] == path.read_bytes()


@pytest.mark.parametrize("page", [0, 1, 2])
def test_a_page_that_did_not_take_is_noticed(start: Start, tmp_path: Path, page: int) -> None:
    board = start()
    board.faulty_page = page
    with pytest.raises(DeviceError, match=r"does not hold what was written.*upload again"):
        upload(NANO, read_image(image_file(tmp_path, 3 * PAGE), NANO), board.port)
    assert not board.restarted.is_set()
    if page:
        assert board.stays
        board.faulty_page = None
        upload(NANO, read_image(image_file(tmp_path, 3 * PAGE), NANO), board.port)
        assert not board.stays


@pytest.mark.parametrize(
    ("options", "asked"),
    [({"version": b"Bootloader 1.0 [Arduino:IKXY]"}, 0), ({"mute": "Z"}, 1)],
    ids=["says that it has none", "has none"],
)
def test_a_bootloader_without_checksums_is_written_to_and_that_is_told(  # noqa: PLR0917 - a row
    start: Start,
    tmp_path: Path,
    options: dict[str, Any],
    asked: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sam_ba, "ANSWER_TIMEOUT_S", 0.3)
    board = start(**options)
    assert main(["--port", board.port, str(image_file(tmp_path, 3 * PAGE))]) == 0
    assert board.restarted.wait(5)
    assert board.flash[: 3 * PAGE] == image_of(3 * PAGE)
    written = COMMANDS[: COMMANDS.index("Z")]
    assert board.commands == [*written, *"ZN" * asked, "S", "Y", "Y", "K"]
    said = capsys.readouterr().out
    assert "not verified" in said
    assert "and verified" not in said


@pytest.mark.parametrize("pages", [1, 3])
def test_one_that_dies_at_the_last_checksum_is_not_told_as_one_without_checksums(
    start: Start,
    tmp_path: Path,
    pages: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sam_ba, "ANSWER_TIMEOUT_S", 0.3)
    last = {1: 3 + 2 * 3, 3: len(COMMANDS) - 2}[pages]  # the first of one page is its only one
    board = start(dies_after=last)
    assert main(["--port", board.port, str(image_file(tmp_path, pages * PAGE))]) == 3
    assert board.commands[-1] == "Y"
    assert ("Z" in board.commands) == (pages > 1)
    assert board.flash[: pages * PAGE] == image_of(pages * PAGE), "all of it had been written"
    said = capsys.readouterr()
    assert "upload: the bootloader does not answer; double-tap the reset button" in said.err
    assert "written" not in said.out


@pytest.mark.parametrize("extensions", [b"IKXZ", b"IXYZ"])
def test_a_bootloader_that_cannot_write_or_restart_is_left_alone(
    start: Start, tmp_path: Path, extensions: bytes
) -> None:
    board = start(version=b"Bootloader 1.0 [Arduino:" + extensions + b"]")
    with pytest.raises(DeviceError, match="not a Nano 33 BLE's bootloader"):
        upload(NANO, read_image(image_file(tmp_path, PAGE), NANO), board.port)
    assert "S" not in board.commands


def test_ctrl_c_is_one_line_and_the_board_can_be_uploaded_again(
    start: Start, tmp_path: Path
) -> None:
    board = start(mute="Y")  # so that the upload waits in the midst
    path = image_file(tmp_path, 3 * PAGE)
    process = subprocess.Popen(
        [sys.executable, "-m", "hil.upload", "--port", board.port, str(path)],
        cwd=PROJECT_DIR, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while "Y" not in board.commands and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130
    assert error.strip().splitlines()[-1].startswith("upload: interrupted")
    assert "Traceback" not in error
    board.mute = ""
    upload(NANO, read_image(path, NANO), board.port)
    assert board.flash[: 3 * PAGE] == path.read_bytes()


def test_another_device_is_left_alone(start: Start, tmp_path: Path) -> None:
    other = start(version=b"v1.0 \x1b[2J something else")
    with pytest.raises(DeviceError, match="not a Nano 33 BLE's bootloader") as caught:
        upload(NANO, read_image(image_file(tmp_path, PAGE), NANO), other.port)
    assert "\x1b" not in str(caught.value)
    assert "S" not in other.commands


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
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sam_ba, "ANSWER_TIMEOUT_S", 0.0)
        with pytest.raises(DeviceError) as caught:
            sam_ba.Bootloader(Canned(noise)).identify()
    assert "\n" not in str(caught.value)
