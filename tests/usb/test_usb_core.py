"""Chapter 9 and the CDC requests, as a host sees them; the stream in both directions."""

from __future__ import annotations

import ctypes
import random

import pytest
from core_port import CorePort, finish, pump

from hil.emulator.usb_host import Data, Nak, StalledError, UsbHost, request

SERIAL_STATE = bytes.fromhex("a1 20 0000 0000 0200")


def refused(host: UsbHost, packet: bytes, data: bytes = b"") -> bool:
    try:
        finish(host.control(packet, data))
    except StalledError:
        return True
    return False


def test_the_states_of_chapter_9(port: CorePort) -> None:
    host = UsbHost(port)
    get_configuration = request(0x80, 8, 0, 0, 1)
    assert refused(host, get_configuration)
    assert refused(host, request(0, 9, 1)), "configured without an address"
    finish(host.control(request(0, 5, 5)))
    host._address = 5
    assert finish(host.control(get_configuration)) == b"\0"
    assert refused(host, request(0x21, 0x22, 1)), "the function is not there yet"
    finish(host.control(request(0, 9, 1)))
    assert finish(host.control(get_configuration)) == b"\1"
    assert refused(host, request(0, 5, 6)), "an address is not changed under way"
    finish(host.control(request(0, 9, 0)))
    assert finish(host.control(get_configuration)) == b"\0"
    port.bus_reset()
    host._address = 0
    assert refused(host, get_configuration)
    assert finish(host.descriptor(1, 0, 18))[:2] == b"\x12\x01"


@pytest.mark.parametrize(
    "packet",
    [request(0, 9, 2), request(0, 5, 128), request(0, 3, 1), request(0, 3, 2, 0x100),
     request(1, 11, 1, 0), request(1, 11, 0, 2), request(0x81, 10, 0, 2, 1),
     request(0x82, 0, 0, 3, 2), request(2, 3, 0, 0), request(2, 3, 1, 0x82),
     request(0x82, 12, 0, 0x82, 2), request(0, 7, 0x100, 0, 18), request(0x40, 1),
     request(0xC0, 1, 0, 0, 8), request(0x21, 0x22, 4), request(0x21, 0x22, 1, 1),
     request(0x21, 0x23, 10, 1), request(0x21, 0x20, 0, 0, 6), request(0x21, 0x20, 0, 0, 8),
     request(0xA1, 0x21, 0, 1, 7), request(0xFF, 0xFF, 0xFFFF, 0xFFFF, 0xFFFF)],
)  # fmt: skip
def test_what_is_not_offered_is_refused_and_nothing_changes(host: UsbHost, packet: bytes) -> None:
    assert refused(host, packet, bytes(8))
    assert finish(host.control(request(0x80, 8, 0, 0, 1))) == b"\1"
    assert finish(host.control(request(0xA1, 0x21, 0, 0, 7))) == bytes.fromhex("00c20100000008")


def test_status_interfaces_and_halts(host: UsbHost) -> None:
    def status(kind: int, index: int) -> bytes:
        return finish(host.control(request(kind, 0, 0, index, 2)))

    assert status(0x80, 0) == status(0x81, 1) == status(0x82, 0x82) == bytes(2)
    assert finish(host.control(request(0x81, 10, 0, 1, 1))) == b"\0"
    finish(host.control(request(2, 3, 0, 0x82)))
    assert status(0x82, 0x82) == b"\1\0"
    finish(host.clear_halt(0x82))
    assert status(0x82, 0x82) == bytes(2)


def test_line_coding_is_kept_and_checked(host: UsbHost) -> None:
    coding = (921600).to_bytes(4, "little") + bytes((2, 4, 7))
    finish(host.control(request(0x21, 0x20, 0, 0, 7), coding))
    assert finish(host.control(request(0xA1, 0x21, 0, 0, 7))) == coding
    for wrong in (bytes((3, 0, 8)), bytes((0, 5, 8)), bytes((0, 0, 9)), bytes((0, 0, 4))):
        assert refused(host, request(0x21, 0x20, 0, 0, 7), coding[:4] + wrong)
    assert refused(host, request(0x21, 0x20, 0, 0, 7), coding[:6]), "a data stage cut short"
    assert finish(host.control(request(0xA1, 0x21, 0, 0, 7))) == coding


def test_dtr_opens_the_port_and_is_told_back(port: CorePort, host: UsbHost) -> None:
    pump(host)
    assert port.core.user_is_open()
    assert host.notifications == [SERIAL_STATE + b"\3\0"]
    finish(host.control(request(0x21, 0x22, 2)))
    assert not port.core.user_is_open(), "RTS alone is not somebody who listens"
    finish(host.control(request(0x21, 0x22, 1)))
    assert port.core.user_is_open()
    port.bus_reset()
    assert not port.core.user_is_open()


def test_only_closing_at_1200_baud_is_a_touch(port: CorePort, host: UsbHost) -> None:
    for baud in (115200, 9600, 1200):
        finish(host.open_port(baud))
        assert port.core.user_touches() == 0
        finish(host.close_port())
    assert port.core.user_touches() == 1
    finish(host.close_port())
    assert port.core.user_touches() == 1, "it was closed already"


def test_a_break_is_told_once_however_it_is_ended(port: CorePort, host: UsbHost) -> None:
    finish(host.control(request(0x21, 0x23, 250)))
    assert port.core.user_breaks() == 1, "one with a length ends by itself"
    finish(host.send_break())
    assert port.core.user_breaks() == 2, "the request that ends one begins none"


def test_a_new_setup_ends_the_request_before(host: UsbHost, port: CorePort) -> None:
    port.setup(5, request(0x80, 6, 0x0200, 0, 67))
    assert isinstance(port.token_in(5, 0), Data)
    port.setup(5, request(0x21, 0x20, 0, 0, 7))
    assert finish(host.control(request(0x80, 8, 0, 0, 1))) == b"\1"
    assert port.token_in(5, 0) is Nak


@pytest.mark.parametrize("size", [0, 1, 63, 64, 65, 127, 128, 1000, 4096])
def test_bytes_arrive_as_they_were_sent(port: CorePort, host: UsbHost, size: int) -> None:
    data = random.Random(size).randbytes(size)
    port.send(data)
    host.to_device += data
    pump(host)
    assert host.from_device == data
    assert port.received == data


def test_a_transfer_of_full_packets_is_ended_by_an_empty_one(port: CorePort, host: UsbHost) -> None:
    port.send(bytes(128))
    sizes = []
    while isinstance(answer := port.token_in(5, 2), Data):
        sizes.append(len(answer.data))
    assert sizes == [64, 64, 0]


def test_a_full_receiver_makes_the_host_wait_and_loses_nothing(library: ctypes.CDLL) -> None:
    port = CorePort(library, room=200)
    host = UsbHost(port)
    finish(host.plug_in())
    data = random.Random(1).randbytes(1000)
    host.to_device += data
    pump(host)
    assert len(port.received) == 192, "64 bytes are taken only where 64 fit"
    while host.to_device:
        port.core.user_make_room(70)
        pump(host)
    assert port.received == data


def test_a_host_that_does_not_read_makes_the_device_wait(port: CorePort, host: UsbHost) -> None:
    host.reads = False
    port.send(bytes(range(200)))
    pump(host)
    assert host.from_device == b""
    host.reads = True
    pump(host)
    assert host.from_device == bytes(range(200))


def test_suspended_nothing_is_sent_and_nothing_lost(port: CorePort, host: UsbHost) -> None:
    pump(host)
    port.suspend(True)
    port.send(b"while suspended")
    assert port.token_in(5, 2) is Nak
    port.suspend(False)
    pump(host)
    assert host.from_device == b"while suspended"


@pytest.mark.parametrize("endpoint", [0x82, 0x02])
def test_a_halt_loses_nothing(port: CorePort, host: UsbHost, endpoint: int) -> None:
    pump(host)
    host.to_device += b"x"
    pump(host)
    port.send(b"abc")
    finish(host.control(request(2, 3, 0, endpoint)))
    port.send(b"def")
    finish(host.clear_halt(endpoint))
    host.to_device += b"yz"
    pump(host)
    assert (host.from_device, port.received) == (b"abcdef", b"xyz")


def test_unplugged_and_plugged_in_again_it_works_as_before(port: CorePort, host: UsbHost) -> None:
    port.send(b"lost with the cable")
    port.core.controller_detach()
    assert not port.core.user_is_open()
    finish(host.plug_in())
    pump(host)
    port.send(b"hello")
    host.to_device += b"world"
    pump(host)
    assert (host.from_device, port.received) == (b"hello", b"world")
