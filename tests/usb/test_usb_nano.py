"""The Nano's USB where its controller wants it by the book: left over, in between, late."""

from __future__ import annotations

import pytest
from board_bench import HELLO, LINK, Bench

from hil.board import load_board
from hil.emulator.usb_host import Data, request
from hil.firmware.build import build
from hil.wire.frame import Frame, encode


@pytest.fixture
def nano() -> Bench:
    nano = load_board("nano33")
    return Bench(nano, build(nano, None))


def test_the_nano_comes_up_though_its_hidden_registers_were_left_open(nano: Bench) -> None:
    """As by a bootloader that wrote the key once."""
    nano.machine.bus.write(0x4006EC00, 4, 0x9375)
    nano.plug()


def test_a_setup_that_comes_while_another_is_read_is_the_one_that_counts(
    nano: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The nRF52840 has one place for them, and half of each is no request."""
    nano.plug()
    host, usb = nano.host, nano.cable.controller
    halves, read = [request(2, 3, 0, 0x81), request(0x82, 0, 0, 0x82, 2)], usb.read

    def reads(offset: int, size: int) -> int:
        if offset == 0x480 + 4 * 4 and len(halves) == 1:
            assert host.port.setup(host._address, halves.pop())
        return read(offset, size)

    monkeypatch.setattr(usb, "read", reads)
    assert host.port.setup(host._address, halves.pop(0))
    usb.update()
    nano.run()
    assert not halves
    assert host.port.token_in(host._address, 0) == Data(1, bytes(2))


def test_the_nano_shows_itself_once_usb_s_regulator_is_ready(nano: Bench) -> None:
    """VBUS is there at the start already; the regulator needs some milliseconds."""
    nano.machine.chip.settle = lambda: None  # type: ignore[method-assign]
    nano.cable.plug(True)
    nano.run()
    assert not nano.cable.controller.port.attached
    assert nano.ask(nano.machine.core.uart, HELLO)
    del nano.machine.chip.settle
    nano.run()
    assert nano.host.streams


def test_pulled_before_the_packet_that_came_is_seen(nano: Bench) -> None:
    """POWER's handler comes before USBD's, which then finds its controller switched off."""
    nano.plug()
    assert nano.ask(nano.cable, HELLO)
    nano.cable.from_host.push(encode(Frame(LINK.TYPE, 1, LINK.encode())))
    assert nano.cable.step()
    nano.cable.plug(False)
    nano.run()
    assert nano.ask(nano.machine.core.uart, HELLO)


def test_pulled_before_the_setup_that_came_is_seen(nano: Bench) -> None:
    """Nor is it answered when the cable is in again."""
    nano.plug()
    assert nano.host.port.setup(nano.host._address, request(0x80, 8, 0, 0, 1))
    nano.cable.controller.update()
    nano.cable.plug(False)
    nano.run()
    assert nano.ask(nano.machine.core.uart, HELLO)
    nano.plug()
    assert nano.ask(nano.cable, HELLO)
