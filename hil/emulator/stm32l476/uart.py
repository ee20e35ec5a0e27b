"""UART5 (RM0351 40.8): one byte in RDR, one in TDR, one in each shift register."""

from __future__ import annotations

from collections.abc import Callable

from hil.emulator.bus import BusError
from hil.emulator.exceptions import FIRST_IRQ
from hil.emulator.state import CoreState, UartKind
from hil.emulator.uart import Uart

BASE, IRQ = 0x40005000, 53
CR1, CR2, CR3, BRR, RQR, ISR, ICR, RDR, TDR = (
    0x00, 0x04, 0x08, 0x0C, 0x18, 0x1C, 0x20, 0x24, 0x28,
)  # fmt: skip
UE, RE, TE = 1 << 0, 1 << 2, 1 << 3
FE, ORE, RXNE, TC, TXE, ACKNOWLEDGE = (
    1 << 1, 1 << 3, 1 << 5, 1 << 6, 1 << 7, 3 << 21,
)  # fmt: skip
INTERRUPTS = RXNE | TC | TXE  # CR1's enable bits have the numbers of ISR's flags
CLEARABLE = 0xF  # PE, FE, NE, ORE
RXFRQ = 1 << 3


class StmUart(Uart):
    """`events` holds TC, `errors` ISR's error flags, `irq_enabled` CR1's enable bits."""

    kind = UartKind.STM32L476
    fifo_depth = 1

    def __init__(self, core: CoreState, clock: Callable[[], int]) -> None:
        super().__init__(BASE, FIRST_IRQ + IRQ, core)
        self._clock = clock
        self.store(CR1)
        self.on(CR1, write=self._write_control)
        self.on(CR2, lambda: 0, self._refuse_options)
        self.on(CR3, lambda: 0, self._refuse_options)
        self.store(BRR)
        self.on(BRR, write=self._write_brr)
        self.on(RQR, write=self._request)
        self.on(ISR, self._status)
        self.on(ICR, write=self._clear)
        self.on(RDR, self.take)
        self.on(TDR, write=lambda value: self.send(value & 0xFF))

    def reset(self) -> None:
        """Return to the reset values: the transmitter is idle."""
        super().reset()
        self.uart.events = TC

    def _write_control(self, value: int) -> None:
        if value & ~(UE | RE | TE | INTERRUPTS):
            raise BusError(f"UART5: CR1 = 0x{value:X} is not modelled")
        self[CR1] = value
        self.uart.receiving = bool(value & UE and value & RE)
        self.uart.sending = bool(value & UE and value & TE)
        self.uart.irq_enabled = value & INTERRUPTS
        self.advance()

    def _refuse_options(self, value: int) -> None:
        if value:
            raise BusError("UART5: options in CR2 and CR3 are not modelled")

    def _write_brr(self, value: int) -> None:
        self[BRR] = value
        self.retime()

    def _request(self, value: int) -> None:
        if value != RXFRQ:
            raise BusError(f"UART5: RQR = 0x{value:X} is not modelled")
        self.uart.fifo_count = 0
        self.update()

    def _flags(self) -> int:
        uart = self.uart
        status = uart.events & TC | uart.errors
        status |= RXNE if uart.fifo_count else 0
        status |= 0 if uart.hold_full else TXE
        return int(status | (ACKNOWLEDGE if uart.receiving or uart.sending else 0))

    def _status(self) -> int:
        self.look()
        return self._flags()

    def _clear(self, value: int) -> None:
        self.uart.errors &= ~(value & CLEARABLE)
        self.uart.events &= ~(value & TC)
        self.update()

    @property
    def baud(self) -> float:
        """The programmed rate, with the default oversampling by 16."""
        return self._clock() / self[BRR] if self[BRR] else 0.0

    def core_hz(self) -> int:
        """Return the core clock."""
        return self._clock()

    def level(self) -> bool:
        """RXNEIE also enables ORE (RM0351 40.6)."""
        enabled = self.uart.irq_enabled
        return bool(self._flags() & (enabled | (ORE if enabled & RXNE else 0)))

    def on_arrival(self) -> None:
        """RXNE follows from the FIFO's count."""

    def on_overrun(self, byte: int) -> None:
        """RDR keeps its byte, the new one is lost (RM0351 40.5.3)."""
        self.uart.errors |= ORE

    def on_break(self) -> None:
        """A framing error, whose zero is in RDR (RM0351 40.5.3)."""
        self.uart.errors |= FE

    def on_send(self) -> None:
        """A byte is on its way out."""
        self.uart.events &= ~TC

    def send_while_busy(self, byte: int) -> None:
        """TDR holds one byte more."""
        self.uart.overwritten += self.uart.hold_full
        self.uart.hold_full = 1
        self.uart.hold_byte = byte

    def on_sent(self) -> None:
        """TC when the transmitter has run dry."""
        if not self.uart.transmit_busy:
            self.uart.events |= TC
