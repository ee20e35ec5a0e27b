"""The SensorTile's USB by its controller's book: reads that are ended, a crystal that is late."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from board_bench import HELLO, INPUTS, LINK, Bench

from hil.board import load_board
from hil.emulator.machine import State
from hil.emulator.stm32l476.usb import OtgFs
from hil.emulator.stm32l476.usb_end import EPDIS, EPENA, SNAK, XFRC
from hil.emulator.usb_host import Stall, Task, UsbHost, request
from hil.firmware.build import build
from hil.wire import messages as msg
from hil.wire.frame import Decoder, Frame, encode

OUT = 2
SET_CONFIGURATION, SET_INTERFACE, SET_FEATURE = 9, 11, 3
TO_INTERFACE, TO_ENDPOINT, DATA_INTERFACE = 1, 2, 1


@pytest.fixture(scope="module")
def elf() -> Path:
    return build(load_board("sensortile"), None)


@pytest.fixture
def tile(elf: Path) -> Bench:
    return Bench(load_board("sensortile"), elf)


def otg(bench: Bench) -> OtgFs:
    controller = bench.cable.controller
    assert isinstance(controller, OtgFs)
    return controller


def reads(bench: Bench) -> bool:
    """Whether the firmware has asked for a packet."""
    return bool(otg(bench)._out[OUT].control & EPENA)


@pytest.fixture
def reading(tile: Bench) -> Bench:
    tile.plug()
    assert len(tile.ask(tile.cable, HELLO)) == 1
    assert reads(tile)
    return tile


def sequences(data: bytes) -> list[int]:
    return [f.sequence for f in Decoder(4096).feed(data) if isinstance(f, Frame)]


def works_on(bench: Bench) -> bool:
    """Windows of several packets each, many of them: none lost, none doubled, none swapped."""
    sent = [HELLO, *(msg.InferRequest(i, window) for i, window in enumerate(INPUTS)), LINK]
    answers = bench.ask(bench.cable, *sent)
    return [f.sequence for f in answers] == list(range(len(sent))) and reads(bench)


def configure(host: UsbHost, *numbers: int) -> Task:
    """Choose configurations in turn, and open the port: every toggle is DATA0 again."""
    host.streams = False
    for number in numbers:
        yield from host.control(request(0, SET_CONFIGURATION, number))
    host._toggles.clear()
    yield from host.open_port()


def set_interface(host: UsbHost) -> Task:
    host.streams = False
    yield from host.control(request(TO_INTERFACE, SET_INTERFACE, 0, DATA_INTERFACE))
    host._toggles = {0x80 | host.function.notify: host._toggles.get(0x80 | host.function.notify, 0)}
    host.streams = True


WAYS: dict[str, Callable[[UsbHost], Task]] = {
    "bus reset": UsbHost.plug_in,
    "configuration 0, then 1": lambda host: configure(host, 0, 1),
    "configuration 1 again": lambda host: configure(host, 1),
    "interface": set_interface,
    "HALT cleared that was not set": lambda host: host.clear_halt(OUT),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_read_that_waits_is_ended_and_the_next_one_works(reading: Bench, way: str) -> None:
    """The model faults where an enabled endpoint is opened or closed (RM0351 47)."""
    for _ in range(3):
        reading.do(WAYS[way](reading.host))
        assert works_on(reading)


def test_a_read_that_waits_when_the_cable_is_pulled(reading: Bench) -> None:
    for _ in range(3):
        reading.cable.plug(False)
        reading.run()
        reading.cable.plug(True)
        reading.run()
        assert works_on(reading)


def test_a_halt_ends_the_read_and_stalls(reading: Bench) -> None:
    for _ in range(3):
        reading.do(reading.host.control(request(TO_ENDPOINT, SET_FEATURE, 0, OUT)))
        assert not reads(reading)
        host = reading.host
        assert host.port.token_out(host._address, OUT, 0, b"lost?") is Stall
        reading.do(host.clear_halt(OUT))
        assert works_on(reading)


def slip_in(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, packet: bytes, then: bytes = b""
) -> list[bool]:
    """Let the host send a packet as the NAK is set, and another when it can.

    Returns, once that has happened, whether the first was taken.
    """
    controller = otg(bench)
    taken: list[bool] = []
    ask_nak = controller._ask_nak

    def late() -> None:
        if not taken:
            bench.host.to_device += packet
            taken.append(bench.host._pump_out())
            bench.host.to_device += then
        ask_nak()

    monkeypatch.setattr(controller, "_ask_nak", late)
    return taken


def test_a_packet_that_comes_as_its_endpoint_halts_is_kept(
    reading: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = slip_in(reading, monkeypatch, encode(Frame(LINK.TYPE, 77, LINK.encode())))
    reading.do(reading.host.control(request(TO_ENDPOINT, SET_FEATURE, 0, OUT)))
    reading.do(reading.host.clear_halt(OUT))
    assert taken == [True]
    assert sequences(reading.cable.to_host.take()) == [77]
    assert works_on(reading)


def test_a_packet_that_comes_as_a_halt_is_cleared_is_kept(
    reading: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the one behind it is not let in over it, which would be taken by the same interrupt."""
    first, second = (encode(Frame(LINK.TYPE, n, LINK.encode())) for n in (77, 78))
    taken = slip_in(reading, monkeypatch, first, second)
    end, host = otg(reading)._out[OUT], reading.host
    enable_out = end.enable_out

    def send_at_once(value: int, all_nak: bool) -> None:
        enable_out(value, all_nak)
        if len(taken) == 1 and value & EPENA and not value & EPDIS:
            host._toggles[OUT] = 0
            taken.append(host._pump_out())

    monkeypatch.setattr(end, "enable_out", send_at_once)
    reading.do(host.clear_halt(OUT))
    host._toggles[OUT] = end.toggle
    assert taken == [True, True]
    assert sequences(reading.cable.to_host.take()) == [77, 78]
    assert works_on(reading)


@pytest.mark.parametrize("way", ["configuration 0, then 1", "configuration 1 again"])
def test_a_packet_that_comes_as_its_endpoint_closes_ends_with_it(
    reading: Bench, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """Half a frame, which is not the next session's."""
    half = encode(Frame(HELLO.TYPE, 77, HELLO.encode()))[:-3]
    taken = slip_in(reading, monkeypatch, half)
    end = otg(reading)._out[OUT]
    enable_out, left = end.enable_out, []

    def note(value: int, all_nak: bool) -> None:
        if value == SNAK:
            left.append(end.interrupts & XFRC)
        enable_out(value, all_nak)

    monkeypatch.setattr(end, "enable_out", note)
    reading.do(WAYS[way](reading.host))
    assert taken == [True]
    assert left == [0], "closed once, with nothing left to be dealt with"
    assert works_on(reading)


def infer(bench: Bench) -> None:
    """Ask for an inference over the UART."""
    asked = msg.InferRequest(0, INPUTS[0])
    bench.machine.core.uart.from_host.push(encode(Frame(asked.TYPE, 1, asked.encode())))


def cycles(bench: Bench) -> int:
    (frame,) = Decoder(4096).feed(bench.machine.core.uart.to_host.take())
    assert isinstance(frame, Frame)
    return msg.InferReply.decode(frame.body).cycles


def test_a_crystal_that_starts_amid_an_inference_costs_it_next_to_nothing(
    tile: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The 25 ms that the controller wants, 2,000,000 cycles, are over before the first request."""
    chip = tile.machine.chip
    settle = chip.settle
    monkeypatch.setattr(chip, "settle", lambda: None)
    tile.cable.plug(True)
    tile.run()
    assert len(tile.ask(tile.machine.core.uart, HELLO)) == 1
    infer(tile)
    tile.run()
    undisturbed = cycles(tile)
    infer(tile)
    assert tile.machine.run(undisturbed // 2) is State.RUNNING
    settle()
    assert not otg(tile).attached
    while not otg(tile).attached:
        assert tile.machine.run(100) is State.RUNNING, "the inference is over before"
    tile.cable.plug(False)  # what the host then does interrupts too, as any byte does
    tile.run()
    late = cycles(tile) - undisturbed
    assert 0 < late < 1000
    monkeypatch.setattr(chip, "settle", settle)
    tile.cable.plug(True)
    tile.run()
    assert works_on(tile)


def serves_over_its_uart(bench: Bench) -> bool:
    """Whether it says hello there, with a cable in that leads nowhere."""
    bench.cable.plug(True)
    bench.run()
    assert not bench.cable.controller.port.attached
    return len(bench.ask(bench.machine.core.uart, HELLO)) == 1


def test_without_its_crystal_the_sensortile_serves_over_its_uart(
    tile: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tile.machine.chip, "settle", lambda: None)
    assert serves_over_its_uart(tile)


def test_a_controller_that_does_not_answer_is_given_up(
    tile: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other emulators have the crystal, perhaps, and nothing behind the controller's address."""
    monkeypatch.setattr(tile.cable.controller, "read", lambda _offset, _size: 0)
    monkeypatch.setattr(tile.cable.controller, "write", lambda _offset, _size, _value: None)
    tile.run()
    assert serves_over_its_uart(tile)
    # 10,000 looks at it, and the start of the firmware: far from a second of the core's time.
    assert tile.machine.core.instructions < 1_000_000
