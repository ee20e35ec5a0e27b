"""Which link a run goes over: what can be asked for, and what a port turns out to be."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from serial.tools import list_ports

from hil.backend.base import load
from hil.backend.port_link import checked_link, link_of
from hil.board import load_board
from hil.errors import InputError
from hil.links import words

NANO = load_board("nano33")


@pytest.fixture
def ports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Ports as pyserial lists them: the Nano's own, its bootloader's, an adapter's."""
    ids = {"own": (0x2341, 0x805A), "bootloader": (0x2341, 0x005A), "adapter": (0x0403, 0x6001)}
    found = [
        SimpleNamespace(
            device=str(tmp_path / name),
            vid=vid,
            pid=pid,
            serial_number=None,
            location=None,
            description=None,
            manufacturer=None,
        )
        for name, (vid, pid) in ids.items()
    ]
    monkeypatch.setattr(list_ports, "comports", lambda: found)
    return {name: str(tmp_path / name) for name in ids}


def test_a_port_tells_its_link_by_its_usb_ids(ports: dict[str, str], tmp_path: Path) -> None:
    by_id = tmp_path / "by-id"
    by_id.symlink_to(ports["own"])
    assert link_of(ports["own"], NANO) == link_of(str(by_id), NANO) == "usb"
    assert link_of(ports["bootloader"], NANO) == "usb"
    assert link_of(ports["adapter"], NANO) == "uart"
    assert link_of(ports["own"], load_board("sensortile")) == "uart"
    for unseen in ("/dev/pts/7", "socket://localhost:1", "loop://"):
        assert link_of(unseen, NANO) == "unknown"


def test_what_was_asked_for_is_held_against_the_port(ports: dict[str, str]) -> None:
    assert checked_link(ports["own"], NANO, "unknown") == "usb"
    assert checked_link(ports["adapter"], NANO, "uart") == "uart"
    assert checked_link("/dev/pts/7", NANO, "usb") == "usb"
    with pytest.raises(InputError, match=r"own is 2341:805a, nano33's own USB; leave out --via"):
        checked_link(ports["own"], NANO, "uart")
    with pytest.raises(InputError, match=r"adapter is not 2341:805a"):
        checked_link(ports["adapter"], NANO, "usb")


@pytest.mark.parametrize(
    ("backend", "via", "expected"),
    [("embedded", "auto", "auto"), ("embedded", "usb", "usb"), ("renode", "auto", "uart"),
     ("host", "auto", "process"), ("hardware", "auto", "unknown"), ("hardware", "usb", "usb")],
)  # fmt: skip
def test_a_back_end_says_what_its_bytes_go_through(backend: str, via: str, expected: str) -> None:
    assert load(backend, via).via == expected


@pytest.mark.parametrize(("backend", "has"), [("renode", "has uart"), ("host", "no link of a")])
def test_a_link_that_is_not_there_is_refused(backend: str, has: str) -> None:
    with pytest.raises(InputError, match=f"^--via usb: the {backend} back end .*{has}"):
        load(backend, "usb")


def test_a_record_from_elsewhere_gets_no_words_of_its_own() -> None:
    assert words("usb") == "USB"
    assert words("<b>carrier pigeon</b>") == words("unknown")
