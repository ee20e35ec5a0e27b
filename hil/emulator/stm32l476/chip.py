"""The STM32L476: memory, clocks, small peripherals, reset causes."""

from __future__ import annotations

from hil.emulator.bus import BusError, Peripheral
from hil.emulator.chip import Chip, Memory, ResetKind, StartState
from hil.emulator.state import CoreState
from hil.emulator.stm32l476.uart import StmUart
from hil.emulator.uart import Uart

IRQS, PRIORITY_BITS = 82, 4
FLASH = 0x08000000

CR, CFGR, PLLCFGR, CIER = 0x00, 0x08, 0x0C, 0x18
ENABLES = (0x48, 0x4C, 0x50, 0x58, 0x5C, 0x60)
CCIPR, CSR = 0x88, 0x94
HSION, HSIRDY, PLLON, PLLRDY, MSION, MSIRDY = 1 << 8, 1 << 10, 1 << 24, 1 << 25, 1, 2
MSI, HSI, PLL = 0, 1, 3
MSI_HZ, HSI_HZ = 4_000_000, 16_000_000
PINRSTF, BORRSTF, SFTRSTF, RMVF = 1 << 26, 1 << 27, 1 << 28, 1 << 23


class Rcc(Peripheral):
    """Reset and clock control (RM0351 6.4): oscillators are ready at once."""

    def __init__(self) -> None:
        super().__init__("RCC", 0x40021000)
        self.causes = 0
        self.store(CR, 0x63)
        self.on(CR, self._read_control, self._write_control)
        self.store(CFGR)
        self.on(CFGR, self._read_configuration, self._write_configuration)
        self.store(PLLCFGR, 0x1000)
        self.on(CIER, lambda: 0, self._refuse_interrupts)
        for offset in (*ENABLES, CCIPR):
            self.store(offset)
        self.on(CSR, lambda: self.causes, self._write_status)

    def _read_control(self) -> int:
        value = self[CR]
        for switch, ready in ((HSION, HSIRDY), (PLLON, PLLRDY), (MSION, MSIRDY)):
            value = value | ready if value & switch else value & ~ready
        return value

    def _write_control(self, value: int) -> None:
        if value & ~(0xFB | HSION | HSIRDY | PLLON | PLLRDY):
            raise BusError(f"RCC: CR = 0x{value:X} is not modelled")
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

    def _refuse_interrupts(self, value: int) -> None:
        if value:
            raise BusError("RCC: clock interrupts are not modelled")

    def _write_status(self, value: int) -> None:
        if value & RMVF:
            self.causes = 0

    def core_hz(self) -> int:
        """Return the system clock as programmed."""
        source = self[CFGR] & 3
        if source != PLL:
            return HSI_HZ if source == HSI else MSI_HZ
        setting = self[PLLCFGR]
        base = {1: MSI_HZ, 2: HSI_HZ}.get(setting & 3, 0)
        divided = base // ((setting >> 4 & 7) + 1) * (setting >> 8 & 0x7F)
        return divided // (2 * (setting >> 25 & 3) + 2)


class Pwr(Peripheral):
    """Power control (RM0351 5.4): the voltage range is there at once."""

    def __init__(self) -> None:
        super().__init__("PWR", 0x40007000)
        self.store(0x00, 0x200)
        self.on(0x14, lambda: 0)


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

    def _set_reset(self, value: int) -> None:
        self[0x14] = self[0x14] & ~(value >> 16) | value & 0xFFFF


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
        self._rcc = Rcc()
        self._uart = StmUart(core, self._rcc.core_hz)
        self._peripherals: list[Peripheral] = [
            self._rcc,
            self._uart,
            Pwr(),
            Flash(),
            Uid(device_id),
            *(Gpio(letter, 0x48000000 + 0x400 * i) for i, letter in enumerate("ABCDEFGH")),
        ]

    @property
    def uart(self) -> Uart:
        """UART5."""
        return self._uart

    @property
    def peripherals(self) -> list[Peripheral]:
        """All of them."""
        return self._peripherals

    def start_state(self, after_bootloader: bool) -> StartState:
        """From reset VTOR is 0, where the flash appears as well; the MPU is off."""
        return StartState(FLASH, mpu_on=False)

    def note_reset(self, kind: ResetKind) -> str | None:
        """Set RCC_CSR; every reset also drives the pin (RM0351 6.1.2)."""
        self._rcc.causes |= (
            PINRSTF
            | {
                ResetKind.POWER: BORRSTF,
                ResetKind.PIN: 0,
                ResetKind.SOFTWARE: SFTRSTF,
            }[kind]
        )
        return None
