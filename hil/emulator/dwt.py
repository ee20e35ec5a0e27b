"""The Data Watchpoint and Trace unit's cycle counter (DDI 0403E C1.8).

CYCCNT counts executed instructions, exactly, as in Renode; a control command switches it to the
cycle estimate. It stands still while the core sleeps. A touch of these registers stops unicorn in
the middle of the block (`Stop.REPLAY`), the run loop notes the exact count, and the access is
repeated and answered here.
"""

from __future__ import annotations

from collections.abc import Callable

from hil.emulator.bus import Peripheral
from hil.emulator.state import CoreState, Stop

CTRL, CYCCNT = 0x0, 0x4
CYCCNTENA = 1
NUMCOMP = 4 << 28  # the Cortex-M4's four comparators, none of them modelled


class Dwt(Peripheral):
    """CTRL and CYCCNT. `is_on` says whether DEMCR.TRCENA is set."""

    def __init__(self, core: CoreState, stop: Callable[[Stop], None]) -> None:
        super().__init__("DWT", 0xE0001000)
        self._core = core
        self._stop = stop
        self.is_on = False
        self.on(CTRL, lambda: NUMCOMP | self._enabled, self._write_control)
        self.on(CYCCNT, self._count, self._write_count)
        self.reset()

    def reset(self) -> None:
        """Stop and clear the counter."""
        self._enabled = 0
        self._value = 0  # while it stands still; else the count at which it was 0

    @property
    def _runs(self) -> bool:
        return bool(self._enabled and self.is_on)

    def _count(self) -> int:
        value = self._core.replay_count - self._value if self._runs else self._value
        return int(value & 0xFFFFFFFF)

    def _write_count(self, value: int) -> None:
        self._value = self._core.replay_count - value if self._runs else value

    def _write_control(self, value: int) -> None:
        self._switch(value & CYCCNTENA, self.is_on)

    def trace(self, on: bool) -> None:
        """Switch DEMCR.TRCENA; the count goes on from where it stood."""
        self._note_count()
        self._switch(self._enabled, on)

    def _switch(self, enabled: int, is_on: bool) -> None:
        value = self._count()
        self._enabled, self.is_on = enabled, is_on
        self._write_count(value)

    def count_cycles(self, from_cycles: bool) -> None:
        """Count the cycle estimate, or instructions; the value goes on from where it stood."""
        core = self._core
        self._note_count()
        value = self._count()
        core.cyccnt_from_cycles = from_cycles
        self._note_count()
        self._write_count(value)

    def _note_count(self) -> None:
        core = self._core
        core.replay_count = core.cycles if core.cyccnt_from_cycles else core.instructions

    def read(self, offset: int, size: int) -> int:
        """Return a register, once the exact place is known."""
        return super().read(offset, size) if self._is_placed() else 0

    def write(self, offset: int, size: int, value: int) -> None:
        """Write a register, once the exact place is known."""
        if self._is_placed():
            super().write(offset, size, value)

    def _is_placed(self) -> bool:
        if self._core.replay:
            self._core.replay = 0
            return True
        self._stop(Stop.REPLAY)
        return False
