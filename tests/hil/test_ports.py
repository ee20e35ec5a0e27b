"""Ports by what they are: adapters with two, ids that are everybody's, two names for one port."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from hil import ports
from hil.backend.base import choose
from hil.board import PROJECT_DIR, load_board
from hil.errors import InputError, LinkError
from hil.model_folder import load_model_folder
from hil.run import target
from hil.several import ports_of

NANO, TILE = load_board("nano33"), load_board("sensortile")
MODEL = PROJECT_DIR / "test_vectors" / "models" / "dense"
FTDI = (0x0403, 0x6010)


@dataclass(frozen=True)
class Listed:
    """One port as pyserial lists it."""

    device: str
    ids: tuple[int, int]
    serial_number: str | None = "ABC"
    location: str | None = None
    manufacturer: str | None = None
    description: str = ""

    @property
    def vid(self) -> int:
        return self.ids[0]

    @property
    def pid(self) -> int:
        return self.ids[1]


def plug(monkeypatch: pytest.MonkeyPatch, *there: Listed) -> list[ports.Port]:
    monkeypatch.setattr("serial.tools.list_ports.comports", lambda: list(there))
    return ports.serial_ports()


@pytest.mark.parametrize("number", ["ABC", None])
def test_each_port_of_a_double_adapter_comes_back_as_itself(
    monkeypatch: pytest.MonkeyPatch, number: str | None
) -> None:
    first = Listed("/dev/ttyUSB0", FTDI, number, "1-2:1.0")
    second = replace(first, device="/dev/ttyUSB1", location="1-2:1.1")
    before = plug(monkeypatch, first, second)
    plug(monkeypatch, replace(first, device="/dev/ttyUSB3"), replace(second, device="/dev/ttyUSB2"))
    assert [p.again().device for p in before] == ["/dev/ttyUSB3", "/dev/ttyUSB2"]
    plug(monkeypatch, replace(first, device="/dev/ttyUSB3"))
    with pytest.raises(LinkError, match=r"/dev/ttyUSB1.* is not there"):
        before[1].again()


def test_of_adapters_that_share_a_number_the_socket_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    one = Listed("/dev/ttyUSB0", FTDI, "0001", "1-2")
    other = replace(one, device="/dev/ttyUSB1", location="1-3")
    before = plug(monkeypatch, one, other)
    plug(monkeypatch, replace(other, device="/dev/ttyUSB0"), replace(one, device="/dev/ttyUSB1"))
    assert [p.again().device for p in before] == ["/dev/ttyUSB1", "/dev/ttyUSB0"]
    plug(monkeypatch, replace(one, location="1-9"))
    assert before[0].again().location == "1-9", "the only one with its number may have moved"


STRANGER = Listed("/dev/ttyACM0", TILE.usb_ids[0], "3573", "1-1:1.0", "STMicroelectronics")


def test_an_id_of_everybodys_makes_no_board(monkeypatch: pytest.MonkeyPatch) -> None:
    plug(monkeypatch, STRANGER)
    assert choose("auto", None, TILE) == "embedded"
    said = r"no sensortile on USB \(/dev/ttyACM0, .* 3573 says that STMicroelectronics made it, not"
    with pytest.raises(InputError, match=said):
        ports.find(TILE, None)
    own = replace(STRANGER, device="/dev/ttyACM1", serial_number="1", manufacturer=ports.MAKER)
    plug(monkeypatch, STRANGER, own)
    assert ports.find(TILE, None) == "/dev/ttyACM1", "one board and a stranger are no two boards"
    assert ports.find(TILE, "/dev/ttyACM0") == "/dev/ttyACM0", "who names a port means it"


def test_auto_says_which_ports_it_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    plug(monkeypatch, STRANGER)
    monkeypatch.setattr(target, "_booted", lambda *_: None)
    said: list[str] = []
    with target.connect(TILE, target.Wanted("auto"), load_model_folder(MODEL), said.append):
        assert "(chosen by --backend auto) (/dev/ttyACM0, serial number 3573 says" in said[0]


def test_an_id_of_the_boards_own_needs_no_maker(monkeypatch: pytest.MonkeyPatch) -> None:
    plug(monkeypatch, Listed("/dev/ttyACM0", NANO.usb_ids[0], manufacturer="Arduino"))
    assert ports.find(NANO, None) == "/dev/ttyACM0"


def test_two_boards_have_two_ports(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    plug(monkeypatch, Listed("/dev/ttyUSB0", FTDI, "A1"), Listed("/dev/ttyUSB1", FTDI, "A2"))
    link = tmp_path / "by-id"
    link.symlink_to("/dev/ttyUSB0")
    boards = ["nano33", "sensortile"]
    for one, other in (("/dev/ttyUSB0", "/dev/ttyUSB0"), ("/dev/ttyUSB0", str(link)),
                       (str(link), "A1"), ("loop://", "loop://")):  # fmt: skip
        with pytest.raises(InputError, match="that port is nano33's already"):
            ports_of(boards, [f"nano33={one}", f"sensortile={other}"])
    asked = ["nano33=A1", "sensortile=/dev/ttyUSB1"]
    assert ports_of(boards, asked) == {"nano33": "A1", "sensortile": "/dev/ttyUSB1"}
