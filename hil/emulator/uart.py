"""A UART's line: its timing, its FIFO, its interrupt. Twin of native/uart.c.

Pacing. *Instant*: a byte the host sent is there when the firmware looks for it, that is when it
reads the receiver's state or sleeps; a byte the firmware sends is gone at once. So the counts of an
inference do not depend on when the host sent the next one. *Baud*: a byte takes ten bit times of
the virtual clock, and one that finds the FIFO full is lost, with the chip's overrun flags.
Either way the line starts to move when the firmware switches its receiver on.

A chip's front end (`nrf52840/uart.py`, `stm32l476/uart.py`) adds its registers and says which of
them raise the interrupt.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from hil.emulator.bus import Peripheral
from hil.emulator.state import NEVER, CoreState, UartKind, UartState

#: Bytes that instant pacing hands over before the firmware sleeps again: a firmware with a smaller
#: ring than the host has requests on the way still gets to empty it.
BURST = 1024

#: Start bit, eight data bits, stop bit.
BITS_PER_BYTE = 10


class Uart(Peripheral, ABC):
    """The line; one byte in the shift register each way, `fifo_depth` bytes received."""

    kind: UartKind
    fifo_depth: int

    def __init__(self, base: int, exception: int, core: CoreState) -> None:
        super().__init__("UART", base)
        self.core = core
        self.uart: UartState = core.uart
        self.uart.kind = self.kind
        self.uart.number = exception
        self.uart.fifo_depth = self.fifo_depth
        self.paced = False

    def reset(self) -> None:
        """Return to the state after a reset; what the host has queued stays on the line."""
        super().reset()
        uart = self.uart
        for name in ("fifo_count", "receiving", "sending", "events", "irq_enabled", "errors"):
            setattr(uart, name, 0)
        for name in ("level", "receive_busy", "transmit_busy", "hold_full", "byte_cycles"):
            setattr(uart, name, 0)
        uart.burst, uart.due = BURST, NEVER

    @property
    @abstractmethod
    def baud(self) -> float:
        """The programmed rate in bits per second, 0 when none is set."""

    @abstractmethod
    def level(self) -> bool:
        """Return the state of the interrupt line."""

    @abstractmethod
    def on_arrival(self) -> None:
        """Set the flags that go with a byte that has become the next to read."""

    @abstractmethod
    def on_overrun(self, byte: int) -> None:
        """Set the flags that go with `byte` finding the FIFO full."""

    @abstractmethod
    def on_break(self) -> None:
        """Set the flags that go with a zero whose stop bit is missing."""

    @abstractmethod
    def on_sent(self) -> None:
        """Set the flags that go with an empty shift register."""

    @abstractmethod
    def core_hz(self) -> int:
        """Return the core clock."""

    def set_pacing(self, paced: bool) -> None:
        """Choose baud-accurate (`paced`) or instant pacing, from the next byte on."""
        self.paced = paced
        self.retime()

    def retime(self) -> None:
        """Take the programmed rate over into the line's timing."""
        uart = self.uart
        length = round(BITS_PER_BYTE * self.core_hz() / self.baud) if self.baud else 0
        uart.byte_cycles = length if self.paced else 0
        if not uart.byte_cycles:
            uart.receive_busy = 0
            if uart.transmit_busy:
                self.transmit_done()
        self.update()

    def update(self) -> None:
        """Look at the interrupt line again, and wake the exception logic when it has risen."""
        uart, core = self.uart, self.core
        level = self.level()
        if level and not core.active[uart.number] and not core.pending[uart.number]:
            core.pending[uart.number] = 1
            core.attention = 1
        uart.level = level
        receive = uart.receive_due if uart.receive_busy else NEVER
        transmit = uart.transmit_due if uart.transmit_busy else NEVER
        uart.due = min(receive, transmit)

    def advance(self) -> None:
        """Let the line catch up with the clock."""
        uart, until = self.uart, self.core.now()
        waiting = len(uart.from_host) and not uart.receive_busy
        if uart.byte_cycles and uart.receiving and waiting:
            uart.receive_busy = 1
            uart.receive_due = until + uart.byte_cycles
        self.update()
        while uart.due <= until:
            if uart.receive_busy and uart.due == uart.receive_due:
                self.receive_done()
            else:
                self.transmit_done()
            self.update()

    def receive_done(self) -> None:
        """A byte's last bit has come in."""
        uart = self.uart
        self.arrived(uart.from_host.pop())
        uart.receive_busy = len(uart.from_host) != 0
        uart.receive_due += uart.byte_cycles

    def arrived(self, byte: int) -> None:
        """Put `byte` into the FIFO, or lose it."""
        uart = self.uart
        uart.received += 1
        if uart.fifo_count == uart.fifo_depth:
            uart.overruns += 1
            self.on_overrun(byte)
            return
        uart.fifo[uart.fifo_count] = byte
        uart.fifo_count += 1
        if uart.fifo_count == 1:
            self.on_arrival()

    def line_break(self) -> None:
        """The host holds the line low for longer than a byte; it comes ahead of what is queued."""
        if not self.uart.receiving:
            return
        self.arrived(0)
        self.on_break()
        self.update()

    def transmit_done(self) -> None:
        """A byte's last bit has gone out."""
        uart = self.uart
        uart.to_host.push(bytes([uart.transmit_byte]))
        uart.sent += 1
        uart.transmit_busy = uart.hold_full
        if uart.hold_full:
            uart.transmit_byte = uart.hold_byte
            uart.hold_full = 0
            uart.transmit_due += uart.byte_cycles
        self.on_sent()

    def look(self) -> bool:
        """Instant pacing: the firmware looks for a byte. Return whether it got one."""
        uart = self.uart
        wanted = not uart.byte_cycles and uart.receiving and not uart.fifo_count
        if not (wanted and uart.burst and len(uart.from_host)):
            return False
        uart.burst -= 1
        self.arrived(uart.from_host.pop())
        self.update()
        return True

    def send(self, byte: int) -> None:
        """The firmware writes its data register."""
        uart = self.uart
        if not uart.sending:
            return
        if not uart.byte_cycles:
            uart.transmit_byte = byte
            self.transmit_done()
        elif not uart.transmit_busy:
            uart.transmit_busy = 1
            uart.transmit_byte = byte
            uart.transmit_due = self.core.now() + uart.byte_cycles
            self.on_send()
        else:
            self.send_while_busy(byte)
        self.update()

    def on_send(self) -> None:
        """Set the flags that go with a byte entering the shift register."""

    def send_while_busy(self, byte: int) -> None:
        """Keep or lose a byte written while another is being sent."""
        self.uart.overwritten += 1
        self.uart.hold_byte = byte

    def take(self) -> int:
        """The firmware reads its data register."""
        uart = self.uart
        byte: int = uart.fifo[0]
        if uart.fifo_count:
            uart.fifo_count -= 1
            for i in range(uart.fifo_count):
                uart.fifo[i] = uart.fifo[i + 1]
            if uart.fifo_count:
                self.on_arrival()
        self.look()
        self.update()
        return byte
