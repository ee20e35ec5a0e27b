"""The interrupt controller's registers (DDI 0403E B3.4); the logic is in `exceptions.py`."""

from __future__ import annotations

import ctypes
from collections.abc import Callable

from hil.emulator.bus import BusError, Peripheral
from hil.emulator.exceptions import FIRST_IRQ
from hil.emulator.state import CoreState

ICTR, SYST_CSR = 0x004, 0x010
ISER, ICER, ISPR, ICPR, IABR, IPR = 0x100, 0x180, 0x200, 0x280, 0x300, 0x400
WORDS = 8

Flags = ctypes.Array[ctypes.c_uint8]


class Nvic(Peripheral):
    """0xE000E000 to 0xE000ECFF. `on_change` is called when a pending bit may have to be set again.

    SysTick can be switched off, which is all that the firmware asks of it.
    """

    def __init__(
        self, core: CoreState, irqs: int, priority_bits: int, on_change: Callable[[], None]
    ) -> None:
        super().__init__("NVIC", 0xE000E000, 0xD00)
        self._core = core
        self._irqs = irqs
        self._priority_mask = 0xFF << (8 - priority_bits) & 0xFF
        self._on_change = on_change
        self.on(ICTR, lambda: (irqs + 31) // 32 - 1)
        self.on(SYST_CSR, lambda: 0, self._write_systick)
        for word in range(WORDS):
            self._add_flags(word, ISER, ICER, core.enabled)
            self._add_flags(word, ISPR, ICPR, core.pending)
            self._add_active(word)
        self.reset()

    def reset(self) -> None:
        """Disable everything; nothing is pending or active."""
        core = self._core
        for flags in (core.pending, core.enabled, core.active, core.priority):
            ctypes.memset(flags, 0, ctypes.sizeof(flags))
        ctypes.memset(core.enabled, 1, FIRST_IRQ)

    def _add_flags(self, word: int, set_at: int, clear_at: int, flags: Flags) -> None:
        def read() -> int:
            return self._bits(word, flags)

        self.on(set_at + 4 * word, read, lambda value: self._change(word, flags, value, 1))
        self.on(clear_at + 4 * word, read, lambda value: self._change(word, flags, value, 0))

    def _add_active(self, word: int) -> None:
        self.on(IABR + 4 * word, lambda: self._bits(word, self._core.active))

    @staticmethod
    def _bits(word: int, flags: Flags) -> int:
        first = FIRST_IRQ + 32 * word
        return sum(1 << i for i, flag in enumerate(bytes(flags)[first : first + 32]) if flag)

    def _change(self, word: int, flags: Flags, value: int, new: int) -> None:
        # Bits of interrupts the chip has not got are ignored (B3.4.3).
        for irq in range(32 * word, min(32 * word + 32, self._irqs)):
            if value >> irq % 32 & 1:
                flags[FIRST_IRQ + irq] = new
        self._on_change()
        self._core.attention = 1

    def _write_systick(self, value: int) -> None:
        if value & 3:
            raise BusError("SysTick is not modelled")

    def read(self, offset: int, size: int) -> int:
        """Return a register; priorities can be read byte by byte."""
        if not IPR <= offset < IPR + self._irqs:
            return super().read(offset, size)
        first = FIRST_IRQ + offset - IPR
        return int.from_bytes(bytes(self._core.priority)[first : first + size], "little")

    def write(self, offset: int, size: int, value: int) -> None:
        """Write a register; priorities can be written byte by byte."""
        if not IPR <= offset < IPR + self._irqs:
            super().write(offset, size, value)
            return
        for i, byte in enumerate(value.to_bytes(size, "little")):
            self._core.priority[FIRST_IRQ + offset - IPR + i] = byte & self._priority_mask
        self._core.attention = 1
