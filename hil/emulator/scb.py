"""The System Control Block, with the MPU's and the FPU's switches (DDI 0403E B3.2, B3.5)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hil.emulator.bus import BusError, Peripheral
from hil.emulator.exceptions import (
    BUS_FAULT,
    MEM_MANAGE,
    PEND_SV,
    SYS_TICK,
    USAGE_FAULT,
    XPSR_NUMBER,
    Exceptions,
)
from hil.emulator.registers import XPSR
from hil.emulator.state import CoreState

CPUID, ICSR, VTOR, AIRCR, SCR, CCR = 0x00, 0x04, 0x08, 0x0C, 0x10, 0x14
SHPR, SHCSR, CFSR, HFSR, DFSR, MMFAR, BFAR = 0x18, 0x24, 0x28, 0x2C, 0x30, 0x34, 0x38
CPACR, MPU_TYPE, MPU_CTRL, DEMCR, FPCCR = 0x88, 0x90, 0x94, 0xFC, 0x234

CPUID_CORTEX_M4 = 0x410FC241
VECTKEY, VECTKEY_READ = 0x05FA, 0xFA05
SYSRESETREQ = 1 << 2
STKALIGN, DIV_0_TRP = 1 << 9, 1 << 4
SLEEPONEXIT, SLEEPDEEP, SEVONPEND = 2, 4, 16
ASPEN, LSPEN, TRCENA = 1 << 31, 1 << 30, 1 << 24
MPU_ENABLE, MPU_REGIONS = 1, 8
FPU_FULL = 0xF << 20
PEND = {PEND_SV: 28, SYS_TICK: 26}

#: SHCSR's bit that gives a fault an exception of its own.
FAULT_ENABLE = {MEM_MANAGE: 1 << 16, BUS_FAULT: 1 << 17, USAGE_FAULT: 1 << 18}


@dataclass
class Effects:
    """What writing some bits does elsewhere in the machine."""

    reset: Callable[[], None]
    mpu: Callable[[bool], None]
    trace: Callable[[bool], None]


class SystemControlBlock(Peripheral):
    """0xE000ED00 to 0xE000EFFF."""

    def __init__(
        self, core: CoreState, exceptions: Exceptions, priority_bits: int, effects: Effects
    ) -> None:
        super().__init__("SCB", 0xE000ED00, 0x300)
        self._core = core
        self._exceptions = exceptions
        self._priority_mask = 0xFF << (8 - priority_bits) & 0xFF
        self._effects = effects
        self._add_identity()
        self._add_control()
        self._add_faults()
        self.reset()

    def reset(self) -> None:
        """Return to the reset values; the machine sets VTOR and the MPU as its start state says."""
        super().reset()
        core = self._core
        core.group_mask, core.sleep_on_exit, core.fpu_auto, core.fpu_off = 0xFF, 0, 1, 1
        core.trap_division = 0

    def _add_identity(self) -> None:
        self.on(CPUID, lambda: CPUID_CORTEX_M4)
        self.on(MPU_TYPE, lambda: MPU_REGIONS << 8)

    def _add_control(self) -> None:
        core = self._core
        self.on(ICSR, self._read_icsr, self._write_icsr)
        self.on(VTOR, lambda: int(core.vector_table), self._write_vtor)
        self.on(AIRCR, self._read_aircr, self._write_aircr)
        self.store(SCR)
        self.on(SCR, write=self._write_scr)
        self.store(CCR, STKALIGN)
        self.on(CCR, write=self._write_ccr)
        self.store(CPACR)
        self.on(CPACR, write=self._write_cpacr)
        self.store(MPU_CTRL)
        self.on(MPU_CTRL, write=self._write_mpu)
        self.store(DEMCR)
        self.on(DEMCR, write=self._write_demcr)
        self.store(FPCCR, ASPEN | LSPEN)
        self.on(FPCCR, write=self._write_fpccr)

    def _add_faults(self) -> None:
        self.store(SHCSR)
        self.store(MMFAR)
        self.store(BFAR)
        for offset in (CFSR, HFSR, DFSR):
            self.store(offset)
            self._add_sticky(offset)

    def _add_sticky(self, offset: int) -> None:
        def clear(value: int) -> None:
            self[offset] &= ~value

        self.on(offset, write=clear)

    def _read_icsr(self) -> int:
        core = self._core
        active = self._exceptions.registers[XPSR] & XPSR_NUMBER
        pending = sum(1 << bit for number, bit in PEND.items() if core.pending[number])
        return int(active | self._exceptions.best_pending() << 12 | pending)

    def _write_icsr(self, value: int) -> None:
        for number, bit in PEND.items():
            if value >> bit & 1:
                self._core.pending[number] = 1
            elif value >> bit - 1 & 1:
                self._core.pending[number] = 0
        if value >> 31:
            raise BusError("NMI is not modelled")
        self._core.attention = 1

    def _write_vtor(self, value: int) -> None:
        self._core.vector_table = value & ~0x7F

    def _read_aircr(self) -> int:
        group = int(~self._core.group_mask & 0xFF).bit_length() - 1
        return VECTKEY_READ << 16 | max(group, 0) << 8

    def _write_aircr(self, value: int) -> None:
        if value >> 16 != VECTKEY:
            return
        self._core.group_mask = 0xFF << ((value >> 8 & 7) + 1) & 0xFF
        if value & SYSRESETREQ:
            self._effects.reset()

    def _write_scr(self, value: int) -> None:
        self[SCR] = value & (SLEEPONEXIT | SLEEPDEEP | SEVONPEND)
        self._core.sleep_on_exit = int(bool(value & SLEEPONEXIT))

    def _write_ccr(self, value: int) -> None:
        if value & ~(STKALIGN | DIV_0_TRP) or not value & STKALIGN:
            raise BusError(f"CCR = 0x{value:X} is not modelled")
        self[CCR] = value
        self._core.trap_division = int(bool(value & DIV_0_TRP))

    def _write_cpacr(self, value: int) -> None:
        self[CPACR] = value & FPU_FULL
        self._core.fpu_off = int(value & FPU_FULL != FPU_FULL)

    def _write_mpu(self, value: int) -> None:
        if value & MPU_ENABLE and not self[MPU_CTRL] & MPU_ENABLE:
            raise BusError("the MPU's regions are not modelled")
        self[MPU_CTRL] = value & 7
        self._effects.mpu(bool(value & MPU_ENABLE))

    def _write_demcr(self, value: int) -> None:
        self[DEMCR] = value & TRCENA
        self._effects.trace(bool(value & TRCENA))

    def _write_fpccr(self, value: int) -> None:
        self[FPCCR] = value & (ASPEN | LSPEN)
        self._core.fpu_auto = int(bool(value & ASPEN))

    def read(self, offset: int, size: int) -> int:
        """Return a register; priorities can be read byte by byte."""
        if not SHPR <= offset < SHPR + 12:
            return super().read(offset, size)
        first = 4 + offset - SHPR
        return int.from_bytes(bytes(self._core.priority)[first : first + size], "little")

    def write(self, offset: int, size: int, value: int) -> None:
        """Write a register; priorities can be written byte by byte."""
        if not SHPR <= offset < SHPR + 12:
            super().write(offset, size, value)
            return
        for i, byte in enumerate(value.to_bytes(size, "little")):
            self._core.priority[4 + offset - SHPR + i] = byte & self._priority_mask
        self._core.attention = 1
