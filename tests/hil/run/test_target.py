"""A board with another model is uploaded to by itself only where it is surely that board."""

from __future__ import annotations

from pathlib import Path

import pytest
from fake_device import MODEL
from mishaps import Listed

from hil.backend.base import Transport
from hil.backend.host import HostBackend, build_host
from hil.board import Board, load_board
from hil.errors import IdentityError
from hil.model_folder import load_model_folder
from hil.run.target import Wanted, connect

OTHER_MODEL = MODEL.with_name("dense")


class OnAPort(HostBackend):
    """The reference firmware, a process, behind a serial port."""

    name = "hardware"

    def check(self, board: Board, port: str | None) -> None:
        """It is there."""

    def open(self, board: Board, elf: Path | None, port: str | None) -> Transport:
        return super().open(board, build_host(board, None), None)


def device_id(board: Board) -> str:
    with connect(board, Wanted("host"), load_model_folder(MODEL), lambda _: None) as target:
        return f"{target.identity.device_id:016X}"


def uploads(board: Board, listed: list[Listed], monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Run on a board on an adapter that carries another model; return the ports uploaded to."""
    made: list[object] = []
    monkeypatch.setattr("serial.tools.list_ports.comports", lambda: listed)
    monkeypatch.setattr("hil.run.target.load", lambda *_: OnAPort())
    monkeypatch.setattr("hil.run.target.upload", lambda _b, _m, port=None: made.append(port))
    wanted = Wanted("hardware", "/dev/ttyUSB0")
    with (
        pytest.raises(IdentityError, match=f"tinyhil flash --board {board.name}"),
        connect(board, wanted, load_model_folder(OTHER_MODEL), lambda _: None),
    ):
        pass
    return made


def test_on_an_adapter_the_only_board_on_usb_may_be_anothers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    nano = load_board("nano33")
    another = Listed(*nano.usb_ids[0], "/dev/ttyACM0", "BBBBBBBBBBBBBBBB")
    assert uploads(nano, [another], monkeypatch) == []


def test_its_own_port_is_known_by_the_chips_number(monkeypatch: pytest.MonkeyPatch) -> None:
    nano = load_board("nano33")
    own = Listed(*nano.usb_ids[0], "/dev/ttyACM1", device_id(nano))
    another = Listed(*nano.usb_ids[0], "/dev/ttyACM0", "BBBBBBBBBBBBBBBB")
    assert uploads(nano, [another, own], monkeypatch) == ["/dev/ttyACM1"]


def test_which_board_hangs_on_a_probe_nobody_says(monkeypatch: pytest.MonkeyPatch) -> None:
    tile = load_board("sensortile")
    assert uploads(tile, [], monkeypatch) == []
