"""The nRF52840 as the Nano's bootloader hands it over: memory, small peripherals, reset causes."""

from __future__ import annotations

from collections.abc import Callable

from hil.emulator.bus import BusError, Peripheral
from hil.emulator.chip import Chip, Memory, ResetKind, StartState
from hil.emulator.exceptions import FIRST_IRQ
from hil.emulator.nrf52840.timer import NrfTimer
from hil.emulator.nrf52840.twi import NrfTwi
from hil.emulator.nrf52840.uart import NrfUart
from hil.emulator.nrf52840.usb import USBPULLUP, Hidden, Usbd
from hil.emulator.sensors.imu import Imu
from hil.emulator.sensors.lsm9ds1 import Lsm9ds1
from hil.emulator.state import CoreState
from hil.emulator.timer import Timer
from hil.emulator.uart import Uart
from hil.emulator.usb import UsbController, raise_interrupt

IRQS, PRIORITY_BITS = 48, 3

#: The bootloader stays when it finds this in GPREGRET.
STAY_IN_BOOTLOADER = 0xB0

RESETREAS_PIN, RESETREAS_SREQ = 1 << 0, 1 << 2
APPLICATION = 0x10000


#: POWER's events that go with USB, by bit in INTEN.
USBDETECTED, USBREMOVED, USBPWRRDY = 1 << 7, 1 << 8, 1 << 9
USB_EVENTS = {USBDETECTED: 0x11C, USBREMOVED: 0x120, USBPWRRDY: 0x124}


#: TRACEMUX, serial: P1.00 is the trace port's SWO. A clock driver's workaround of errata 132, or a
#: debugger, leaves it so.
TRACECONFIG_SERIAL = 1 << 16


class ClockPower(Peripheral):
    """CLOCK and POWER share a block (PS 5.3, 5.4), as the bootloader leaves it."""

    def __init__(self, core: CoreState) -> None:
        super().__init__("CLOCK/POWER", 0x40000000)
        self._started = 0
        self.resetreas = 0
        self.gpregret = 0
        self.on(0x000, write=lambda _value: self._start(1))
        self.on(0x100, lambda: self._started, self._start)
        self.on(0x400, lambda: self.resetreas, self._clear_causes)
        self.on(0x51C, lambda: self.gpregret, self._write_gpregret)
        self.store(0x55C, TRACECONFIG_SERIAL)
        self.store(0x578)
        self._core = core
        self._vbus = self._regulated = False
        self._power_events = self._power_interrupts = 0
        for bit, offset in USB_EVENTS.items():
            self._add_power_event(bit, offset)
        self.on(0x304, lambda: self._power_interrupts, self._enable)
        self.on(0x438, lambda: self._vbus | self._regulated << 1)

    def _add_power_event(self, bit: int, offset: int) -> None:
        def write(value: int) -> None:
            if value:
                raise BusError(f"POWER: event +0x{offset:X} set by software is not modelled")
            self._power_events &= ~bit

        self.on(offset, lambda: int(bool(self._power_events & bit)), write)

    def _enable(self, value: int) -> None:
        if value & ~sum(USB_EVENTS):
            raise BusError(f"POWER: INTENSET = 0x{value:X} is not modelled")
        self._power_interrupts |= value
        self.update()

    def set_vbus(self, on: bool) -> None:
        """Put a voltage on VBUS, whose regulator is ready later (`settle`), or take it away."""
        if on != self._vbus:
            self._power_events |= USBDETECTED if on else USBREMOVED
        self._vbus = on
        self._regulated = self._regulated and on
        self.update()

    def settle(self) -> None:
        """Time has passed: USB's regulator is ready."""
        if self._vbus and not self._regulated:
            self._regulated = True
            self._power_events |= USBPWRRDY
            self.update()

    @property
    def has_usb_power_and_clock(self) -> bool:
        """Whether USBD may show itself on the bus: regulator ready, crystal running (PS 6.35.4)."""
        return self._regulated and bool(self._started)

    @property
    def traces(self) -> bool:
        """Whether P1.00 is the trace port's."""
        return self[0x55C] & TRACECONFIG_SERIAL != 0

    def update(self) -> None:
        """Look at the interrupt line again."""
        raise_interrupt(self._core, FIRST_IRQ, bool(self._power_events & self._power_interrupts))

    def reset(self) -> None:
        """Return to the reset values; RESETREAS and GPREGRET are kept by all but power."""
        super().reset()
        self._started = self._power_events = self._power_interrupts = 0

    def _start(self, value: int) -> None:
        self._started = value & 1

    def _clear_causes(self, value: int) -> None:
        self.resetreas &= ~value

    def _write_gpregret(self, value: int) -> None:
        self.gpregret = value & 0xFF


class Ficr(Peripheral):
    """Factory information (PS 4.4): the device's number, which is made of the name given."""

    def __init__(self, device_id: int) -> None:
        super().__init__("FICR", 0x10000000)
        self.on(0x060, lambda: device_id & 0xFFFFFFFF)
        self.on(0x064, lambda: device_id >> 32 & 0xFFFFFFFF)


class Gpio(Peripheral):
    """A port (PS 6.9): output levels and pin set-up. Inputs are not connected to anything."""

    def __init__(self, name: str, base: int) -> None:
        super().__init__(name, base, 0x300)
        self.store(0x504)
        self.on(0x508, lambda: self[0x504], lambda value: self._set(self[0x504] | value))
        self.on(0x50C, lambda: self[0x504], lambda value: self._set(self[0x504] & ~value))
        #: Told of every change of the output levels.
        self.on_output: Callable[[], None] = lambda: None
        for pin in range(32):
            self.store(0x700 + 4 * pin, 2)

    def _set(self, value: int) -> None:
        self[0x504] = value
        self.on_output()

    def drives_high(self, pin: int) -> bool:
        """Return whether a pin is an output and high."""
        return bool(self[0x504] >> pin & 1 and self[0x700 + 4 * pin] & 1)

    def read(self, offset: int, size: int) -> int:
        """Return a register, counted from the block the port belongs to."""
        return super().read(offset + 0x500, size)

    def write(self, offset: int, size: int, value: int) -> None:
        """Write a register, counted from the block the port belongs to."""
        super().write(offset + 0x500, size, value)


class Switches(Peripheral):
    """A block of which the firmware only switches things off, or sets one option."""

    def __init__(self, name: str, base: int, tasks: tuple[int, ...], options: tuple[int, ...]):
        super().__init__(name, base)
        for offset in tasks:
            self.on(offset, write=lambda _value: None)
        for offset in options:
            self.store(offset)


class PoweredUsbd(Usbd):
    """USBD, whose voltage POWER watches."""

    def __init__(self, core: CoreState, hidden: Hidden, power: ClockPower) -> None:
        super().__init__(core, hidden)
        self._watch = power
        self.on(USBPULLUP, write=self._pull_up)

    def _pull_up(self, value: int) -> None:
        if value and not self._watch.has_usb_power_and_clock:
            raise BusError("USBD: pull-up before the regulator was ready or the crystal ran")
        self[USBPULLUP] = value

    def set_power(self, on: bool) -> None:
        """Voltage on VBUS."""
        super().set_power(on)
        self._watch.set_vbus(on)

    def update(self) -> None:
        """Look at both interrupt lines again."""
        super().update()
        self._watch.update()


class Nrf52840(Chip):
    """The chip of the Arduino Nano 33 BLE Sense."""

    irqs, priority_bits = IRQS, PRIORITY_BITS
    core_hz = 64_000_000
    memories = (
        Memory("flash", 0x10000, 0xF0000, writable=False),
        Memory("ram", 0x20000000, 0x40000, writable=True),
    )

    def __init__(self, core: CoreState, device_id: int) -> None:
        self._power = ClockPower(core)
        hidden = Hidden()
        self._usb = PoweredUsbd(core, hidden, self._power)
        self._uart = NrfUart(core)
        self._timer = NrfTimer(core, self.core_hz)
        self._sensor = Lsm9ds1(core.now, self.core_hz)
        self._ports = Gpio("GPIO P0", 0x50000500), Gpio("GPIO P1", 0x50000800)
        self._ports[0].on_output = self._switch_sensor
        self._peripherals: list[Peripheral] = [
            Ficr(device_id),
            self._power,
            self._uart,
            Switches("RTC1", 0x40011000, (0x004, 0x308, 0x348), ()),
            Switches("NVMC", 0x4001E000, (), (0x540,)),
            self._usb,
            hidden,
            self._timer,
            NrfTwi(self._sensor, self._is_bus_powered),
            *self._ports,
        ]

    def _is_bus_powered(self) -> bool:
        """P0.22 is the sensor's supply, P1.00, where it is a port's, that of the bus's pull-ups."""
        is_pulled_up = self._ports[1].drives_high(0) and not self._power.traces
        return self._ports[0].drives_high(22) and is_pulled_up

    def _switch_sensor(self) -> None:
        if not self._ports[0].drives_high(22):
            self._sensor.reset()

    def settle(self) -> None:
        """Let USB's regulator get ready."""
        self._power.settle()

    @property
    def uart(self) -> Uart:
        """UART0."""
        return self._uart

    @property
    def timer(self) -> Timer:
        """TIMER0."""
        return self._timer

    @property
    def sensor(self) -> Imu:
        """The LSM9DS1 of the Nano 33 BLE Sense."""
        return self._sensor

    @property
    def usb(self) -> UsbController:
        """USBD."""
        return self._usb

    @property
    def peripherals(self) -> list[Peripheral]:
        """All of them."""
        return self._peripherals

    def start_state(self, after_bootloader: bool) -> StartState:
        """The bootloader sets VTOR, and leaves the MPU on with all RAM execute-never."""
        return StartState(APPLICATION, mpu_on=after_bootloader)

    def note_reset(self, kind: ResetKind) -> str | None:
        """Set RESETREAS; a GPREGRET of 0xB0 keeps the chip in its bootloader."""
        if kind is ResetKind.POWER:
            self._power.resetreas = self._power.gpregret = 0
        self._power.resetreas |= {
            ResetKind.POWER: 0,
            ResetKind.PIN: RESETREAS_PIN,
            ResetKind.SOFTWARE: RESETREAS_SREQ,
        }[kind]
        if self._power.gpregret == STAY_IN_BOOTLOADER:
            return "GPREGRET is 0xB0: the board stays in its bootloader"
        return None
