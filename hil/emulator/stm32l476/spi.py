"""SPI2 of the STM32L476 with one data line (RM0351 chapter 42), and the LSM6DSM at its end.

A byte that is sent takes no time. As a receiver the controller clocks bytes without end while it
is on; how many depends on how long that was, on the virtual clock. BSY then stays high until it is
switched on again, as ST's errata say that it may.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from hil.emulator.bus import BusError, Peripheral
from hil.emulator.sensors.lsm6dsm import Lsm6dsm

CR1, CR2, SR, DR = 0x00, 0x04, 0x08, 0x0C
BIDIMODE, BIDIOE, SPE = 1 << 15, 1 << 14, 1 << 6
#: SSM, SSI, clock / 16, master, mode 3: what is modelled besides the bits above.
SET_UP = 1 << 9 | 1 << 8 | 3 << 3 | 1 << 2 | 3
CYCLES_PER_BYTE = 8 * 16
FRXTH_8_BITS = 1 << 12 | 7 << 8
BSY, TXE, RXNE = 1 << 7, 1 << 1, 1
READ = 0x80


class Bus:
    """The wire's other end: the sensor, selected by a pin."""

    def __init__(self, sensor: Lsm6dsm) -> None:
        self._sensor = sensor
        self._selected = False
        self._command: int | None = None
        self._address = 0

    def select(self, on: bool) -> None:
        """Begin a transfer, or end it."""
        if on != self._selected:
            self._selected, self._command = on, None

    def send(self, byte: int) -> None:
        """The first byte is an address, the others are written there."""
        if not self._selected or not self._sensor.present:
            return
        if self._command is None:
            self._command, self._address = byte, byte & 0x7F
        elif not self._command & READ:
            self._sensor.write(self._address, byte)
            self._address = self._sensor.next_address(self._address)

    def receive(self) -> int:
        """Return the line's level for eight clocks: high, where nobody drives it."""
        if not self._selected or not self._sensor.answers or not (self._command or 0) & READ:
            return 0xFF
        byte = self._sensor.read(self._address)
        self._address = self._sensor.next_address(self._address)
        return byte


class StmSpi(Peripheral):
    """SPI2."""

    def __init__(self, bus: Bus, now: Callable[[], int]) -> None:
        super().__init__("SPI2", 0x40003800, 0x400)
        self._bus = bus
        self._now = now
        self._received: deque[int] = deque()
        self._since = 0
        self._seems_busy = False
        self.store(CR1)
        self.on(CR1, lambda: self[CR1], self._control)
        self.store(CR2, 0x700)
        self.on(SR, lambda: TXE | RXNE * bool(self._received) | BSY * self._seems_busy)

    def reset(self) -> None:
        """Nothing received."""
        super().reset()
        self._received.clear()
        self._seems_busy = False

    def _control(self, value: int) -> None:
        if value & ~(BIDIMODE | BIDIOE | SPE) != SET_UP or not value & BIDIMODE:
            raise BusError(f"SPI2: CR1 = 0x{value:X} is not modelled")
        before, self[CR1] = self[CR1], value
        was_receiving = before & (SPE | BIDIOE) == SPE
        if value & (SPE | BIDIOE) == SPE and not was_receiving:
            self._since, self._seems_busy = self._now(), False
        elif was_receiving and not value & SPE:
            for _ in range((self._now() - self._since) // CYCLES_PER_BYTE + 1):
                self._received.append(self._bus.receive())
            self._seems_busy = True
        elif value & SPE:
            self._seems_busy = False

    def read(self, offset: int, size: int) -> int:
        """Return a register; the data register a byte at a time."""
        if offset != DR:
            return super().read(offset, size)
        if size != 1 or not self._received:
            raise BusError(f"SPI2: {size} bytes read of {len(self._received)} received")
        return self._received.popleft()

    def write(self, offset: int, size: int, value: int) -> None:
        """Write a register; the data register a byte at a time."""
        if offset != DR:
            super().write(offset, size, value)
            return
        if size != 1 or self[CR2] != FRXTH_8_BITS or not self[CR1] & SPE:
            raise BusError("SPI2: only bytes are modelled, sent while it is on")
        self._bus.send(value & 0xFF)
