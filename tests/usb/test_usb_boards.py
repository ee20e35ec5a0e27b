"""Both boards on USB: the real images, the controllers' models, a host that enumerates."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from math import ceil
from pathlib import Path

import pytest
from board_bench import HELLO, INPUTS, LINK, Bench
from elftools.elf.elffile import ELFFile
from usb_rules import configuration_problems, device_problems, string_problems, text

from hil.backend.base import EMULATED_DEVICE_ID
from hil.backend.embedded import EmbeddedBackend
from hil.board import Board, load_board
from hil.device import Device
from hil.emulator.chip import ResetKind
from hil.emulator.machine import State
from hil.emulator.usb_host import Data, StalledError, Task, UsbHost, request
from hil.firmware.build import build
from hil.ports import MAKER
from hil.wire import messages as msg
from hil.wire.frame import Decoder, Frame, encode

BOARDS = ("nano33", "sensortile")


@pytest.fixture(scope="module", params=BOARDS)
def board(request: pytest.FixtureRequest) -> Board:
    return load_board(request.param)


@pytest.fixture(scope="module")
def elf(board: Board) -> Path:
    return build(board, None)


@pytest.fixture
def bench(board: Board, elf: Path) -> Bench:
    return Bench(board, elf)


@pytest.fixture
def plugged(bench: Bench) -> Bench:
    bench.plug()
    return bench


def test_without_a_cable_the_uart_serves(bench: Bench) -> None:
    """On the nRF52840, an access to the controller would fault."""
    bench.run()
    (answer,) = bench.ask(bench.machine.core.uart, HELLO)
    assert answer.type == HELLO.TYPE | 0x80


def test_it_enumerates_by_the_book(plugged: Bench, board: Board) -> None:
    function = plugged.host.function
    assert device_problems(function.device) == []
    assert configuration_problems(function.configuration) == []
    assert all(string_problems(s) == [] for n, s in function.strings.items() if n)
    vendor, product = (int.from_bytes(function.device[i : i + 2], "little") for i in (8, 10))
    ids = {"nano33": (0x2341, 0x805A), "sensortile": (0x0483, 0x5740)}
    assert (vendor, product) == board.usb_ids[0] == ids[board.name]
    assert text(function.strings[1]) == MAKER
    assert text(function.strings[2]) == board.title
    assert text(function.strings[3]) == f"{EMULATED_DEVICE_ID:016X}"


def test_plugged_in_before_power_on_it_enumerates_too(bench: Bench) -> None:
    bench.cable.plug(True)
    bench.run()
    assert bench.host.streams
    assert bench.ask(bench.cable, HELLO)


@pytest.fixture
def backend(board: Board, elf: Path) -> Iterator[EmbeddedBackend]:
    made = EmbeddedBackend(via="usb")
    made.open(board, elf, None)
    yield made
    made.close()


def test_results_and_counts_are_those_of_the_uart(
    board: Board, elf: Path, backend: EmbeddedBackend
) -> None:
    uart = EmbeddedBackend()
    try:
        expected = list(Device(uart.open(board, elf, None)).infer(INPUTS))
    finally:
        uart.close()
    device = Device(backend.transport)
    assert device.identify().board == board.name
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


def test_the_control_channel_shows_and_moves_the_cable(
    board: Board, backend: EmbeddedBackend
) -> None:
    Device(backend.transport).identify()
    state = backend.request("usb", action="state")
    assert state["attached"]
    assert state["open"]
    assert device_problems(bytes.fromhex(state["device"])) == []
    assert not backend.request("usb", action="unplug")["attached"]
    backend.request("usb", action="plug")
    assert Device(backend.transport).identify().board == board.name


def test_the_last_hello_takes_the_session(plugged: Bench) -> None:
    uart, cable = plugged.machine.core.uart, plugged.cable
    assert plugged.ask(uart, LINK), "the UART carries it until somebody says hello over USB"
    assert plugged.ask(cable, LINK) == []
    assert len(plugged.ask(cable, HELLO, LINK)) == 2
    assert plugged.ask(uart, LINK) == []
    assert len(plugged.ask(uart, HELLO, LINK)) == 2
    assert plugged.ask(cable, LINK) == []


def test_noise_and_broken_hellos_take_nothing(plugged: Bench) -> None:
    good = encode(Frame(HELLO.TYPE, 0, HELLO.encode()))
    assert plugged.ask(plugged.cable, HELLO)
    uart = plugged.machine.core.uart
    for at in range(len(good) - 1):
        uart.from_host.push(good[:at] + bytes((good[at] ^ 1,)) + good[at + 1 :])
    uart.from_host.push(random.Random(1).randbytes(5000) + b"\0")
    plugged.run()
    assert uart.to_host.take() == b""
    assert plugged.ask(plugged.cable, LINK)


@pytest.mark.parametrize("first", ["uart", "usb"])
def test_a_hello_is_heard_after_noise_over_the_other_link(plugged: Bench, first: str) -> None:
    """Noise with bytes of zero in it, and a HELLO that breaks off; neither has said hello yet."""
    lines = [plugged.machine.core.uart, plugged.cable]
    noisy, other = lines if first == "uart" else reversed(lines)
    noise = random.Random(2).randbytes(3000) + encode(Frame(HELLO.TYPE, 0, HELLO.encode()))[:-2]
    noisy.from_host.push(noise)
    plugged.run()
    noisy.to_host.take()
    assert len(plugged.ask(other, HELLO, LINK)) == 2
    noisy.from_host.push(noise)
    assert len(plugged.ask(other, LINK)) == 1
    noisy.from_host.push(b"\0")
    assert len(plugged.ask(noisy, HELLO, LINK)) == 2, "and over the noisy one when that is clean"


@pytest.mark.parametrize("how", ["unplug", "close", "bus reset"])
def test_when_usb_ends_the_uart_serves(plugged: Bench, board: Board, how: str) -> None:
    assert plugged.ask(plugged.cable, HELLO)
    if how == "unplug":
        plugged.cable.plug(False)
    elif how == "close":
        plugged.do(plugged.host.close_port())
    else:
        plugged.host.streams = False
        plugged.host.port.bus_reset()
    plugged.run()
    if (board.name, how) == ("sensortile", "unplug"):
        # VBUS is not sensed there: a pulled cable looks like a suspended bus.
        assert plugged.ask(plugged.machine.core.uart, LINK) == []
        assert plugged.ask(plugged.machine.core.uart, HELLO)
    assert plugged.ask(plugged.machine.core.uart, LINK)


def test_replugged_again_and_again(plugged: Bench) -> None:
    for _ in range(5):
        assert len(plugged.ask(plugged.cable, HELLO, msg.InferRequest(0, INPUTS[0]))) == 2
        plugged.cable.plug(False)
        plugged.run()
        plugged.cable.plug(True)
        plugged.run()
        assert plugged.host.streams


def test_pulled_in_the_middle_of_a_reply(plugged: Bench) -> None:
    assert plugged.ask(plugged.cable, HELLO)
    plugged.host.reads = False
    assert plugged.ask(plugged.cable, *[HELLO] * 30) == [], "the device waits for the host"
    plugged.cable.plug(False)
    plugged.run()
    assert plugged.ask(plugged.machine.core.uart, HELLO)
    plugged.cable.plug(True)
    plugged.run()
    assert len(plugged.ask(plugged.cable, HELLO)) == 1


def test_a_host_that_stops_reading_does_not_lock_the_uart_out(plugged: Bench) -> None:
    assert plugged.ask(plugged.cable, HELLO)
    plugged.host.reads = False
    assert plugged.ask(plugged.cable, *[LINK] * 400) == []
    assert not plugged.cable.is_drained, "its queue is full, and it takes no more"
    answers = plugged.ask(plugged.machine.core.uart, HELLO, LINK)
    assert [f.type for f in answers[-2:]] == [HELLO.TYPE | 0x80, LINK.TYPE | 0x80]


def test_a_host_that_reads_late_gets_everything(plugged: Bench) -> None:
    plugged.host.reads = False
    assert plugged.ask(plugged.cable, *[HELLO] * 100) == []
    plugged.host.reads = True
    plugged.run()
    answers = Decoder(4096).feed(plugged.cable.to_host.take())
    assert [f.sequence for f in answers if isinstance(f, Frame)] == list(range(100))


@pytest.mark.parametrize("how", ["does not read", "suspended"])
def test_a_reset_on_request_does_not_wait_for_such_a_host(plugged: Bench, how: str) -> None:
    (frame,) = plugged.ask(plugged.cable, HELLO)
    before = msg.HelloReply.decode(frame.body).boot_id
    plugged.host.reads = False
    plugged.cable.from_host.push(
        encode(Frame(msg.ResetRequest.TYPE, 1, before.to_bytes(4, "little")))
    )
    plugged.machine.run(10**5)
    assert plugged.cable.is_drained
    if how == "suspended":
        plugged.cable.suspend(True)
    assert plugged.machine.run(10**5) is State.RUNNING, "it waits for the host, for a while"
    plugged.machine.dwt._value -= 2 * plugged.machine.chip.core_hz  # two seconds later
    plugged.machine.run(10**6)
    (frame,) = plugged.ask(plugged.machine.core.uart, HELLO)
    assert msg.HelloReply.decode(frame.body).boot_id == (before + 1) % 2**32


def test_suspend_and_resume_lose_nothing(plugged: Bench) -> None:
    assert plugged.ask(plugged.cable, HELLO)
    plugged.cable.suspend(True)
    assert plugged.ask(plugged.cable, *[LINK] * 5) == []
    plugged.cable.suspend(False)
    plugged.run()
    assert len(list(Decoder(4096).feed(plugged.cable.to_host.take()))) == 5


def test_data_and_a_suspend_seen_by_one_interrupt_lose_nothing(plugged: Bench) -> None:
    """The handler is late: the packet came before the bus fell silent, and is dealt with first."""
    assert plugged.ask(plugged.cable, HELLO)
    plugged.cable.from_host.push(encode(Frame(LINK.TYPE, 1, LINK.encode())))
    assert plugged.cable.step()
    plugged.cable.suspend(True)
    plugged.run()
    plugged.cable.suspend(False)
    plugged.run()
    assert len(list(Decoder(4096).feed(plugged.cable.to_host.take()))) == 1


def test_a_suspend_that_is_over_when_it_is_seen_suspends_nothing(plugged: Bench) -> None:
    assert plugged.ask(plugged.cable, HELLO)
    plugged.cable.suspend(True)
    plugged.cable.suspend(False)
    assert plugged.ask(plugged.cable, LINK)


def test_a_reset_seen_together_with_a_suspend_ends_it(plugged: Bench) -> None:
    plugged.host.streams = False
    plugged.host.port.suspend(True)
    plugged.do(plugged.host.plug_in())
    assert plugged.ask(plugged.cable, HELLO)


def test_a_pull_while_suspended_is_come_back_from(plugged: Bench) -> None:
    plugged.cable.suspend(True)
    plugged.run()
    plugged.cable.plug(False)
    plugged.run()
    plugged.cable.plug(True)
    plugged.run()
    assert plugged.ask(plugged.cable, HELLO)


@pytest.mark.parametrize("endpoint", [0x82, 0x02])
def test_a_halted_endpoint_loses_nothing(plugged: Bench, endpoint: int) -> None:
    assert plugged.ask(plugged.cable, HELLO)
    plugged.do(plugged.host.control(request(2, 3, 0, endpoint)))
    assert plugged.ask(plugged.cable, *[LINK] * 5) == []
    plugged.do(plugged.host.clear_halt(endpoint))
    assert len(list(Decoder(4096).feed(plugged.cable.to_host.take()))) == 5


LEFT_FOR = {
    "nano33": "GPREGRET is 0xB0: the board stays in its bootloader",
    "sensortile": "SYSCFG_MEMRMP is 1: the board runs the bootloader in its ROM (DFU)",
}


def test_closing_at_1200_baud_resets_into_the_bootloader(plugged: Bench, board: Board) -> None:
    plugged.do(plugged.host.close_port())
    plugged.do(plugged.host.open_port(1200))
    assert plugged.machine.halted is None
    plugged.host.start(plugged.host.close_port())
    plugged.machine.run(10**8)
    assert plugged.machine.halted == LEFT_FOR[board.name]
    assert plugged.cable.error is None
    plugged.machine.reset(ResetKind.POWER)
    plugged.run()
    assert plugged.host.streams, "the next start is the firmware's again"


def test_the_touch_is_heeded_while_the_main_loop_hangs(
    plugged: Bench, board: Board, elf: Path
) -> None:
    """How the harness restarts a board that hangs: the controller's interrupts go on."""
    with elf.open("rb") as file:
        symbols = ELFFile(file).get_section_by_name(".symtab")
        (feed,) = symbols.get_symbol_by_name("wire_server_feed")
    plugged.machine.poke(int(feed["st_value"]) & ~1, bytes.fromhex("fee7"))  # b . : no way out
    plugged.cable.from_host.push(encode(Frame(HELLO.TYPE, 1, HELLO.encode())))
    assert plugged.machine.run(10**6) is not State.ASLEEP
    host = plugged.host
    tasks = (host.close_port, partial(host.open_port, 1200), host.close_port)
    for task in tasks:
        host.start(task())
        for _ in range(100):  # the cable is served between slices
            assert plugged.machine.run(10**5) is not State.ASLEEP
    assert plugged.machine.halted == LEFT_FOR[board.name]


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
def test_malformed_requests_break_nothing(plugged: Bench, seed: int) -> None:
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


def test_a_setup_overtakes_what_came_before_it(plugged: Bench) -> None:
    """The host takes an answer's last packet, gives up, and asks anew before the firmware sees."""
    host = plugged.host
    assert host.port.setup(host._address, request(0x80, 6, 0x0200, 0, 67))
    for size in (64, 3):
        plugged.cable.controller.update()
        plugged.run()
        answer = host.port.token_in(host._address, 0)
        assert isinstance(answer, Data)
        assert len(answer.data) == size
    plugged.do(host.control(request(0x80, 8, 0, 0, 1)))
    plugged.do(host.control(request(0x21, 0x22, 3)))


def test_a_refused_request_is_told_and_the_next_one_works(plugged: Bench) -> None:
    refused = plugged.host.control(request(0x80, 6, 0x0600, 0, 10))
    next(refused)
    plugged.run()
    with pytest.raises(StalledError):
        next(refused)
    plugged.do(plugged.host.control(request(0x80, 8, 0, 0, 1)))


def test_payload_goes_in_full_packets(plugged: Bench) -> None:
    """A 64-byte packet is all that a transaction carries: nothing is spent on smaller ones."""
    assert plugged.ask(plugged.cable, HELLO)
    before = replace(plugged.host.counts)
    frames = [encode(Frame(msg.DiscardRequest.TYPE, i, bytes(300))) for i in range(100)]
    plugged.cable.from_host.push(b"".join(frames))
    plugged.run()
    after, size = plugged.host.counts, sum(map(len, frames))
    answers = list(Decoder(4096).feed(plugged.cable.to_host.take()))
    assert len(answers) == 100
    assert after.bytes_out - before.bytes_out == size
    assert after.packets_out - before.packets_out == ceil(size / 64)


def test_answers_that_wait_share_packets(plugged: Bench) -> None:
    """A host that reads late gets what has gathered in full packets, and an end to it."""
    assert plugged.ask(plugged.cable, HELLO)
    plugged.host.reads = False
    assert plugged.ask(plugged.cable, *[LINK] * 100) == []
    before = replace(plugged.host.counts)
    plugged.host.reads = True
    plugged.run()
    after, data = plugged.host.counts, plugged.cable.to_host.take()
    assert len(list(Decoder(4096).feed(data))) == 100
    assert after.bytes_in - before.bytes_in == len(data)
    # The first answer was on its way before the others had gathered.
    first = len(data) // 100
    assert after.packets_in - before.packets_in == 1 + (len(data) - first) // 64 + 1


def test_a_byte_over_usb_costs_fewer_instructions_than_over_the_uart(
    board: Board, elf: Path, backend: EmbeddedBackend
) -> None:
    """Packets of 64 bytes to an interrupt, against bytes."""
    uart = EmbeddedBackend()
    spent = []
    try:
        uart.open(board, elf, None)
        for each in (uart, backend):
            device = Device(each.transport)
            device.identify()
            before = each.request("counters")["instructions"]
            assert device.discard(INPUTS * 10) == 300 * 200
            spent.append(each.request("counters")["instructions"] - before)
    finally:
        uart.close()
    assert spent[1] < spent[0]
