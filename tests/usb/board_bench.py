"""A board's real image on the emulator with a cable and a host: what boards' USB tests share."""

from __future__ import annotations

import random
from pathlib import Path

from hil.board import Board
from hil.emulator.image import load_image
from hil.emulator.machine import Machine, Options, State, chip_memory
from hil.emulator.usb_host import Task, UsbHost
from hil.wire import messages as msg
from hil.wire.frame import Decoder, Frame, encode

INPUTS = [random.Random(i).randbytes(300) for i in range(20)]
HELLO, LINK = msg.HelloRequest(1), msg.LinkRequest()


class Bench:
    """A board's machine with its cable; `do` runs a task of the host's to its end."""

    def __init__(self, board: Board, elf: Path) -> None:
        chip = board.facts.chip
        self.machine = Machine(chip, load_image(elf, *chip_memory(chip)), Options(seed=1))
        self.cable = self.machine.cable

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
