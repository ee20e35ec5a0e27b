"""The STM32L476: memory, clocks, small peripherals, reset causes."""

from __future__ import annotations

from collections.abc import Callable

from hil.emulator.bus import BusError, Peripheral
from hil.emulator.chip import Chip, Memory, ResetKind, StartState
from hil.emulator.exceptions import FIRST_IRQ
from hil.emulator.sensors.imu import Imu
from hil.emulator.sensors.lsm6dsm import Lsm6dsm
from hil.emulator.state import CoreState
from hil.emulator.stm32l476.spi import Bus, StmSpi
from hil.emulator.stm32l476.timer import StmTimer
from hil.emulator.stm32l476.uart import StmUart
from hil.emulator.stm32l476.usb import OtgFs, Surroundings
from hil.emulator.timer import Timer
from hil.emulator.uart import Uart
from hil.emulator.usb import UsbController, raise_interrupt

IRQS, PRIORITY_BITS = 82, 4
FLASH = 0x08000000

CR, CFGR, PLLCFGR, CIER, CICR, AHB2RSTR = 0x00, 0x08, 0x0C, 0x18, 0x20, 0x2C
ENABLES = (0x48, 0x4C, 0x50, 0x58, 0x5C, 0x60)
AHB2ENR, CCIPR, BDCR, CSR = 0x4C, 0x88, 0x90, 0x94
HSION, HSIRDY, PLLON, PLLRDY, MSION, MSIRDY = 1 << 8, 1 << 10, 1 << 24, 1 << 25, 1, 2
MSIPLLEN, MSI_48_MHZ, CLK48_MSI = 1 << 2, 11 << 4 | 1 << 3, 3 << 26
LSEON, LSERDY, LSE_EVENT, RCC_IRQ = 1 << 0, 1 << 1, 1 << 1, 5
OTGFS, DBP, USV = 1 << 12, 1 << 8, 1 << 10
MSI, HSI, PLL = 0, 1, 3
HSI_HZ = 16_000_000
#: By MSIRANGE (6.4.1); 4 MHz after a reset, whatever it says.
MSI_HZ = (
    100_000, 200_000, 400_000, 800_000, 1_000_000, 2_000_000,
    4_000_000, 8_000_000, 16_000_000, 24_000_000, 32_000_000, 48_000_000,
)  # fmt: skip
PINRSTF, BORRSTF, SFTRSTF, RMVF = 1 << 26, 1 << 27, 1 << 28, 1 << 23


class Pwr(Peripheral):
    """Power control (RM0351 5.4): the voltage range is there at once."""

    def __init__(self) -> None:
        super().__init__("PWR", 0x40007000)
        self.store(0x00, 0x200)
        self.store(0x04)
        self.on(0x14, lambda: 0)


class Rcc(Peripheral):
    """Reset and clock control (RM0351 6.4): oscillators are ready at once.

    The 32 kHz crystal is not: it runs once the core has gone to sleep (`settle`), and from then on
    until the power goes. `otg` is the USB controller, which RCC can reset.
    """

    def __init__(self, core: CoreState, pwr: Pwr) -> None:
        super().__init__("RCC", 0x40021000)
        self.causes = 0
        self.otg: Peripheral | None = None
        self._core, self._pwr = core, pwr
        self._crystal = self._crystal_event = self._interrupts = 0
        self.store(CR, 0x63)
        self.on(CR, self._read_control, self._write_control)
        self.store(CFGR)
        self.on(CFGR, self._read_configuration, self._write_configuration)
        self.store(PLLCFGR, 0x1000)
        self.on(CIER, lambda: self._interrupts, self._write_interrupts)
        self.on(CICR, write=self._clear_interrupts)
        self.store(AHB2RSTR)
        self.on(AHB2RSTR, write=self._write_resets)
        self.on(BDCR, lambda: self._crystal, self._write_backup)
        for offset in (*ENABLES, CCIPR):
            self.store(offset)
        self.on(CSR, lambda: self.causes, self._write_status)

    def _read_control(self) -> int:
        value = self[CR]
        for switch, ready in ((HSION, HSIRDY), (PLLON, PLLRDY), (MSION, MSIRDY)):
            value = value | ready if value & switch else value & ~ready
        return value

    def _write_control(self, value: int) -> None:
        if value & ~(0xFF | HSION | HSIRDY | PLLON | PLLRDY) or value >> 4 & 0xF >= len(MSI_HZ):
            raise BusError(f"RCC: CR = 0x{value:X} is not modelled")
        if value & MSIPLLEN and not self._crystal & LSERDY:
            raise BusError("RCC: MSIPLLEN without a crystal that runs (6.4.1)")
        self[CR] = value

    def _read_configuration(self) -> int:
        return self[CFGR] | (self[CFGR] & 3) << 2

    def _write_configuration(self, value: int) -> None:
        source = value & 3
        if value & ~0xF or source == 2:
            raise BusError(f"RCC: CFGR = 0x{value:X} is not modelled")
        needed = {MSI: MSIRDY, HSI: HSIRDY, PLL: PLLRDY}[source]
        if self._read_control() & needed:
            self[CFGR] = source

    def _write_interrupts(self, value: int) -> None:
        if value & ~LSE_EVENT:
            raise BusError(f"RCC: clock interrupts 0x{value:X} are not modelled")
        self._interrupts = value

    def _clear_interrupts(self, value: int) -> None:
        self._crystal_event &= ~value

    def _write_resets(self, value: int) -> None:
        if value & ~OTGFS:
            raise BusError(f"RCC: AHB2RSTR = 0x{value:X} is not modelled")
        self[AHB2RSTR] = value
        if value and self.otg is not None:
            self.otg.reset()

    def _write_backup(self, value: int) -> None:
        if not self._pwr[0x00] & DBP or value & ~(LSEON | LSERDY):
            raise BusError(f"RCC: BDCR = 0x{value:X} without PWR_CR1.DBP, or not modelled")
        self._crystal = self._crystal & LSERDY | value & LSEON if value & LSEON else 0

    def settle(self) -> None:
        """Time has passed: a crystal that was switched on runs, and says so if it was asked to."""
        if self._crystal == LSEON:
            self._crystal |= LSERDY
            self._crystal_event = LSE_EVENT & self._interrupts
        raise_interrupt(self._core, FIRST_IRQ + RCC_IRQ, bool(self._crystal_event))

    def reset(self) -> None:
        """Return to the reset values; the crystal runs on."""
        super().reset()
        self._interrupts = self._crystal_event = 0

    def lose_power(self) -> None:
        """Stop the crystal."""
        self._crystal = 0

    def has_usb_clock(self) -> bool:
        """Return whether 48 MHz are there, trimmed: 0.25 % (USB 2.0 7.1.11)."""
        wanted = MSION | MSI_48_MHZ | MSIPLLEN
        return self[CR] & (0xF8 | wanted) == wanted and self[CCIPR] & CLK48_MSI == CLK48_MSI

    def _write_status(self, value: int) -> None:
        if value & RMVF:
            self.causes = 0

    def core_hz(self) -> int:
        """Return the system clock as programmed."""
        source = self[CFGR] & 3
        msi_hz = MSI_HZ[self[CR] >> 4 & 0xF] if self[CR] & 8 else MSI_HZ[6]
        if source != PLL:
            return HSI_HZ if source == HSI else msi_hz
        setting = self[PLLCFGR]
        base = {1: msi_hz, 2: HSI_HZ}.get(setting & 3, 0)
        divided = base // ((setting >> 4 & 7) + 1) * (setting >> 8 & 0x7F)
        return divided // (2 * (setting >> 25 & 3) + 2)


class Syscfg(Peripheral):
    """System configuration (RM0351 9.2): the ROM mapped at 0, which the image does to leave for it.

    What the ROM does then is not emulated.
    """

    def __init__(self) -> None:
        super().__init__("SYSCFG", 0x40010000)
        self.leave: Callable[[str], None] = lambda _reason: None
        self.on(0x00, write=self._map)

    def _map(self, value: int) -> None:
        if value != 1:
            raise BusError(f"SYSCFG: MEMRMP = 0x{value:X} is not modelled")
        self.leave("SYSCFG_MEMRMP is 1: the board runs the bootloader in its ROM (DFU)")


class Flash(Peripheral):
    """The flash interface's access control (RM0351 3.7.1)."""

    def __init__(self) -> None:
        super().__init__("FLASH", 0x40022000)
        self.store(0x00, 0x600)


class Uid(Peripheral):
    """The device's number (RM0351 49.1)."""

    def __init__(self, device_id: int) -> None:
        super().__init__("UID", 0x1FFF7590, 12)
        for word in range(3):
            self._add(4 * word, device_id >> 32 * word & 0xFFFFFFFF)

    def _add(self, offset: int, value: int) -> None:
        self.on(offset, lambda: value)


class Gpio(Peripheral):
    """A port (RM0351 8.4). Inputs are not connected to anything."""

    def __init__(self, letter: str, base: int) -> None:
        super().__init__(f"GPIO{letter}", base, 0x400)
        self.store(0x00, 0xFFFFFFFF)
        for offset in (0x04, 0x08, 0x0C, 0x14, 0x20, 0x24):
            self.store(offset)
        self.on(0x18, write=self._set_reset)
        #: Told of every change of the output levels.
        self.on_output: Callable[[], None] = lambda: None

    def _set_reset(self, value: int) -> None:
        self[0x14] = self[0x14] & ~(value >> 16) | value & 0xFFFF
        self.on_output()

    def drives(self, pin: int) -> int | None:
        """Return the level of an output, None where the pin is none."""
        is_output = self[0x00] >> 2 * pin & 3 == 1
        return self[0x14] >> pin & 1 if is_output else None


class Stm32l476(Chip):
    """The chip of the SensorTile."""

    irqs, priority_bits = IRQS, PRIORITY_BITS
    core_hz = 80_000_000
    memories = (
        Memory("flash", FLASH, 0x100000, writable=False),
        Memory("ram", 0x20000000, 0x18000, writable=True),
        Memory("ram2", 0x10000000, 0x8000, writable=True),
    )

    def __init__(self, core: CoreState, device_id: int) -> None:
        self._pwr = Pwr()
        self._rcc = Rcc(core, self._pwr)
        self._uart = StmUart(core, self._rcc.core_hz)
        self._ports = [Gpio(letter, 0x48000000 + 0x400 * i) for i, letter in enumerate("ABCDEFGH")]
        self._usb = OtgFs(core, Surroundings(self._has_usb_clock, self._lack_of_usb, self.core_hz))
        self._rcc.otg = self._usb
        self._syscfg = Syscfg()
        self._timer = StmTimer(core, self.core_hz, self._rcc.core_hz)
        self._sensor = Lsm6dsm(core.now, self.core_hz)
        self._sensor_bus = Bus(self._sensor)
        self._ports[1].on_output = self._select_sensor
        self._peripherals: list[Peripheral] = [
            self._rcc,
            self._uart,
            self._pwr,
            self._usb,
            self._syscfg,
            Flash(),
            Uid(device_id),
            self._timer,
            StmSpi(self._sensor_bus, core.now),
            *self._ports,
        ]

    def _select_sensor(self) -> None:
        a, b, c = self._ports[:3]
        selected = b.drives(12) == 0
        if selected and (c.drives(4), b.drives(1), a.drives(3)) != (1, 1, 1):
            raise BusError("SPI2: LSM303AGR or LPS22HB, on the same line, is not deselected")
        self._sensor_bus.select(selected)

    @property
    def uart(self) -> Uart:
        """UART5."""
        return self._uart

    @property
    def usb(self) -> UsbController:
        """OTG_FS."""
        return self._usb

    def _has_usb_clock(self) -> bool:
        return bool(self._rcc[AHB2ENR] & OTGFS)

    def _lack_of_usb(self) -> str | None:
        port = self._ports[0]
        if not self._rcc.has_usb_clock():
            return "without 48 MHz from MSI, trimmed by the crystal (6.2.3)"
        if not self._pwr[0x04] & USV:
            return "without its supply (PWR_CR2.USV)"
        if port[0x00] >> 22 & 0xF != 0xA or port[0x24] >> 12 & 0xFF != 0xAA:
            return "without its pins: PA11 and PA12, alternate function 10"
        return None

    def settle(self) -> None:
        """Let the crystal start."""
        self._rcc.settle()

    def on_leave(self, leave: Callable[[str], None]) -> None:
        """Take what is called when the ROM is mapped at 0."""
        self._syscfg.leave = leave

    @property
    def timer(self) -> Timer:
        """TIM2."""
        return self._timer

    @property
    def sensor(self) -> Imu:
        """The SensorTile's LSM6DSM."""
        return self._sensor

    @property
    def peripherals(self) -> list[Peripheral]:
        """All of them."""
        return self._peripherals

    def start_state(self, after_bootloader: bool) -> StartState:
        """From reset VTOR is 0, where the flash appears as well; the MPU is off."""
        return StartState(FLASH, mpu_on=False)

    def note_reset(self, kind: ResetKind) -> str | None:
        """Set RCC_CSR; every reset also drives the pin (RM0351 6.1.2)."""
        if kind is ResetKind.POWER:
            self._rcc.lose_power()
        self._rcc.causes |= (
            PINRSTF
            | {
                ResetKind.POWER: BORRSTF,
                ResetKind.PIN: 0,
                ResetKind.SOFTWARE: SFTRSTF,
            }[kind]
        )
        return None
