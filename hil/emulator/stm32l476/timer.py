"""TIM2 of the STM32L476 (RM0351 chapter 31), as the firmware uses it: 32 bits at 1 MHz."""

from __future__ import annotations

from collections.abc import Callable

from hil.emulator.bus import BusError
from hil.emulator.exceptions import FIRST_IRQ
from hil.emulator.state import CoreState
from hil.emulator.timer import MASK, Timer

CR1, DIER, SR, EGR, CNT, PSC, ARR, CCR1 = 0x00, 0x0C, 0x10, 0x14, 0x24, 0x28, 0x2C, 0x34
CEN, CC1, UG = 1, 1 << 1, 1
IRQ = 28


class StmTimer(Timer):
    """Channel 1's compare raises the interrupt. clock: of the core, as programmed."""

    span = 0x400

    def __init__(self, core: CoreState, core_hz: int, clock: Callable[[], int]) -> None:
        super().__init__("TIM2", 0x40000000, FIRST_IRQ + IRQ, core, core_hz)
        self._clock = clock
        self._enabled = False
        self.on(CR1, lambda: int(self._since is not None), self._switch)
        self.on(DIER, lambda: CC1 * self._enabled, self._enable)
        self.on(SR, lambda: CC1 * self._event(), self._clear_event)
        self.on(EGR, write=lambda value: self.clear() if value & UG else None)
        self.on(CNT, lambda: self.count)
        self.on(CCR1, lambda: self.compare, self.set_compare)
        self.store(PSC)
        self.store(ARR, MASK)

    def reset(self) -> None:
        """Stop, with no interrupt."""
        super().reset()
        self._enabled = False

    @property
    def is_enabled(self) -> bool:
        """DIER's CC1IE."""
        return self._enabled

    def _switch(self, value: int) -> None:
        if value & ~CEN:
            raise BusError(f"TIM2: CR1 = 0x{value:X} is not modelled")
        if not value:
            self.stop()
        elif self._clock() != 1_000_000 * (self[PSC] + 1) or self[ARR] != MASK:
            raise BusError("TIM2: only 32 bits at 1 MHz are modelled")
        else:
            self.start()

    def _enable(self, value: int) -> None:
        self._enabled = bool(value & CC1)
        self.update()

    def _event(self) -> bool:
        self._catch_up()
        return self.matched

    def _clear_event(self, value: int) -> None:
        self._catch_up()
        self.matched = self.matched and bool(value & CC1)
