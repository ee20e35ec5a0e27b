"""TIMER0 of the nRF52840 (Product Specification 6.30), as it is used: 32 bits at 1 MHz."""

from __future__ import annotations

from hil.emulator.bus import BusError
from hil.emulator.exceptions import FIRST_IRQ
from hil.emulator.state import CoreState
from hil.emulator.timer import Timer

START, STOP, CLEAR, CAPTURE1, COMPARE0 = 0x000, 0x004, 0x00C, 0x044, 0x140
INTENSET, INTENCLR, MODE, BITMODE, PRESCALER, CC0, CC1 = (
    0x304, 0x308, 0x504, 0x508, 0x510, 0x540, 0x544,
)  # fmt: skip
INT_COMPARE0 = 1 << 16
IRQ = 8


class NrfTimer(Timer):
    """Compare 0 raises the interrupt; capture 1 reads the count."""

    span = 0x1000

    def __init__(self, core: CoreState, core_hz: int) -> None:
        super().__init__("TIMER0", 0x40008000, FIRST_IRQ + IRQ, core, core_hz)
        self._enabled = 0
        self.on(START, write=lambda value: self._start() if value else None)
        self.on(STOP, write=lambda value: self.stop() if value else None)
        self.on(CLEAR, write=lambda value: self.clear() if value else None)
        self.on(CAPTURE1, write=lambda _value: self._capture())
        self.on(COMPARE0, self._event, self._clear_event)
        self.on(INTENSET, lambda: self._enabled, lambda value: self._enable(self._enabled | value))
        self.on(INTENCLR, lambda: self._enabled, lambda value: self._enable(self._enabled & ~value))
        self.on(CC0, lambda: self.compare, self.set_compare)
        self.store(CC1)
        self.store(MODE)
        self.store(BITMODE)
        self.store(PRESCALER, 4)

    def reset(self) -> None:
        """Stop, with no interrupt."""
        super().reset()
        self._enabled = 0

    @property
    def is_enabled(self) -> bool:
        """INTEN's COMPARE0."""
        return bool(self._enabled & INT_COMPARE0)

    def _start(self) -> None:
        if (self[MODE], self[BITMODE], self[PRESCALER]) != (0, 3, 4):
            raise BusError("TIMER0: only a timer of 32 bits at 1 MHz is modelled")
        self.start()

    def _capture(self) -> None:
        self[CC1] = self.count

    def _event(self) -> int:
        self._catch_up()
        return int(self.matched)

    def _clear_event(self, value: int) -> None:
        if value:
            raise BusError("TIMER0: an event set by software is not modelled")
        self._catch_up()
        self.matched = False

    def _enable(self, value: int) -> None:
        self._enabled = value
        self.update()
