"""The nRF52840 on USB: the real image, the controller's model, a host that enumerates."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from usb_rules import configuration_problems, device_problems, string_problems, text

from hil.backend.base import EMULATED_DEVICE_ID
from hil.backend.embedded import EmbeddedBackend
from hil.board import load_board
from hil.device import Device
from hil.emulator.image import load_image
from hil.emulator.machine import Machine, Options, State, chip_memory
from hil.emulator.usb import Cable
from hil.emulator.usb_host import StalledError, Task, UsbHost, request
from hil.firmware.build import build
from hil.wire import messages as msg
from hil.wire.frame import Decoder, Frame, encode

BOARD = load_board("nano33")
INPUTS = [random.Random(i).randbytes(300) for i in range(20)]


@pytest.fixture(scope="module")
def elf() -> Path:
    return build(BOARD, None)


class Nano:
    """A machine with its cable; `do` runs a task of the host's to its end."""

    def __init__(self, elf: Path) -> None:
        image = load_image(elf, *chip_memory("nrf52840"))
        self.machine = Machine("nrf52840", image, Options(seed=1))
        assert self.machine.cable is not None
        self.cable: Cable = self.machine.cable

    @property
    def host(self) -> UsbHost:
        return self.cable.host

    def run(self) -> None:
        for _ in range(100):
            if self.machine.run(10**7) is State.ASLEEP:
                break
        assert not self.machine.crashes, str(self.machine.crashes[-1])

    def plug(self) -> None:
        self.run()
        self.cable.plug(True)
        self.run()
        assert self.cable.error is None
        assert self.host.streams

    def do(self, task: Task) -> None:
        self.host.start(task)
        self.run()
        assert not self.host.is_busy

    def ask(self, line: object, *requests: object) -> list[Frame]:
        """Send requests over a line (the cable or the UART); return the answers from it."""
        data = b"".join(encode(Frame(r.TYPE, i, r.encode())) for i, r in enumerate(requests))
        line.from_host.push(data)
        self.run()
        return [f for f in Decoder(4096).feed(line.to_host.take()) if isinstance(f, Frame)]


@pytest.fixture
def nano(elf: Path) -> Nano:
    return Nano(elf)


@pytest.fixture
def plugged(nano: Nano) -> Nano:
    nano.plug()
    return nano


HELLO, LINK = msg.HelloRequest(1), msg.LinkRequest()


def test_without_a_cable_the_controller_is_not_touched(nano: Nano) -> None:
    nano.run()
    (answer,) = nano.ask(nano.machine.core.uart, HELLO)
    assert answer.type == HELLO.TYPE | 0x80


def test_it_enumerates_by_the_book(plugged: Nano) -> None:
    function = plugged.host.function
    assert device_problems(function.device) == []
    assert configuration_problems(function.configuration) == []
    assert all(string_problems(s) == [] for n, s in function.strings.items() if n)
    vendor, product = (int.from_bytes(function.device[i : i + 2], "little") for i in (8, 10))
    assert (vendor, product) == BOARD.usb_ids[0] == (0x2341, 0x805A)
    assert text(function.strings[2]) == BOARD.title
    assert text(function.strings[3]) == f"{EMULATED_DEVICE_ID:016X}"


def test_plugged_in_before_power_on_it_enumerates_too(nano: Nano) -> None:
    nano.cable.plug(True)
    nano.run()
    assert nano.host.streams
    assert nano.ask(nano.cable, HELLO)


@pytest.fixture
def backend(elf: Path) -> Iterator[EmbeddedBackend]:
    made = EmbeddedBackend(link="usb")
    made.open(BOARD, elf, None)
    yield made
    made.close()


def test_results_and_counts_are_those_of_the_uart(elf: Path, backend: EmbeddedBackend) -> None:
    uart = EmbeddedBackend()
    try:
        expected = list(Device(uart.open(BOARD, elf, None)).infer(INPUTS))
    finally:
        uart.close()
    device = Device(backend.transport)
    assert device.identify().board == "nano33"
    answers = list(device.infer(INPUTS))
    assert [(a.output, a.input_crc) for a in answers] == [(e.output, e.input_crc) for e in expected]
    assert min(a.cycles for a in answers) == expected[0].cycles


def test_a_long_stream_loses_nothing_though_the_ring_is_small(backend: EmbeddedBackend) -> None:
    device = Device(backend.transport)
    device.identify()
    assert device.discard(INPUTS * 20) == 300 * 400
    link = device.link()
    assert (link.overruns, link.line_errors) == (0, 0)


def test_a_reset_on_request_comes_back_on_the_bus(backend: EmbeddedBackend) -> None:
    device = Device(backend.transport)
    before = device.identify()
    after = device.reset()
    assert after.boot_id == (before.boot_id + 1) % 2**32
    assert after.reset_cause == "SOFTWARE"
    assert backend.crash_report() is None


def test_the_control_channel_shows_and_moves_the_cable(backend: EmbeddedBackend) -> None:
    Device(backend.transport).identify()
    state = backend.request("usb", action="state")
    assert state["attached"]
    assert state["open"]
    assert device_problems(bytes.fromhex(state["device"])) == []
    assert not backend.request("usb", action="unplug")["attached"]
    backend.request("usb", action="plug")
    assert Device(backend.transport).identify().board == "nano33"


def test_the_last_hello_takes_the_session(plugged: Nano) -> None:
    uart, cable = plugged.machine.core.uart, plugged.cable
    assert plugged.ask(uart, LINK), "the UART carries it until somebody says hello over USB"
    assert plugged.ask(cable, LINK) == []
    assert len(plugged.ask(cable, HELLO, LINK)) == 2
    assert plugged.ask(uart, LINK) == []
    assert len(plugged.ask(uart, HELLO, LINK)) == 2
    assert plugged.ask(cable, LINK) == []


def test_noise_and_broken_hellos_take_nothing(plugged: Nano) -> None:
    good = encode(Frame(HELLO.TYPE, 0, HELLO.encode()))
    assert plugged.ask(plugged.cable, HELLO)
    uart = plugged.machine.core.uart
    for at in range(len(good) - 1):
        uart.from_host.push(good[:at] + bytes((good[at] ^ 1,)) + good[at + 1 :])
    uart.from_host.push(random.Random(1).randbytes(5000) + b"\0")
    plugged.run()
    assert uart.to_host.take() == b""
    assert plugged.ask(plugged.cable, LINK)


@pytest.mark.parametrize("how", ["unplug", "close", "bus reset"])
def test_when_usb_ends_the_uart_serves(plugged: Nano, how: str) -> None:
    assert plugged.ask(plugged.cable, HELLO)
    if how == "unplug":
        plugged.cable.plug(False)
    elif how == "close":
        plugged.do(plugged.host.close_port())
    else:
        plugged.host.streams = False
        plugged.host.port.bus_reset()
    plugged.run()
    assert plugged.ask(plugged.machine.core.uart, LINK)


def test_replugged_again_and_again(plugged: Nano) -> None:
    for _ in range(5):
        assert len(plugged.ask(plugged.cable, HELLO, msg.InferRequest(0, INPUTS[0]))) == 2
        plugged.cable.plug(False)
        plugged.run()
        plugged.cable.plug(True)
        plugged.run()
        assert plugged.host.streams


def test_pulled_in_the_middle_of_a_reply(plugged: Nano) -> None:
    assert plugged.ask(plugged.cable, HELLO)
    plugged.host.reads = False
    assert plugged.ask(plugged.cable, *[HELLO] * 30) == [], "the device waits for the host"
    plugged.cable.plug(False)
    plugged.run()
    assert plugged.ask(plugged.machine.core.uart, HELLO)
    plugged.cable.plug(True)
    plugged.run()
    assert len(plugged.ask(plugged.cable, HELLO)) == 1


def test_a_host_that_reads_late_gets_everything(plugged: Nano) -> None:
    plugged.host.reads = False
    assert plugged.ask(plugged.cable, *[HELLO] * 100) == []
    plugged.host.reads = True
    plugged.run()
    answers = Decoder(4096).feed(plugged.cable.to_host.take())
    assert [f.sequence for f in answers if isinstance(f, Frame)] == list(range(100))


def test_suspend_and_resume_lose_nothing(plugged: Nano) -> None:
    assert plugged.ask(plugged.cable, HELLO)
    plugged.cable.suspend(True)
    assert plugged.ask(plugged.cable, *[LINK] * 5) == []
    plugged.cable.suspend(False)
    plugged.run()
    assert len(list(Decoder(4096).feed(plugged.cable.to_host.take()))) == 5


@pytest.mark.parametrize("endpoint", [0x82, 0x02])
def test_a_halted_endpoint_loses_nothing(plugged: Nano, endpoint: int) -> None:
    assert plugged.ask(plugged.cable, HELLO)
    plugged.do(plugged.host.control(request(2, 3, 0, endpoint)))
    assert plugged.ask(plugged.cable, *[LINK] * 5) == []
    plugged.do(plugged.host.clear_halt(endpoint))
    assert len(list(Decoder(4096).feed(plugged.cable.to_host.take()))) == 5


def test_closing_at_1200_baud_resets_into_the_bootloader(plugged: Nano) -> None:
    plugged.do(plugged.host.close_port())
    plugged.do(plugged.host.open_port(1200))
    assert plugged.machine.halted is None
    plugged.host.start(plugged.host.close_port())
    plugged.machine.run(10**8)
    assert plugged.machine.halted == "GPREGRET is 0xB0: the board stays in its bootloader"
    assert plugged.cable.error is None


def malformed(host: UsbHost, seed: int) -> Task:
    """Requests of noise, some out of order or cut short; then one that must still be answered."""
    dice = random.Random(seed)
    for _ in range(100):
        packet = bytearray(dice.randbytes(8))
        if dice.random() < 0.7:
            packet[0] = dice.choice((0x80, 0x81, 0x82, 0x00, 0x01, 0x02, 0x21, 0xA1))
            packet[3], packet[5], packet[7] = dice.choice(((0, 0, 0), (1, 0, 0), (2, 0, 0)))
        if bytes(packet[:2]) in (b"\0\5", b"\0\x09"):
            continue  # another address or configuration is what the host would have to follow
        host.port.setup(host._address, bytes(packet))
        yield
        for _ in range(dice.randrange(4)):
            host.port.token_in(host._address, dice.choice((0, 0, 1, 3)))
            host.port.token_out(host._address, 0, 1, dice.randbytes(dice.randrange(9)))
            yield
    host.function.device = yield from host.descriptor(1, 0, 18)


@pytest.mark.parametrize("seed", range(4))
def test_malformed_requests_break_nothing(plugged: Nano, seed: int) -> None:
    before = plugged.host.function.device
    plugged.host.function.device = b""
    plugged.host.start(malformed(plugged.host, seed))
    for _ in range(2000):
        plugged.run()
        if not plugged.host.is_busy:
            break
    assert plugged.host.function.device == before
    plugged.cable.plug(False)
    plugged.run()
    plugged.cable.plug(True)
    plugged.run()
    assert plugged.ask(plugged.cable, HELLO)


def test_a_refused_request_is_told_and_the_next_one_works(plugged: Nano) -> None:
    refused = plugged.host.control(request(0x80, 6, 0x0600, 0, 10))
    next(refused)
    plugged.run()
    with pytest.raises(StalledError):
        next(refused)
    plugged.do(plugged.host.control(request(0x80, 8, 0, 0, 1)))
