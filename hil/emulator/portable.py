"""The block hook and the run loop in Python: the twin of native/run.c, used without a compiler."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterable

from unicorn import UC_ERR_OK, UC_HOOK_BLOCK, UC_HOOK_CODE, UC_HOOK_INTR, Uc
from unicorn.unicorn_py3.unicorn import uclib

from hil.emulator import registers as reg
from hil.emulator.exceptions import Exceptions
from hil.emulator.registers import Registers
from hil.emulator.state import NEVER, BlockEntry, CoreState, Run, Stop
from hil.emulator.thumb import Flag
from hil.emulator.uart import BURST, Uart

INTERRUPT_NONE = 0xFFFFFFFF
MAGIC_PC = 0xF0000000

Analyse = Callable[[int, int, BlockEntry], None]


class Counting:
    """Block costs and what follows from them; needs no unicorn, and is shared by both runners."""

    def __init__(self, core: CoreState, analyse: Analyse) -> None:
        self.core = core
        self.analyse = analyse
        self._cache: dict[tuple[int, int], BlockEntry] = {}

    def find(self, address: int, size: int) -> BlockEntry:
        """Return a block's cost; the shared cache is native code's, a dictionary is faster here."""
        entry = self._cache.get((address, size))
        if entry is None:
            entry = self._cache[address, size] = BlockEntry(address, size)
            self.analyse(address, size, entry)
        return entry

    def forget(self) -> None:
        """Forget every block: code was changed."""
        self._cache.clear()
        ctypes.memset(self.core.cache, 0, ctypes.sizeof(self.core.cache))
        self.core.cached = 0

    def uncount(self, pc: int) -> None:
        """Take back what was counted of the last block from `pc` on: it has not run."""
        core = self.core
        done = pc - core.block_address
        if not 0 <= done < core.block_size:
            return
        whole = self.find(core.block_address, core.block_size)
        instructions, cycles = whole.instructions, whole.cycles
        if done:
            before = self.find(core.block_address, done)
            instructions -= before.instructions
            cycles -= before.cycles
        core.instructions -= instructions
        core.cycles -= cycles
        core.block_size = 0
        core.expected = pc


class PortableRunner:
    """Runs the core; same counts as the native runner, about ten times slower."""

    name = "Python hook"

    def __init__(
        self, uc: Uc, core: CoreState, counting: Counting, exceptions: Exceptions, uart: Uart
    ) -> None:
        self.core = core
        self.counting = counting
        self.exceptions = exceptions
        self.registers: Registers = exceptions.registers
        self.uart = uart
        self._handle = uc._uch
        uc.hook_add(UC_HOOK_BLOCK, self._on_block)
        uc.hook_add(UC_HOOK_INTR, self._on_interrupt)

    def watch_divisions(self, uc: Uc, addresses: Iterable[int]) -> None:
        """Look at the divisor before each of these instructions runs."""
        for address in addresses:
            uc.hook_add(UC_HOOK_CODE, self._on_division, begin=address, end=address)

    def _on_division(self, _uc: Uc, address: int, _size: int, _user: object) -> None:
        if not self.core.trap_division:
            return
        second = self.registers.load_bytes(address + 2, 2) or b"\0"
        if self.registers[reg.CORE[second[0] & 0xF]] == 0:
            self.core.stop |= Stop.DIVISION
            uclib.uc_emu_stop(self._handle)

    def map_uart(self, uc: Uc, base: int, size: int, read: object, write: object) -> None:
        """Map the UART's registers: in Python like every other peripheral's."""
        uc.mmio_map(base, size, read, None, write, None)

    def _on_block(self, uc: Uc, address: int, size: int, _user: object) -> None:
        core = self.core
        block = self.counting.find(address, size)
        if core.uart.due <= core.now():
            self.uart.advance()
        stop = self._reason_to_stop(block)
        core.block_address = address
        if stop:
            core.stop |= stop
            core.block_size = 0
            core.stopped_size = size
            uclib.uc_emu_stop(self._handle)
            return
        core.block_size = size
        core.instructions += block.instructions
        core.cycles += block.cycles + (0 if address == core.expected else core.refill)
        core.expected = address + size
        core.fpu_used |= block.flags & Flag.FPU
        core.event_register |= bool(block.flags & Flag.SEV)

    def _reason_to_stop(self, block: BlockEntry) -> int:
        core = self.core
        if core.attention:
            return Stop.ATTENTION
        if core.candidate and self.exceptions.is_open(core.candidate):
            return Stop.EXCEPTION
        if core.instructions >= core.slice_end:
            return Stop.SLICE
        return Stop.FPU_OFF if core.fpu_off and block.flags & Flag.FPU else 0

    def _on_interrupt(self, uc: Uc, number: int, _user: object) -> None:
        self.core.interrupt = number
        uclib.uc_emu_stop(self._handle)

    def _note_count(self, pc: int) -> None:
        core = self.core
        self.counting.uncount(pc)
        core.replay_count = core.cycles if core.cyccnt_from_cycles else core.instructions
        core.replay = 1

    def _waits_for_host(self) -> bool:
        uart = self.core.uart
        return bool(uart.due == NEVER or (self.core.patience and not uart.receive_busy))

    def _wake(self) -> bool:
        core = self.core
        core.uart.burst = BURST
        self.uart.advance()
        self.uart.look()
        while not self.exceptions.has_pending_to_wake():
            if self._waits_for_host():
                return False
            core.slept += core.uart.due - core.now()
            self.uart.advance()
        core.sleeping = 0
        return True

    def _ended_with_wfi(self, pc: int) -> bool:
        core = self.core
        if not core.block_size or pc != core.block_address + core.block_size:
            return False
        return bool(self.counting.find(core.block_address, core.block_size).flags & Flag.WFI)

    def _step(self) -> bool:
        core = self.core
        core.stop, core.interrupt = 0, INTERRUPT_NONE
        core.error = uclib.uc_emu_start(
            self._handle, self.registers[reg.PC] | 1, ctypes.c_uint64(0), 0, 0
        )
        pc = self.registers[reg.PC]
        if core.error != UC_ERR_OK:
            return False
        if core.interrupt != INTERRUPT_NONE:
            returned = pc >= MAGIC_PC and self.exceptions.leave(pc | 1)
            if returned:
                self.uart.update()
            return returned
        if core.stop == Stop.REPLAY:
            self._note_count(pc)
            return True
        if core.stop:
            return not core.stop & ~(Stop.ATTENTION | Stop.EXCEPTION)
        if not self._ended_with_wfi(pc):
            return False
        core.sleeping = 1
        return True

    def run(self) -> Run:
        """Run until there is something that only the machine can deal with."""
        core = self.core
        while True:
            if core.sleeping and not self._wake():
                return Run.ASLEEP
            if not self.exceptions.take_pending():
                return Run.FAULT
            if core.sleeping:
                continue
            if not self._step():
                return Run.SLICE if core.stop == Stop.SLICE else Run.EVENT
