"""`--via auto` in emulation: both links are attached, and one is taken, on both boards' images."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from hil.backend import both_links
from hil.backend.base import load
from hil.backend.both_links import take_link
from hil.backend.embedded import EmbeddedBackend
from hil.board import Board, load_board
from hil.device import Device
from hil.firmware.build import build

BOARDS = ("nano33", "sensortile")
NOISE = random.Random(3).randbytes(2000)
WINDOW = random.Random(4).randbytes(300)
RETURN_0 = bytes.fromhex("00207047")  # movs r0, #0; bx lr


@pytest.fixture(scope="module", params=BOARDS)
def board(request: pytest.FixtureRequest) -> Board:
    return load_board(request.param)


@pytest.fixture(scope="module")
def elf(board: Board) -> Path:
    return build(board, None)


@contextmanager
def opened(board: Board, elf: Path, backend: EmbeddedBackend) -> Iterator[Device]:
    try:
        yield Device(backend.open(board, elf, None))
    finally:
        backend.close()


def test_usb_is_taken_and_an_inference_costs_what_it_does_over_the_uart(
    board: Board, elf: Path
) -> None:
    costs = {}
    for asked in ("auto", "uart"):
        backend = load("embedded", asked)
        assert isinstance(backend, EmbeddedBackend)
        with opened(board, elf, backend) as device:
            assert device.identify().board == board.name
            costs[backend.via] = [next(iter(device.infer([WINDOW]))).cycles for _ in range(3)]
            assert ("--via auto" in backend.description) is (asked == "auto")
    assert list(costs) == ["usb", "uart"]
    assert len({*costs["usb"], *costs["uart"]}) == 1


def test_without_its_cable_the_uart_is_taken_and_kept_when_it_comes(
    board: Board, elf: Path
) -> None:
    backend = EmbeddedBackend(via="auto", cable=False)
    with opened(board, elf, backend) as device:
        assert backend.via == "uart"
        device.identify()
        assert not backend.request("usb", action="plug")["open"]
        device.discard([WINDOW] * 20)
        assert backend.request("usb", action="state")["open"], "it enumerates meanwhile"
        assert device.identify().board == board.name
        assert take_link(backend.request, backend.transport) == "usb"
        assert Device(backend.transport).identify().board == board.name


def test_noise_on_either_link_first_changes_nothing(board: Board, elf: Path) -> None:
    backend = EmbeddedBackend(via="auto")
    with opened(board, elf, backend):
        for noisy in ("uart", "usb"):
            backend.request("join", via=noisy)
            backend.transport.write(NOISE)
            backend.request("sync")
            backend.transport.read(0.01)
            assert take_link(backend.request, backend.transport) == "usb"
            assert Device(backend.transport).identify().board == board.name


def test_where_usb_enumerates_and_does_not_answer_the_uart_is_taken(
    board: Board, elf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with elf.open("rb") as file:
        symbols = ELFFile(file).get_section_by_name(".symtab")
        (is_open,) = symbols.get_symbol_by_name("usb_cdc_is_open")
    monkeypatch.setattr(both_links, "HELLO_S", 0.3)
    backend = EmbeddedBackend(via="auto")
    with opened(board, elf, backend):
        address = int(is_open["st_value"]) & ~1
        backend.request("poke", address=address, data=RETURN_0.hex())
        assert take_link(backend.request, backend.transport) == "uart"
        assert Device(backend.transport).identify().board == board.name
