"""Both boards' real images: the two hooks agree to the instruction, and the paced line holds."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from hil.backend.embedded import EmbeddedBackend
from hil.board import Board, load_board
from hil.device import Device
from hil.emulator import native
from hil.emulator.image import load_image
from hil.emulator.machine import Machine, Options, State, chip_memory
from hil.firmware.build import build as build_firmware
from hil.wire import messages as msg
from hil.wire.frame import Decoder, Frame, encode

INPUTS = [random.Random(i).randbytes(300) for i in range(20)]


@pytest.fixture(scope="module", params=["nano33", "sensortile"])
def board(request: pytest.FixtureRequest) -> Board:
    return load_board(request.param)


@pytest.fixture(scope="module")
def elf(board: Board) -> Path:
    return build_firmware(board, None)


def conversation(board: Board, elf: Path, compiled: bool, paced: bool) -> list[object]:
    """Say hello and infer, one request at a time; return every answer and count on the way."""
    chip = board.facts.chip
    image = load_image(elf, *chip_memory(chip))
    machine = Machine(chip, image, Options(native=compiled, seed=7))
    machine.chip.uart.set_pacing(paced)
    core, seen = machine.core, []
    for request in (msg.HelloRequest(1), msg.InferRequest(0, INPUTS[0])):
        core.uart.from_host.push(encode(Frame(request.TYPE, 5, request.encode())))
        assert machine.run(10**8) is State.ASLEEP
        seen += [core.uart.to_host.take(), core.instructions, core.cycles, core.slept]
    return seen


@pytest.mark.parametrize("paced", [False, True])
def test_both_hooks_give_the_same_answers_and_counts(board: Board, elf: Path, paced: bool) -> None:
    if native.load() is None:
        pytest.skip("no C compiler (cc): apt-get install gcc libc6-dev")
    compiled = conversation(board, elf, True, paced)
    assert compiled == conversation(board, elf, False, paced)
    assert compiled[1] != compiled[5]
    frames = list(Decoder(4096).feed(bytes(compiled[4])))  # type: ignore[arg-type]
    reply = msg.InferReply.decode(frames[0].body)  # type: ignore[union-attr]
    # An inference was counted, not an error reply; tests/engine holds the ceilings.
    assert 50_000 < reply.cycles < 800_000
    assert len(reply.output) == 3


@pytest.fixture
def paced(board: Board, elf: Path) -> Iterator[EmbeddedBackend]:
    backend = EmbeddedBackend(paced=True)
    backend.open(board, elf, None)
    yield backend
    backend.close()


def test_the_paced_line_loses_nothing_and_is_well_used(paced: EmbeddedBackend) -> None:
    device = Device(paced.transport)
    device.identify()
    before = paced.request("counters")["virtual_seconds"]
    payloads = INPUTS * 5
    assert device.discard(payloads) == 300 * len(payloads)
    after = paced.request("counters")
    line_time = 300 * len(payloads) * 10 / after["baud"]
    # The rest is framing, CRC and the last reply; a tenth is what the protocol may cost.
    assert 0.9 < line_time / (after["virtual_seconds"] - before) < 1.0
    assert paced.request("link")["overruns"] == 0


def test_results_do_not_depend_on_pacing(board: Board, elf: Path, paced: EmbeddedBackend) -> None:
    instant = EmbeddedBackend()
    try:
        fast = list(Device(instant.open(board, elf, None)).infer(INPUTS))
    finally:
        instant.close()
    slow = list(Device(paced.transport).infer(INPUTS))
    assert [a.output for a in fast] == [a.output for a in slow]
    assert [a.input_crc for a in fast] == [a.input_crc for a in slow]
    assert len({a.cycles for a in fast}) == 1, "instant bytes do not interrupt an inference"
    assert all(a.cycles >= fast[0].cycles for a in slow), "paced ones may, and are counted"


def test_counts_are_the_same_every_time(board: Board, elf: Path) -> None:
    answers = [conversation(board, elf, native.load() is not None, paced=False) for _ in range(2)]
    assert answers[0] == answers[1]
