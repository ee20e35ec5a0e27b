"""UART0, the one without EasyDMA (PS 6.33), and what is left of UARTE0 in the same block."""

from __future__ import annotations

from hil.emulator.bus import BusError
from hil.emulator.exceptions import FIRST_IRQ
from hil.emulator.state import CoreState, UartKind
from hil.emulator.uart import Uart

BASE, IRQ = 0x40002000, 2
STARTRX, STOPRX, STARTTX, STOPTX = 0x000, 0x004, 0x008, 0x00C
CTS, NCTS, RXDRDY, TXDRDY, ERROR, RXTO = 0x100, 0x104, 0x108, 0x11C, 0x124, 0x144
INTENSET, INTENCLR, ERRORSRC, ENABLE = 0x304, 0x308, 0x480, 0x500
PSEL_RTS, PSEL_TXD, PSEL_CTS, PSEL_RXD = 0x508, 0x50C, 0x510, 0x514
RXD, TXD, BAUDRATE, CONFIG = 0x518, 0x51C, 0x524, 0x56C
OVERRUN, FRAMING, BREAK = 1, 4, 8
UART, UARTE = 4, 8
CORE_HZ = 64_000_000
DISCONNECTED = 0xFFFFFFFF

#: What the receiver holds before a byte is overwritten (PS 6.33.4).
FIFO_DEPTH = 6
#: The baud rate generator divides this by the whole part of 2³² / BAUDRATE: that gives every
#: "actual rate" of PS 6.33.10.16's table (115,942 for 115,200; 941,176 for 921,600).
GENERATOR_HZ = 16_000_000


def _bit(offset: int) -> int:
    """Return an event's bit in INTEN."""
    return 1 << (offset - 0x100) // 4


class NrfUart(Uart):
    """Events are bits of `events`, interrupts of `irq_enabled`, numbered as in INTEN."""

    kind = UartKind.NRF52840
    fifo_depth = FIFO_DEPTH

    def __init__(self, core: CoreState) -> None:
        super().__init__(BASE, FIRST_IRQ + IRQ, core)
        self.store(CONFIG)
        self._add_tasks()
        self._add_events()
        self._add_interrupts()
        for offset in (PSEL_RTS, PSEL_TXD, PSEL_CTS, PSEL_RXD):
            self.store(offset, DISCONNECTED)
        self.store(ENABLE)
        self.on(ENABLE, write=self._write_enable)
        self.store(BAUDRATE, 0x04000000)
        self.on(BAUDRATE, write=self._write_baudrate)
        self.on(RXD, self.take)
        self.on(TXD, write=lambda value: self.send(value & 0xFF))
        self.on(ERRORSRC, lambda: int(self.uart.errors), self._clear_errors)

    def _add_tasks(self) -> None:
        self.on(STARTRX, write=lambda _value: self._switch(receiving=True))
        self.on(STOPRX, write=lambda _value: self._switch(receiving=False))
        self.on(STARTTX, write=lambda _value: self._switch(sending=True))
        self.on(STOPTX, write=lambda _value: self._switch(sending=False))

    def _add_events(self) -> None:
        for offset in (CTS, NCTS, RXDRDY, TXDRDY, ERROR, RXTO):
            self._add_event(offset)

    def _add_event(self, offset: int) -> None:
        def read() -> int:
            if offset == RXDRDY:
                self.look()
            return int(bool(self.uart.events & _bit(offset)))

        def write(value: int) -> None:
            if value:
                raise BusError(f"UART: event +0x{offset:X} set by software is not modelled")
            self.uart.events &= ~_bit(offset)
            self.update()

        self.on(offset, read, write)

    def _add_interrupts(self) -> None:
        def enable(value: int) -> None:
            self.uart.irq_enabled |= value
            self.update()

        def disable(value: int) -> None:
            self.uart.irq_enabled &= ~value
            self.update()

        self.on(INTENSET, lambda: int(self.uart.irq_enabled), enable)
        self.on(INTENCLR, lambda: int(self.uart.irq_enabled), disable)

    def _switch(self, receiving: bool | None = None, sending: bool | None = None) -> None:
        is_on = self[ENABLE] == UART
        if receiving is not None:
            self.uart.receiving = receiving and is_on
        if sending is not None:
            self.uart.sending = sending and is_on
        self.advance()

    def _write_enable(self, value: int) -> None:
        if value not in (0, UART):
            raise BusError(f"UART0: ENABLE = {value} (UARTE0 is not modelled)")
        self[ENABLE] = value
        if not value:
            self._switch(receiving=False, sending=False)

    def _write_baudrate(self, value: int) -> None:
        self[BAUDRATE] = value
        self.retime()

    def _clear_errors(self, value: int) -> None:
        self.uart.errors &= ~value

    @property
    def baud(self) -> float:
        """The programmed rate."""
        return GENERATOR_HZ / (2**32 // self[BAUDRATE]) if self[BAUDRATE] else 0.0

    def core_hz(self) -> int:
        """Return the core clock; this chip has one."""
        return CORE_HZ

    def level(self) -> bool:
        """Return whether an enabled event is set."""
        return bool(self.uart.events & self.uart.irq_enabled)

    def on_arrival(self) -> None:
        """RXDRDY says that a byte has come into RXD, from the line or up from the FIFO."""
        self.uart.events |= _bit(RXDRDY)

    def on_overrun(self, byte: int) -> None:
        """The byte last stored is overwritten (PS 6.33.4)."""
        self.uart.fifo[FIFO_DEPTH - 1] = byte
        self.uart.errors |= OVERRUN
        self.uart.events |= _bit(ERROR)

    def on_break(self) -> None:
        """A framing error, and a break where the line stays low for longer (PS 6.33.7)."""
        self.uart.errors |= FRAMING | BREAK
        self.uart.events |= _bit(ERROR)

    def on_sent(self) -> None:
        """TXDRDY."""
        self.uart.events |= _bit(TXDRDY)
