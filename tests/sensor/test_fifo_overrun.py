"""The sensor's FIFO runs over, as where the main loop is kept: told once, and the stream goes on.

The machine runs in this process, so that the emulated chip can be given samples in one go. What a
full FIFO of the SensorTile's chip looks like is in test_models.py.
"""

from __future__ import annotations

import struct
from typing import TypeVar

from fed_boards import image

from hil.board import Board
from hil.emulator.image import load_image
from hil.emulator.machine import Machine, Options, State, chip_memory
from hil.emulator.sensors.feed import Feed
from hil.wire import messages as msg
from hil.wire.frame import Decoder, Frame, encode

#: Sample n of the board: n in every place.
COUNTING = Feed(b"".join(struct.pack("<6h", *[n] * 6) for n in range(1000)))
#: Samples between two looks of the firmware: more than either FIFO holds.
LOST = 400

Reply = TypeVar("Reply", msg.SensorReply, msg.SensorStartReply, msg.SensorSamplesReply)


class Bench:
    """A board's machine, asked over its UART."""

    def __init__(self, board: Board) -> None:
        chip = board.facts.chip
        loaded = load_image(image(board), *chip_memory(chip))
        self.machine = Machine(chip, loaded, Options(seed=1, feed=COUNTING))
        self.sensor = self.machine.chip.sensor

    def run(self, ticks: int = 0) -> None:
        """Run until asleep, time passing for that many of the sensor's ticks."""
        self.machine.ticks = ticks
        assert self.machine.run(10**8) is State.ASLEEP
        assert not self.machine.crashes

    def ask(self, request: object, reply: type[Reply]) -> Reply:
        uart = self.machine.core.uart
        uart.from_host.push(encode(Frame(request.TYPE, 1, request.encode())))  # type: ignore[attr-defined]
        self.run()
        (frame,) = Decoder(8192).feed(uart.to_host.take())
        assert isinstance(frame, Frame)
        return reply.decode(frame.body)


def values(reply: msg.SensorSamplesReply) -> list[int]:
    """The z acceleration of each sample, which neither board turns."""
    return [struct.unpack_from("<4x6h", reply.data, at)[2] for at in range(0, len(reply.data), 16)]


def test_an_overrun_is_told_as_one_and_the_stream_goes_on_in_step(board: Board) -> None:
    bench = Bench(board)
    bench.ask(msg.SensorStartRequest(7), msg.SensorStartReply)
    bench.run(ticks=20)
    before = bench.ask(msg.SensorSamplesRequest(7, 0), msg.SensorSamplesReply)
    for number in range(LOST):
        bench.sensor.push(bench.sensor.mounted((1000 + number,) * 6))
    bench.run(ticks=20)
    counted = bench.ask(msg.SensorRequest(), msg.SensorReply)
    after = bench.ask(msg.SensorSamplesRequest(7, 0), msg.SensorSamplesReply)
    assert (counted.overruns, counted.bus_errors) == (1, 0)
    assert (before.breaks, after.breaks) == (0, 1)
    kept = len(values(before))
    assert after.gap == kept, "the first sample behind it"
    behind = values(after)[kept - after.first :]
    assert len(behind) > 10
    assert behind == sorted(set(behind)), "none twice, none astray"
