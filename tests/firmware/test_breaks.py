"""Breaks on the line: they restart firmware that hangs, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

pytest.importorskip("unicorn")

from hil.board import Board
from hil.emulator.image import load_image
from hil.emulator.machine import Machine, Options, State, chip_memory
from hil.emulator.state import QUEUE_SIZE
from hil.wire import messages as msg
from hil.wire.frame import Decoder, Frame, encode
from hil.wire.messages import ResetCause

HELLO, LAST_FAULT, LINK = msg.HelloRequest(1), msg.LastFaultRequest(), msg.LinkRequest()
FOR_EVER = bytes.fromhex("fee7")  # b .
#: LINK_HANG_CYCLES of firmware/src/port/cortex_m/link.h; an endless loop's branch is one each.
HANG = 6_400_000
PEND_SV = 14


class Bench:
    """A board's machine, asked over one of its links; `breaks` sends breaks there."""

    def __init__(self, board: Board, elf: Path, via: str) -> None:
        chip = board.facts.chip
        self.machine = Machine(chip, load_image(elf, *chip_memory(chip)), Options(seed=1))
        self.via = via
        self.line = self.machine.cable if via == "usb" else self.machine.core.uart
        with elf.open("rb") as file:
            (place,) = ELFFile(file).get_section_by_name(".symtab").get_symbol_by_name("hal_link")
        self.hangs_at = int(place["st_value"]) & ~1
        self.resets: list[str] = []
        self.machine.cable.plug(via == "usb")
        self.settle()
        self.machine.on_reset = lambda kind: self.resets.append(kind.value)

    def settle(self) -> None:
        while self.machine.run(10**7) is not State.ASLEEP:
            pass

    def ask(self, request: msg.Body) -> bytes:
        self.line.from_host.push(encode(Frame(request.TYPE, 1, request.encode())))
        self.settle()
        (reply,) = Decoder(4096).feed(self.line.to_host.take())
        assert isinstance(reply, Frame)
        return reply.body

    def hang(self) -> None:
        """Ask for what never ends."""
        self.good = self.machine.registers.load_bytes(self.hangs_at, 2)
        self.machine.poke(self.hangs_at, FOR_EVER)
        self.line.from_host.push(encode(Frame(LINK.TYPE, 1, LINK.encode())))
        assert self.machine.run(10**6) is State.RUNNING

    def send_break(self) -> None:
        if self.via == "uart":
            self.machine.chip.uart.line_break()
        else:
            self.machine.cable.host.start(self.machine.cable.host.send_break())

    def run(self, instructions: int) -> None:
        """Run that long, in slices: between them the USB host has its turn."""
        for _ in range(20):
            self.machine.run(instructions // 20)


@pytest.fixture(params=["uart", "usb"])
def bench(request: pytest.FixtureRequest, board: Board, elf: Path) -> Iterator[Bench]:
    made = Bench(board, elf, request.param)
    assert msg.HelloReply.decode(made.ask(HELLO)).reset_cause == ResetCause.POWER_ON
    yield made
    assert not made.machine.crashes


def test_the_second_break_ends_a_hang_and_tells_where_it_was(bench: Bench) -> None:
    bench.hang()
    bench.send_break()
    bench.run(HANG + HANG // 4)
    assert bench.resets == [], "one break is noise"
    bench.send_break()
    bench.run(HANG)
    assert bench.resets == ["software"]
    bench.machine.poke(bench.hangs_at, bench.good)
    bench.settle()
    assert msg.HelloReply.decode(bench.ask(HELLO)).reset_cause == ResetCause.HANG
    place = msg.LastFaultReply.decode(bench.ask(LAST_FAULT))
    assert (place.count, place.exception, place.pc) == (1, PEND_SV, bench.hangs_at)


def test_breaks_one_close_upon_the_other_end_nothing(bench: Bench) -> None:
    bench.hang()
    for _ in range(4):
        bench.send_break()
        bench.run(HANG // 5)
    assert bench.resets == []
    bench.run(HANG // 2)
    bench.send_break()
    bench.run(HANG)
    assert bench.resets == ["software"]


def test_a_uart_that_stays_low_is_one_break(bench: Bench) -> None:
    """An adapter without power, on a chip that tells of it again and again; and the mains' hum."""
    bench.hang()
    for apart in (6_000, 80_000_000 // 50):
        for _ in range(3 * HANG // apart):
            bench.machine.chip.uart.line_break()
            bench.machine.run(apart)
    assert bench.resets == []
    for _ in range(3):  # and the host's are heard all the same: on the line, once it rests
        bench.run(HANG)
        bench.send_break()
    bench.run(HANG)
    assert bench.resets == ["software"]


def test_a_firmware_that_waits_is_never_restarted(bench: Bench) -> None:
    for _ in range(10):
        bench.send_break()
        bench.settle()
        bench.machine.core.instructions += 2 * HANG  # as if the cycle counter went on in sleep
        assert bench.ask(HELLO)
    link = msg.LinkReply.decode(bench.ask(LINK))
    assert bench.resets == []
    assert link.line_errors == (10 if bench.via == "uart" else 0)


def test_work_between_two_breaks_is_a_sign_of_life(bench: Bench) -> None:
    """Requests without a pause: the main loop never sleeps, but it comes round."""
    discard = msg.DiscardRequest(bytes(900))
    frames = encode(Frame(discard.TYPE, 1, discard.encode())) * 30
    for _ in range(30):
        bench.line.from_host.push(frames[: QUEUE_SIZE - len(bench.line.from_host)])
        bench.line.to_host.take()
        bench.send_break()
        bench.run(HANG // 10)
    bench.settle()
    assert bench.resets == []
