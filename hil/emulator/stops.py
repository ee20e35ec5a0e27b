"""What stopped the run loop, turned into what the core does about it: a fault, sleep, an exception.

The run loop (native/run.c, portable.py) deals itself with interrupts, exception returns, WFI and
the cycle counter; the rest is rare and ends here.
"""

from __future__ import annotations

from unicorn import UC_ERR_FETCH_PROT, UC_ERR_FETCH_UNMAPPED, UC_ERR_INSN_INVALID, Uc

from hil.emulator import registers as reg
from hil.emulator.exceptions import SV_CALL, XPSR_T, Exceptions
from hil.emulator.faults import Fault, Faults, Kind
from hil.emulator.portable import INTERRUPT_NONE, MAGIC_PC, Counting
from hil.emulator.state import Run, Stop
from hil.emulator.thumb import Flag, analyse

#: QEMU's exception numbers, which UC_HOOK_INTR passes on.
EXCP_SWI, EXCP_BKPT = 2, 7


class Stops:
    """Holds what callbacks noted while unicorn ran, and acts on it."""

    def __init__(self, uc: Uc, exceptions: Exceptions, counting: Counting, faults: Faults) -> None:
        self.bus_error: tuple[int, str] | None = None
        self.internal_error: BaseException | None = None
        self.invalid_address = 0
        self.reset_requested = False
        self._uc = uc
        self._core = exceptions.core
        self._registers = exceptions.registers
        self._exceptions = exceptions
        self._counting = counting
        self._faults = faults

    def takes_reset(self) -> bool:
        """Return whether the firmware has asked for a reset, once."""
        if not self.reset_requested:
            return False
        self.reset_requested = False
        self._counting.uncount(self._registers[reg.PC])
        return True

    def deal(self, result: Run) -> bool:
        """Act on what ended the run loop; False: the core has locked up."""
        if self.internal_error is not None:
            raise self.internal_error
        if result is Run.FAULT:
            return self._entry_failed()
        return self._event(self._registers[reg.PC])

    def _deliver(self, kind: Kind, cause: str, address: int | None = None) -> bool:
        self._counting.uncount(self._registers[reg.PC])
        return self._faults.deliver(Fault(kind, cause, address))

    def _event(self, pc: int) -> bool:
        core = self._core
        if self.bus_error is not None:
            (address, text), self.bus_error = self.bus_error, None
            return self._deliver(Kind.DATA_BUS, text, address)
        if core.error:
            return self._memory_error(core.error, pc)
        if core.interrupt != INTERRUPT_NONE:
            return self._interrupt(core.interrupt, pc)
        if core.stop & Stop.DIVISION:
            return self._deliver(Kind.DIVISION, "division by zero")
        if core.stop & Stop.FPU_OFF:
            return self._fpu_is_off(pc)
        return self._deliver(Kind.INSTRUCTION_BUS, f"no code at 0x{pc:08X}")

    def _memory_error(self, error: int, pc: int) -> bool:
        if error == UC_ERR_INSN_INVALID:
            return self._invalid_instruction(pc)
        if error == UC_ERR_FETCH_PROT:
            text = f"execution from 0x{pc:08X}, which is execute-never (the MPU is on)"
            return self._deliver(Kind.INSTRUCTION_ACCESS, text)
        if error == UC_ERR_FETCH_UNMAPPED:
            return self._deliver(Kind.INSTRUCTION_BUS, f"no code at 0x{pc:08X}")
        address = self.invalid_address
        return self._deliver(Kind.DATA_BUS, f"no memory to access at 0x{address:08X}", address)

    def _invalid_instruction(self, pc: int) -> bool:
        """unicorn knows no WFE: it stops behind it as behind an undefined instruction."""
        core = self._core
        at_end = core.block_size and pc == core.block_address + core.block_size
        if at_end and self._counting.find(core.block_address, core.block_size).flags & Flag.WFE:
            core.sleeping = not core.event_register
            core.event_register = 0
            return True
        if not self._registers[reg.XPSR] & XPSR_T:
            return self._deliver(Kind.NO_THUMB, "a branch to an address without the Thumb bit")
        return self._deliver(Kind.UNDEFINED, "undefined instruction")

    def _interrupt(self, number: int, pc: int) -> bool:
        if pc >= MAGIC_PC:
            return self._deliver(Kind.BAD_RETURN, f"return from exception by 0x{pc | 1:08X}")
        if number == EXCP_SWI:
            return self._supervisor_call()
        if number == EXCP_BKPT:
            return self._deliver(Kind.BREAKPOINT, "breakpoint without a debugger")
        return self._deliver(Kind.INSTRUCTION_BUS, f"no code at 0x{pc:08X}")

    def _supervisor_call(self) -> bool:
        if not self._exceptions.is_open(SV_CALL):
            return self._deliver(Kind.SUPERVISOR_CALL, "SVC where its priority does not allow it")
        self._core.pending[SV_CALL] = 1
        return True

    def _fpu_is_off(self, pc: int) -> bool:
        """The next block has an FPU instruction: run what comes before it, then fault."""
        code = self._registers.load_bytes(pc, self._core.stopped_size) or b""
        before = code[: analyse(code).first_fpu]
        if before:
            self._core.fpu_off = self._core.stop = 0
            self._uc.emu_start(pc | 1, 0, count=analyse(before).instructions)
            self._core.fpu_off = 1
        return self._deliver(Kind.NO_COPROCESSOR, "FPU instruction while CPACR has it off")

    def _entry_failed(self) -> bool:
        best = self._exceptions.best_pending()
        if not self._exceptions.vector(best):
            self._core.pending[best] = 0
            return self._deliver(Kind.VECTOR, f"no handler for exception {best}")
        sp = self._registers[reg.SP]
        return self._deliver(Kind.STACKING, f"no memory to stack at 0x{sp:08X}")
