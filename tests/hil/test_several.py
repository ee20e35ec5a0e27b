"""Several boards in one pytest run, in parallel, and boards found by what they are."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from hil.backend.base import choose
from hil.backend.hardware import HardwareBackend
from hil.board import load_board
from hil.errors import InputError
from hil.ports import find
from hil.record import load_run
from hil.several import file_of, ports_of

NANO, TILE = load_board("nano33"), load_board("sensortile")


def test_two_boards_in_two_processes_are_not_mixed_up(pytester: pytest.Pytester) -> None:
    result = pytester.run(
        sys.executable, "-m", "pytest", "--pyargs", "hil.suite", "--board", "nano33", "--board",
        "sensortile", "--backend", "host", "--limit", "12", "-n", "2", "-v", "-p",
        "no:cacheprovider", "--record", "run.json",
    )  # fmt: skip
    text = result.stdout.str()
    counts = result.parseoutcomes()
    assert counts.get("passed", 0) >= 30, text
    workers: dict[str, set[str]] = {"nano33": set(), "sensortile": set()}
    for line in result.outlines:
        for board, seen in workers.items():
            if re.match(r"\[gw\d\]", line) and f"[{board}" in line:
                seen.add(line[:5])
    assert all(len(w) == 1 for w in workers.values()), f"a board in two processes: {workers}"
    assert workers["nano33"] != workers["sensortile"], "and two boards run side by side"
    for board in (NANO, TILE):
        run = load_run(pytester.path / f"run.{board.name}.json")
        assert run.identity.board == board.name
        assert run.incomplete is None
        assert f"record: run.{board.name}.json" in text, "the verdicts are told at the end"
    assert "INTERNALERROR" not in text


def test_every_board_has_its_port() -> None:
    both = ["nano33", "sensortile"]
    assert ports_of(both, []) == {"nano33": None, "sensortile": None}
    assert ports_of(["nano33"], ["/dev/a"]) == {"nano33": "/dev/a"}
    assert ports_of(["nano33"], ["socket://h:1?x=y"]) == {"nano33": "socket://h:1?x=y"}
    asked = ["sensortile=/dev/b", "nano33=ABC"]
    assert ports_of(both, asked) == {"nano33": "ABC", "sensortile": "/dev/b"}


@pytest.mark.parametrize(
    ("boards", "asked", "words"),
    [
        (["nano33", "sensortile"], ["/dev/a"], "whose"),
        (["nano33"], ["sensortile=/dev/a"], "there is no --board sensortile"),
        (["nano33"], ["/dev/a", "/dev/b"], "has a port already"),
    ],
)
def test_a_port_of_nobody_is_refused(boards: list[str], asked: list[str], words: str) -> None:
    with pytest.raises(InputError, match=words):
        ports_of(boards, asked)


def test_several_boards_write_several_files() -> None:
    path = Path("out/run.json")
    assert file_of(path, "nano33", ["nano33"]) == path
    assert file_of(path, "nano33", ["nano33", "sensortile"]) == Path("out/run.nano33.json")
    assert file_of(None, "nano33", ["nano33", "sensortile"]) is None


@dataclass
class Listed:
    device: str
    serial_number: str
    vid: int = NANO.usb_ids[0][0]
    pid: int = NANO.usb_ids[0][1]
    location: str | None = None
    description: str = ""
    manufacturer: str | None = None


def plug(monkeypatch: pytest.MonkeyPatch, *ports: Listed) -> None:
    monkeypatch.setattr("serial.tools.list_ports.comports", lambda: list(ports))


def test_a_board_is_found_by_what_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    other = Listed("/dev/ttyACM0", "1", vid=0x1234)
    plug(monkeypatch, other)
    assert choose("auto", None, NANO) == "embedded"
    with pytest.raises(InputError, match="no nano33 on USB: give --port"):
        HardwareBackend().open(NANO, None, None)
    plug(monkeypatch, other, Listed("/dev/ttyACM1", "ABC"))
    assert choose("auto", None, NANO) == "hardware"
    assert choose("auto", None, TILE) == "embedded"
    assert find(NANO, None) == "/dev/ttyACM1"
    assert find(NANO, "/dev/ttyACM0") == "/dev/ttyACM0", "who names a port means it"


def test_of_two_boards_the_number_says_which(monkeypatch: pytest.MonkeyPatch) -> None:
    plug(monkeypatch, Listed("/dev/ttyACM1", "DEF"), Listed("/dev/ttyACM0", "ABC"))
    with pytest.raises(InputError, match=r"ACM0, serial number ABC; /dev/ttyACM1, serial number D"):
        find(NANO, None)
    assert find(NANO, "DEF") == "/dev/ttyACM1"
