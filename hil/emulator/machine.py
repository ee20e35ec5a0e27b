"""A chip, its core and an image, put together and run."""

from __future__ import annotations

import random
import struct
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from unicorn import (
    UC_ARCH_ARM,
    UC_HOOK_MEM_INVALID,
    UC_MODE_THUMB,
    UC_PROT_ALL,
    UC_PROT_EXEC,
    UC_PROT_READ,
    UC_PROT_WRITE,
    Uc,
)
from unicorn.arm_const import UC_CPU_ARM_CORTEX_M4

from hil.backend.base import EMULATED_DEVICE_ID
from hil.emulator import native, scb
from hil.emulator import registers as reg
from hil.emulator.bus import PAGE, Bus, BusError
from hil.emulator.chip import Chip, Memory, ResetKind
from hil.emulator.crash import Crash
from hil.emulator.dwt import Dwt
from hil.emulator.exceptions import XPSR_T, Exceptions
from hil.emulator.faults import Faults
from hil.emulator.image import Image
from hil.emulator.lines import Lines
from hil.emulator.nrf52840.chip import Nrf52840
from hil.emulator.nvic import Nvic
from hil.emulator.portable import Counting, PortableRunner
from hil.emulator.registers import Registers
from hil.emulator.scb import Effects, SystemControlBlock
from hil.emulator.sensors.feed import AT_REST, Feed
from hil.emulator.state import NEVER, BlockEntry, CoreState, Run, Stop
from hil.emulator.stm32l476.chip import Stm32l476
from hil.emulator.stops import Stops
from hil.emulator.thumb import EXCEPTION_ENTRY, EXCEPTION_RETURN, REFILL, analyse, divisions
from hil.emulator.uart import BURST
from hil.emulator.usb import Cable

CHIPS: dict[str, Callable[[CoreState, int], Chip]] = {"nrf52840": Nrf52840, "stm32l476": Stm32l476}

#: Translated code is kept in this much memory; unicorn would reserve 1 GiB.
TRANSLATION_BYTES = 32 * 2**20

#: Crash reports kept; a firmware that crashes as it starts makes them without end.
MAX_CRASHES = 16

#: The default memory map's SRAM region, which the bootloader's MPU region covers (B3.1).
RAM_START, RAM_END = 0x20000000, 0x40000000


class State(Enum):
    """What the machine does after `run`."""

    RUNNING = "running"
    ASLEEP = "asleep"
    HALTED = "halted"


@dataclass(frozen=True)
class Options:
    """How the machine is set up.

    native: the compiled hook where it can be had. after_bootloader: the core as a bootloader leaves
    it. seed: of RAM's content at power-on; None takes another one each time. device_id: what the
    chip's identity registers say. feed: what moves the sensor; sensor: whether there is one.
    """

    native: bool = True
    after_bootloader: bool = True
    seed: int | None = None
    device_id: int = EMULATED_DEVICE_ID
    feed: Feed = AT_REST
    sensor: bool = True


class Machine:
    """The whole: `run` it, talk to `uart`, read `core`'s counters."""

    def __init__(self, chip: str, image: Image, options: Options) -> None:
        self.image = image
        self.options = options
        self.lines = Lines(image.path)
        self.core = CoreState()
        self.core.refill = REFILL
        self.core.entry_cycles, self.core.return_cycles = EXCEPTION_ENTRY, EXCEPTION_RETURN
        self.halted: str | None = None
        #: How often sleep may still be cut short by the timer: the session hands these out, so that
        #: virtual time does not run ahead of the host.
        self.ticks = 0
        self.crashes: deque[Crash] = deque(maxlen=MAX_CRASHES)
        self.crash_count = 0
        self.on_crash: Callable[[Crash], None] = lambda _crash: None
        self.on_reset: Callable[[ResetKind], None] = lambda _kind: None
        self._random = random.Random(options.seed)  # noqa: S311 - no secret
        self._uc = _unicorn()
        self.registers = Registers(self._uc)
        self.exceptions = Exceptions(self.core, self.registers)
        self.chip = CHIPS[chip](self.core, options.device_id)
        self.chip.sensor.feed, self.chip.sensor.present = options.feed, options.sensor
        self.chip.on_leave(self._leave)
        self._left: str | None = None
        self._add_core_peripherals()
        self._map_memory()
        self._add_runner()
        self._map_peripherals()
        self.reset(ResetKind.POWER)

    def _add_core_peripherals(self) -> None:
        core, bits = self.core, self.chip.priority_bits
        self.chip.usb.memory = self.registers
        self.cable = Cable(self.chip.usb)
        self.dwt = Dwt(core, self._stop)
        self.nvic = Nvic(core, self.chip.irqs, bits, self._update_lines)
        effects = Effects(
            reset=self._request_reset,
            mpu=self._protect_ram,
            trace=self.dwt.trace,
        )
        self.scb = SystemControlBlock(core, self.exceptions, bits, effects)
        own = [self.dwt, self.nvic, self.scb]
        self.bus = Bus([*self.chip.peripherals, *own])
        faults = Faults(self.exceptions, self.scb, self.lines, self._report)
        self.counting = Counting(core, self._analyse)
        self._stops = Stops(self._uc, self.exceptions, self.counting, faults)

    def _update_lines(self) -> None:
        """Look at the interrupt lines again."""
        self.chip.uart.update()
        self.chip.timer.update()
        self.chip.usb.update()

    def _map_memory(self) -> None:
        for memory in self.chip.memories:
            access = UC_PROT_ALL if memory.writable else UC_PROT_READ | UC_PROT_EXEC
            self._uc.mem_map(memory.start, memory.size, access)
        for segment in self.image.segments:
            self._uc.mem_write(segment.address, segment.data)

    def _add_runner(self) -> None:
        library = native.load() if self.options.native else None
        counting = self.counting
        self._uc.hook_add(UC_HOOK_MEM_INVALID, self._on_invalid)
        self.runner: native.NativeRunner | PortableRunner
        if library is None:
            uart = self.chip.uart
            self.runner = PortableRunner(self._uc, self.core, counting, self.exceptions, uart)
        else:
            self.runner = native.NativeRunner(library, self._uc, self.core, counting)
        for segment in self.image.segments:
            found = (segment.address + offset for offset in divisions(segment.data))
            self.runner.watch_divisions(self._uc, found)

    def _map_peripherals(self) -> None:
        uart_page = self.chip.uart.base // PAGE * PAGE
        for page in self.bus.pages():
            read, write = self._access(page)
            if page == uart_page:
                self.runner.map_uart(self._uc, page, PAGE, read, write)
            else:
                self._uc.mmio_map(page, PAGE, read, None, write, None)

    def _access(self, page: int) -> tuple[Callable[..., int], Callable[..., None]]:
        def read(_uc: object, offset: int, size: int, _user: object) -> int:
            return self._guarded(page + offset, lambda: self.bus.read(page + offset, size))

        def write(_uc: object, offset: int, size: int, value: int, _user: object) -> None:
            self._guarded(page + offset, lambda: self.bus.write(page + offset, size, value))

        return read, write

    def _guarded(self, address: int, access: Callable[[], int | None]) -> int:
        """Do an access from inside unicorn, which no exception may cross."""
        try:
            return access() or 0
        except BusError as error:
            self._stops.bus_error = (address, str(error))
        except Exception as error:
            self._stops.internal_error = error
        self._stop(Stop.PYTHON)
        return 0

    def _stop(self, reason: Stop) -> None:
        self.core.stop |= reason
        self._uc.emu_stop()

    def _on_invalid(
        self, _uc: object, _access: int, address: int, _size: int, _value: int, _user: object
    ) -> bool:
        self._stops.invalid_address = address
        return False

    def _analyse(self, address: int, size: int, entry: BlockEntry) -> None:
        block = analyse(self.registers.load_bytes(address, size) or b"")
        entry.instructions, entry.cycles = block.instructions, block.cycles
        entry.flags = int(block.flags)

    def _protect_ram(self, execute_never: bool) -> None:
        access = UC_PROT_READ | UC_PROT_WRITE if execute_never else UC_PROT_ALL
        for memory in self.chip.memories:
            if memory.writable and RAM_START <= memory.start < RAM_END:
                self._uc.mem_protect(memory.start, memory.size, access)

    def _request_reset(self) -> None:
        self._stops.reset_requested = True
        self._stop(Stop.PYTHON)

    def _leave(self, reason: str) -> None:
        """End the image: it has handed the chip to something that is not emulated."""
        self._left = reason
        self._stop(Stop.PYTHON)

    def _report(self, crash: Crash) -> None:
        self.crashes.append(crash)
        self.crash_count += 1
        self.on_crash(crash)

    def reset(self, kind: ResetKind) -> None:
        """Start anew. RAM keeps its content unless the power was off; counters go on."""
        core = self.core
        if kind is ResetKind.POWER:
            self._scramble_ram()
        self.bus.reset()
        self.cable.power()
        core.active_priority, core.candidate, core.attention = 256, 0, 0
        core.sleeping = core.event_register = core.fpu_used = core.replay = 0
        start = self.chip.start_state(self.options.after_bootloader)
        core.vector_table = start.vector_table
        self.scb[scb.MPU_CTRL] = 5 if start.mpu_on else 0  # ENABLE, PRIVDEFENA
        self._protect_ram(start.mpu_on)
        self._start_core(start.vector_table)
        self.halted = self.chip.note_reset(kind)
        self.on_reset(kind)

    def _start_core(self, table: int) -> None:
        registers = self.registers
        registers[reg.XPSR_ALL] = XPSR_T
        for register in (reg.CONTROL, reg.PRIMASK, reg.BASEPRI, reg.FAULTMASK, reg.FPSCR):
            registers[register] = 0
        registers[reg.SP] = registers.load_word(table) or 0
        registers[reg.LR] = 0xFFFFFFFF
        registers[reg.PC] = registers.load_word(table + 4) or 0
        self.core.expected = registers[reg.PC]

    def _scramble_ram(self) -> None:
        """RAM holds noise after power-on, not zeros."""
        for memory in self.chip.memories:
            if memory.writable:
                self._uc.mem_write(memory.start, self._random.randbytes(memory.size))

    def run(self, instructions: int) -> State:
        """Run about that many instructions, less when the core falls asleep or halts."""
        core = self.core
        end = core.instructions + instructions
        core.uart.burst = BURST
        while self.halted is None:
            core.slice_end = min(end, self._timer_slice())
            result = self.runner.run()
            self.chip.timer.update()
            if result is Run.SLICE and core.instructions < end:
                continue
            if result is Run.SLICE:
                self._serve_usb()
                return State.RUNNING
            if result is Run.ASLEEP:
                self.chip.settle()
                if self._serve_usb() or self._pass_time():
                    continue
                return State.ASLEEP
            self._deal(result)
        return State.HALTED

    def _timer_slice(self) -> int:
        """Return when to look at the timer: no instruction takes less than a cycle."""
        due = self.chip.timer.due()
        return NEVER if due is None else self.core.instructions + max(due - self.core.now(), 1)

    def wakes_at(self) -> float | None:
        """Return when, in seconds of virtual time, the timer's interrupt comes; None: never."""
        due = self.chip.timer.due()
        return None if due is None else due / self.chip.core_hz

    def _pass_time(self) -> bool:
        """Asleep: let time pass until the timer's interrupt, where that is allowed."""
        due = self.chip.timer.due()
        if due is not None and self.ticks > 0:
            self.ticks -= 1
            self.core.slept += max(due - self.core.now(), 0)
            self.chip.timer.update()
        return self.exceptions.has_pending_to_wake()

    def _serve_usb(self) -> bool:
        """Let the USB host have its turn; return whether the core has something to wake for."""
        moved = self.cable.step()
        return moved or self.exceptions.has_pending_to_wake()

    def _deal(self, result: Run) -> None:
        """Deal with what stopped the run loop."""
        if self._left is not None:
            self.halted, self._left = self._left, None
        elif self._stops.takes_reset():
            self.reset(ResetKind.SOFTWARE)
        elif not self._stops.deal(result):
            self.halted = "locked up: a fault in a fault handler"

    def poke(self, address: int, data: bytes) -> bool:
        """Write memory, code too; False where there is none."""
        written = self.registers.store_bytes(address, data)
        self._uc.ctl_flush_tb()
        self.counting.forget()
        return written

    def stack(self) -> dict[str, int | None]:
        """Return the stack's size and peak in bytes, from the paint that the firmware put there.

        Both None without the linker script's `_stack_bottom` and `_stack_top`; the peak None
        where the lowest words are not alike, which is no paint.
        """
        bottom, top = (self.lines.symbol(name) for name in ("_stack_bottom", "_stack_top"))
        if bottom is None or top is None or not bottom < top:
            return {"size": None, "peak": None}
        data = self.registers.load_bytes(bottom, top - bottom) or b""
        words = struct.unpack(f"<{len(data) // 4}I", data[: len(data) // 4 * 4])
        painted = next((i for i, word in enumerate(words) if word != words[0]), len(words))
        peak = top - bottom - 4 * painted if painted > 1 else None
        return {"size": top - bottom, "peak": peak}


def chip_memory(chip: str) -> tuple[tuple[Memory, ...], int]:
    """Return a chip's memories and where its image's vector table lies."""
    made = CHIPS[chip](CoreState(), 0)
    return made.memories, made.start_state(after_bootloader=True).vector_table


def _unicorn() -> Uc:
    uc = Uc(UC_ARCH_ARM, UC_MODE_THUMB)
    uc.ctl_set_cpu_model(UC_CPU_ARM_CORTEX_M4)
    uc.ctl_set_tcg_buffer_size(TRANSLATION_BYTES)
    return uc
