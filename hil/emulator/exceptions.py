"""Exception entry and return, and which exception is next (Armv7-M ARM, DDI 0403E B1.5).

Twin of native/exceptions.c. Faults are never pending: they are taken where they happen, by
`faults.py`. The FPU's registers are stacked at once where the chip would do it lazily; software
cannot tell, except by looking below a handler's stack pointer.
"""

from __future__ import annotations

import struct

from hil.emulator import registers as reg
from hil.emulator.registers import Registers
from hil.emulator.state import EXCEPTIONS, PRIORITY_THREAD, CoreState

FRAME_WORDS, EXTENDED_WORDS = 8, 26
XPSR_ALIGNED, XPSR_T, XPSR_NUMBER, XPSR_IT = 1 << 9, 1 << 24, 0x1FF, 0x0600FC00
RETURN_PSP, RETURN_THREAD, RETURN_BASIC = 4, 8, 16

NMI, HARD_FAULT, MEM_MANAGE, BUS_FAULT, USAGE_FAULT = 2, 3, 4, 5, 6
SV_CALL, PEND_SV, SYS_TICK, FIRST_IRQ = 11, 14, 15, 16


class Exceptions:
    """The exception logic over the shared state."""

    def __init__(self, core: CoreState, registers: Registers) -> None:
        self.core = core
        self.registers = registers

    def group(self, number: int) -> int:
        """Return the group priority of an exception."""
        return int(self.core.priority[number] & self.core.group_mask)

    def execution_priority(self, with_primask: bool) -> int:
        """Return the priority that a new exception must be better (smaller) than."""
        priority = self.core.active_priority
        base = self.registers[reg.BASEPRI] & self.core.group_mask
        if base:
            priority = min(priority, base)
        if with_primask and self.registers[reg.PRIMASK]:
            priority = 0
        return 0 if self.registers[reg.FAULTMASK] else int(priority)

    def best_pending(self) -> int:
        """Return the pending, enabled exception of the best priority, 0 when there is none."""
        pending = bytes(self.core.pending)
        if not any(pending):
            return 0
        enabled, priority = bytes(self.core.enabled), bytes(self.core.priority)
        candidates = [n for n in range(11, EXCEPTIONS) if pending[n] and enabled[n]]
        return min(candidates, key=lambda n: (priority[n], n), default=0)

    def is_open(self, number: int) -> bool:
        """Return whether the mask registers let exception `number` through."""
        return self.group(number) < self.execution_priority(with_primask=True)

    def has_pending_to_wake(self) -> bool:
        """Return whether something would end a WFI (PRIMASK does not count: B1.5.19)."""
        best = self.best_pending()
        return bool(best) and self.group(best) < self.execution_priority(with_primask=False)

    def find_active_priority(self) -> None:
        """Note the priority of what runs now."""
        active = bytes(self.core.active)
        running = [n for n in range(2, EXCEPTIONS) if active[n]]
        priorities = [0 if n <= HARD_FAULT else self.group(n) for n in running]
        self.core.active_priority = min(priorities, default=PRIORITY_THREAD)

    def take_pending(self) -> bool:
        """Take the best pending exception if the priorities allow it. False: it cannot be."""
        core = self.core
        core.attention = core.candidate = 0
        best = self.best_pending()
        if not best or self.group(best) >= core.active_priority:
            return True
        if self.is_open(best):
            return self.enter(best)
        core.candidate = best
        return True

    def vector(self, number: int) -> int:
        """Return a handler's address, 0 where the table holds none with the Thumb bit."""
        vector = self.registers.load_word(self.core.vector_table + 4 * number)
        return vector if vector and vector & 1 else 0

    def enter(self, number: int, force: bool = False) -> bool:
        """Stack the frame and go to the handler; False: impossible, and nothing has changed.

        `force` goes there all the same when only the stacking failed, as the core does.
        """
        core, registers = self.core, self.registers
        psr, sp = registers[reg.XPSR], registers[reg.SP]
        fpu = bool(core.fpu_used and core.fpu_auto)
        words = [registers[r] for r in reg.FRAME[:-1]]
        words.append(psr & ~XPSR_ALIGNED | (XPSR_ALIGNED if sp & 4 else 0) | XPSR_T)
        if fpu:
            words += [*(registers[r] for r in reg.FPU), 0]
        frame = (sp & ~4) - 4 * len(words)
        vector = self.vector(number)
        data = struct.pack(f"<{len(words)}I", *words)
        if not vector or not (registers.store_bytes(frame, data) or force):
            return False
        exc_return = 0xFFFFFFE1 | (0 if fpu else RETURN_BASIC)
        if not psr & XPSR_NUMBER:
            psp = registers[reg.CONTROL] & 2
            exc_return |= RETURN_THREAD | (RETURN_PSP if psp else 0)
        registers[reg.SP] = frame
        registers[reg.XPSR] = psr & ~(XPSR_NUMBER | XPSR_IT) | XPSR_T | number
        registers[reg.LR] = exc_return
        registers[reg.PC] = vector
        core.active[number], core.pending[number] = 1, 0
        core.fpu_used, core.event_register = 0, 1
        core.cycles += core.entry_cycles
        core.expected = vector & ~1
        self.find_active_priority()
        return True

    def _is_legal_return(self, exc_return: int, number: int) -> bool:
        if exc_return & 0xFFFFFFE0 != 0xFFFFFFE0 or not self.core.active[number]:
            return False
        nested = sum(bytes(self.core.active)) > 1
        return exc_return & 0xF == 1 if nested else exc_return & 0xF in (9, 13)

    def leave(self, exc_return: int) -> bool:
        """Unstack and go on where the exception came from; False: not a legal return."""
        core, registers = self.core, self.registers
        number = registers[reg.XPSR] & XPSR_NUMBER
        if not number or not self._is_legal_return(exc_return, number):
            return False
        psp, thread = exc_return & RETURN_PSP, exc_return & RETURN_THREAD
        fpu = not exc_return & RETURN_BASIC
        size = EXTENDED_WORDS if fpu else FRAME_WORDS
        sp = registers[reg.PSP if psp else reg.SP]
        frame = registers.load_bytes(sp, 4 * size)
        if frame is None:
            return False
        words = struct.unpack(f"<{size}I", frame)
        psr = words[7]
        if (psr & XPSR_NUMBER == 0) != bool(thread):
            return False
        sp += 4 * size + (4 if psr & XPSR_ALIGNED else 0)
        if number != NMI:
            registers[reg.FAULTMASK] = 0
        core.active[number] = 0
        if not psp:
            registers[reg.SP] = sp
        registers[reg.XPSR_ALL] = psr | XPSR_T
        if thread:
            registers[reg.CONTROL] = registers[reg.CONTROL] & ~2 | (2 if psp else 0)
        if psp:
            registers[reg.SP] = sp
        self._restore(words, fpu)
        core.fpu_used, core.event_register = int(fpu), 1
        core.cycles += core.return_cycles
        core.expected = words[6] & ~1
        self.find_active_priority()
        core.sleeping = bool(core.sleep_on_exit and thread)
        return True

    def _restore(self, words: tuple[int, ...], fpu: bool) -> None:
        for register, value in zip(reg.FRAME[:6], words, strict=False):
            self.registers[register] = value
        self.registers[reg.PC] = words[6] | 1
        if fpu:
            for register, value in zip(reg.FPU, words[FRAME_WORDS:], strict=False):
                self.registers[register] = value
