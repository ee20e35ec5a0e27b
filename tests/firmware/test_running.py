"""The image at work, on the embedded emulator: identity, sizes, stack, and what a fault leaves.

Faults are planted by overwriting `hal_link`, which a LINK request calls.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from hil.backend.embedded import EmbeddedBackend
from hil.board import Board
from hil.device import Device
from hil.firmware.build import image_size
from hil.firmware.recipe import STACK_SIZE, source_hash
from hil.wire.frame import Frame, encode
from hil.wire.messages import DataForm, LinkRequest

pytest.importorskip("unicorn")

#: A fault's code, and what the firmware must report of it. Thumb-2, little endian.
USAGE_FAULT, BUS_FAULT, HARD_FAULT = 6, 5, 3
UNDEFINSTR, PRECISERR, BFARVALID, STKERR = 1 << 16, 1 << 9, 1 << 15, 1 << 12
UDF = bytes.fromhex("00de")
LOAD_FROM_NOWHERE = bytes.fromhex("4ff07040 0068")  # mov.w r0, #0xF0000000; ldr r0, [r0]
NOWHERE = 0xF0000000
PUSH_FOR_EVER = bytes.fromhex("ffb5 fde7")  # push {r0-r7, lr}; b .-2


class Running:
    """A booted image and both ways to it."""

    def __init__(self, board: Board, elf: Path) -> None:
        self.backend = EmbeddedBackend()
        self.transport = self.backend.open(board, elf, None)
        self.device = Device(self.transport)
        with elf.open("rb") as file:
            table = ELFFile(file).get_section_by_name(".symtab")
            self.symbols = {s.name: s["st_value"] & ~1 for s in table.iter_symbols()}

    def fault(self, code: bytes) -> int:
        """Run `code` once in place of hal_link, and return its address once the board is back."""
        address = self.symbols["hal_link"]
        good = self.backend.request("peek", address=address, size=len(code))["data"]
        before = self.backend.request("crash")["count"]
        self.backend.request("poke", address=address, data=code.hex())
        request = LinkRequest()
        self.transport.write(encode(Frame(request.TYPE, 1, request.encode())))
        while self.backend.request("crash")["count"] == before:
            self.transport.read(0.01)
        self.backend.request("poke", address=address, data=good)
        return address


@pytest.fixture
def running(board: Board, elf: Path) -> Iterator[Running]:
    made = Running(board, elf)
    yield made
    made.backend.close()


def test_it_says_who_it_is(running: Running, board: Board) -> None:
    identity = running.device.identify()
    assert identity.board == board.name
    assert identity.clock_hz == board.facts.clock_hz
    assert identity.firmware_hash == source_hash()
    assert identity.reset_cause == "POWER_ON"
    assert identity.device_id != 0
    assert running.device.last_fault() is None


def test_all_ram_that_is_left_takes_large_inputs(running: Running, board: Board) -> None:
    used = running.device.memory()
    left = board.facts.ram_size - used.ram_static - used.stack_size
    assert left - 2048 < running.device.identify().staging_size < left


def test_sizes_are_those_of_the_elf_and_the_stack_suffices(running: Running, elf: Path) -> None:
    identity = running.device.identify()
    raw, int8 = bytes(identity.raw_size), bytes(range(100)) * 3
    list(running.device.infer([int8] * 8, DataForm.INT8))
    list(running.device.infer([raw] * 8, DataForm.RAW))
    running.device.tap(int8)
    running.device.cycles(int8)
    for layer in range(identity.layer_count):
        running.device.read_layer(layer, int8)
    memory, size = running.device.memory(), image_size(elf)
    assert memory.flash_used == size.flash_used
    assert memory.ram_static == size.ram_static
    assert memory.stack_size == size.stack_size == STACK_SIZE
    assert 0 < memory.stack_peak < STACK_SIZE // 2
    assert memory.stack_peak == running.backend.request("stack")["peak"]


def test_a_reset_on_request_is_a_new_boot(running: Running) -> None:
    before = running.device.identify()
    after = running.device.reset()
    assert after.boot_id == (before.boot_id + 1) % 2**32
    assert after.reset_cause == "SOFTWARE"
    assert running.device.last_fault() is None


def test_the_pin_and_the_power_are_told_apart(running: Running) -> None:
    boots = {running.device.identify().boot_id}
    for kind, cause in (("pin", "PIN"), ("power", "POWER_ON")):
        running.backend.request("reset", kind=kind)
        identity = running.device.identify()
        assert identity.reset_cause == cause
        boots.add(identity.boot_id)
    assert len(boots) >= 2, "a pin reset is a new boot; power may bring back the same RAM"


@pytest.mark.parametrize(
    ("code", "offset", "reported"),
    [(UDF, 0, (USAGE_FAULT, UNDEFINSTR, 0)),
     (LOAD_FROM_NOWHERE, 4, (BUS_FAULT, PRECISERR | BFARVALID, NOWHERE))],
    ids=["undefined instruction", "bus error"],
)  # fmt: skip
def test_a_fault_is_reported_after_the_reset(
    running: Running, code: bytes, offset: int, reported: tuple[int, int, int]
) -> None:
    before = running.device.identify()
    where = running.fault(code)
    after = running.device.identify()
    assert after.boot_id == (before.boot_id + 1) % 2**32
    assert after.reset_cause == "FAULT"
    fault = running.device.last_fault()
    assert fault is not None
    assert fault.count == 1
    assert (fault.exception, fault.cfsr, fault.address) == reported
    assert fault.pc == where + offset
    assert running.symbols["_stack_bottom"] < fault.sp <= running.symbols["_stack_top"]
    assert fault.psr & 0x1FF == 0, "it happened outside any handler"


def test_a_fault_before_the_stack_is_deep_is_reported_whole(running: Running) -> None:
    # The first instruction that uses the stack: a handler that began at the stack's top would
    # overwrite the frame that it reads.
    running.device.identify()
    first = running.symbols["start_program"]
    good = running.backend.request("peek", address=first, size=2)["data"]
    running.backend.request("poke", address=first, data=UDF.hex())
    running.backend.request("reset", kind="pin")
    deadline = time.monotonic() + 60
    while running.backend.request("crash")["count"] < 1:
        assert time.monotonic() < deadline, "no crash"
        running.transport.read(0.01)
    running.backend.request("poke", address=first, data=good)
    assert running.device.identify().reset_cause == "FAULT"
    fault = running.device.last_fault()
    assert fault is not None
    # Interrupts and UsageFault are still off there, which makes a HardFault of it.
    assert (fault.exception, fault.pc) == (HARD_FAULT, first)
    assert fault.psr & 0x010001FF == 1 << 24, "Thumb, in no handler"
    assert fault.sp == running.symbols["_stack_top"]
    assert fault.r[0] == fault.sp, "reset_entry has just loaded it"


def test_the_last_fault_outlives_further_resets(running: Running) -> None:
    running.device.identify()
    first = running.fault(UDF)
    assert running.device.identify().reset_cause == "FAULT"
    assert running.device.reset().reset_cause == "SOFTWARE"
    fault = running.device.last_fault()
    assert fault is not None
    assert (fault.count, fault.pc) == (1, first)
    running.fault(LOAD_FROM_NOWHERE)
    running.device.identify()
    fault = running.device.last_fault()
    assert fault is not None
    assert (fault.count, fault.exception) == (2, BUS_FAULT)
    running.backend.request("reset", kind="power")
    running.device.identify()
    assert running.device.last_fault() is None


def test_a_stack_overflow_faults_and_overwrites_nothing(running: Running) -> None:
    running.device.identify()
    running.fault(PUSH_FOR_EVER)
    assert running.device.identify().reset_cause == "FAULT"
    fault = running.device.last_fault()
    assert fault is not None
    assert fault.sp < running.symbols["_stack_bottom"]
    assert fault.cfsr & STKERR
    assert (fault.pc, fault.lr) == (0, 0), "nothing could be stacked"
