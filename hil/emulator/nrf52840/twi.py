"""TWI0 of the nRF52840, the I2C master without EasyDMA (Product Specification 6.31).

A byte takes no time: it is there, and its event set, when the firmware looks.
"""

from __future__ import annotations

from collections.abc import Callable

from hil.emulator.bus import BusError, Peripheral
from hil.emulator.sensors.lsm9ds1 import Lsm9ds1

STARTRX, STARTTX, STOP, RESUME = 0x000, 0x008, 0x014, 0x020
STOPPED, RXDREADY, TXDSENT, ERROR = 0x104, 0x108, 0x11C, 0x124
SHORTS, INTENCLR, ERRORSRC, ENABLE = 0x200, 0x308, 0x4C4, 0x500
PSELSCL, PSELSDA, RXD, TXD, FREQUENCY, ADDRESS = 0x508, 0x50C, 0x518, 0x51C, 0x524, 0x588
BB_SUSPEND, BB_STOP = 1, 2
ANACK = 1 << 1
TWI = 5


class NrfTwi(Peripheral):
    """The bus with the sensor on it. is_powered: whether the sensor and the pull-ups are."""

    def __init__(self, sensor: Lsm9ds1, is_powered: Callable[[], bool]) -> None:
        super().__init__("TWI0", 0x40003000)
        self._sensor = sensor
        self._is_powered = is_powered
        self._events = dict.fromkeys((STOPPED, RXDREADY, TXDSENT, ERROR), 0)
        self._register: int | None = None
        self._sending = False
        self._received = self._errors = 0
        for offset in self._events:
            self._add_event(offset)
        self._add_tasks()
        self.on(INTENCLR, write=lambda _value: None)
        self.on(ERRORSRC, lambda: self._errors, self._clear_errors)
        self.on(ENABLE, lambda: self[ENABLE], self._write_enable)
        self.on(RXD, lambda: self._received)
        self.on(TXD, write=self._send)
        self.store(ENABLE)
        for offset in (SHORTS, FREQUENCY, ADDRESS):
            self.store(offset)
        for offset in (PSELSCL, PSELSDA):
            self.store(offset, 0xFFFFFFFF)

    def _add_event(self, offset: int) -> None:
        def write(value: int) -> None:
            if value:
                raise BusError(f"TWI0: event +0x{offset:X} set by software is not modelled")
            self._events[offset] = 0

        self.on(offset, lambda: self._events[offset], write)

    def _add_tasks(self) -> None:
        for offset, task in (
            (STARTRX, self._start_receiving), (STARTTX, self._start_sending),
            (STOP, self._stop), (RESUME, self._receive),
        ):  # fmt: skip
            self.on(offset, write=self._task(task))

    def _task(self, task: Callable[[], None]) -> Callable[[int], None]:
        def write(value: int) -> None:
            if value and self[ENABLE] == TWI:
                task()

        return write

    def reset(self) -> None:
        """No transfer, no events."""
        super().reset()
        for offset in self._events:
            self._events[offset] = 0
        self._register, self._sending, self._errors = None, False, 0

    def _write_enable(self, value: int) -> None:
        if value not in (0, TWI):
            raise BusError(f"TWI0: ENABLE = {value} (SPI0 and TWIM0 are not modelled)")
        self[ENABLE] = value
        self._sending = False

    def _clear_errors(self, value: int) -> None:
        self._errors &= ~value

    def _answered(self) -> bool:
        """Address the device; nobody's answer is an error."""
        pins = (self[PSELSCL], self[PSELSDA]) == (15, 14)
        there = self._sensor.present and self._is_powered() and pins
        if there and self[ADDRESS] == self._sensor.address:
            return True
        self._errors |= ANACK
        self._events[ERROR] = 1
        return False

    def _start_sending(self) -> None:
        self._sending, self._register = True, None

    def _send(self, value: int) -> None:
        if not self._sending or not self._answered():
            return
        if self._register is None:
            self._register = value & 0x7F
        else:
            self._sensor.write(self._register, value & 0xFF)
            self._register = self._sensor.next_address(self._register)
        self._events[TXDSENT] = 1

    def _start_receiving(self) -> None:
        self._sending = False
        if self._answered():
            self._receive()

    def _receive(self) -> None:
        if self._register is None:
            raise BusError("TWI0: a read without a register's address before it")
        if not self[SHORTS] & (BB_SUSPEND | BB_STOP):
            raise BusError("TWI0: the next byte would come unasked (neither BB shortcut is set)")
        self._received = self._sensor.read(self._register)
        self._register = self._sensor.next_address(self._register)
        self._events[RXDREADY] = 1
        if self[SHORTS] & BB_STOP:
            self._stop()

    def _stop(self) -> None:
        self._sending, self._register = False, None
        self._events[STOPPED] = 1
