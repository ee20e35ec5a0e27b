"""Faults: which exception they become, what the fault status registers say, and lock-up.

DDI 0403E B1.5.14 (priority escalation), B1.5.15 (lock-up), B3.2.15 (CFSR).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, unique

from hil.emulator import scb
from hil.emulator.crash import Crash
from hil.emulator.exceptions import BUS_FAULT, HARD_FAULT, MEM_MANAGE, NMI, USAGE_FAULT, Exceptions
from hil.emulator.lines import Lines
from hil.emulator.registers import FAULTMASK, LR, PC
from hil.emulator.scb import SystemControlBlock

BFARVALID, STKERR = 1 << 15, 1 << 12
VECTTBL, FORCED, DEBUGEVT = 1 << 1, 1 << 30, 1 << 31


@unique
class Kind(Enum):
    """A kind of fault: its exception, its bit in CFSR, its bit in HFSR."""

    INSTRUCTION_ACCESS = (MEM_MANAGE, 1 << 0, 0)  # IACCVIOL
    INSTRUCTION_BUS = (BUS_FAULT, 1 << 8, 0)  # IBUSERR
    DATA_BUS = (BUS_FAULT, 1 << 9, 0)  # PRECISERR
    STACKING = (BUS_FAULT, STKERR, 0)
    UNDEFINED = (USAGE_FAULT, 1 << 16, 0)
    NO_THUMB = (USAGE_FAULT, 1 << 17, 0)  # INVSTATE
    BAD_RETURN = (USAGE_FAULT, 1 << 18, 0)  # INVPC
    NO_COPROCESSOR = (USAGE_FAULT, 1 << 19, 0)  # NOCP
    DIVISION = (USAGE_FAULT, 1 << 25, 0)  # DIVBYZERO
    VECTOR = (HARD_FAULT, 0, VECTTBL)
    BREAKPOINT = (HARD_FAULT, 0, DEBUGEVT)
    SUPERVISOR_CALL = (HARD_FAULT, 0, FORCED)  # SVC where its priority does not allow it


@dataclass(frozen=True)
class Fault:
    """What happened; `address` is that of the data access."""

    kind: Kind
    cause: str
    address: int | None = None


class Faults:
    """Delivers faults to the firmware and reports them."""

    def __init__(
        self,
        exceptions: Exceptions,
        control: SystemControlBlock,
        lines: Lines,
        report: Callable[[Crash], None],
    ) -> None:
        self._exceptions = exceptions
        self._core = exceptions.core
        self._scb = control
        self._lines = lines
        self._report = report

    def deliver(self, fault: Fault) -> bool:
        """Enter the fault's handler; False: the core has locked up."""
        self._note_status(fault)
        number = self._escalated(fault.kind)
        lockup = number == 0 or not self._exceptions.vector(number)
        self._report(self._crash(fault, number, lockup))
        if lockup:
            return False
        if not self._exceptions.enter(number):
            # The stack is what failed: the handler is entered with nothing stacked (B1.5.7).
            self._scb[scb.CFSR] |= STKERR
            self._exceptions.enter(number, force=True)
        return True

    def _note_status(self, fault: Fault) -> None:
        self._scb[scb.CFSR] |= fault.kind.value[1]
        if fault.address is not None:
            self._scb[scb.CFSR] |= BFARVALID
            self._scb[scb.BFAR] = fault.address
        self._scb[scb.HFSR] |= fault.kind.value[2]

    def _escalated(self, kind: Kind) -> int:
        """Return the exception to enter, 0 for lock-up."""
        active = self._core.active
        registers = self._exceptions.registers
        if active[HARD_FAULT] or active[NMI] or registers[FAULTMASK]:
            return 0
        number = int(kind.value[0])
        if number == HARD_FAULT:
            return number
        enabled = self._scb[scb.SHCSR] & scb.FAULT_ENABLE[number]
        if enabled and self._exceptions.is_open(number):
            return number
        self._scb[scb.HFSR] |= FORCED
        return HARD_FAULT

    def _crash(self, fault: Fault, number: int, lockup: bool) -> Crash:
        registers = self._exceptions.registers
        pc = registers[PC]
        return Crash(
            exception=number,
            cause=fault.cause,
            pc=pc,
            place=self._lines.find(pc),
            caller=self._lines.find(registers[LR] - 2),
            address=fault.address,
            cfsr=self._scb[scb.CFSR],
            hfsr=self._scb[scb.HFSR],
            instructions=int(self._core.instructions),
            lockup=lockup,
            registers=registers.all(),
        )
