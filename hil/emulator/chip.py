"""What a chip is to the machine; `nrf52840/chip.py` and `stm32l476/chip.py` implement it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from hil.emulator.bus import Peripheral
from hil.emulator.sensors.imu import Imu
from hil.emulator.timer import Timer
from hil.emulator.uart import Uart
from hil.emulator.usb import UsbController


class ResetKind(Enum):
    """Why the chip starts."""

    POWER = "power"
    PIN = "pin"
    SOFTWARE = "software"


@dataclass(frozen=True)
class Memory:
    """A memory: bytes from `start`. `alias_of` names one whose content appears here as well."""

    name: str
    start: int
    size: int
    writable: bool

    def holds(self, address: int, size: int = 1) -> bool:
        """Return whether all `size` bytes from `address` are in this memory."""
        return self.start <= address and address + size <= self.start + self.size


@dataclass(frozen=True)
class StartState:
    """How the image finds the core. mpu_on: RAM is execute-never until the MPU is switched off."""

    vector_table: int
    mpu_on: bool


class Chip(ABC):
    """A chip's memories, peripherals and reset behaviour."""

    irqs: int
    priority_bits: int
    core_hz: int
    memories: tuple[Memory, ...]

    @property
    @abstractmethod
    def uart(self) -> Uart:
        """The UART that carries the link."""

    @property
    @abstractmethod
    def usb(self) -> UsbController:
        """The USB controller."""

    def settle(self) -> None:
        """The core has gone to sleep: what takes longer than its work, as crystals do, is done."""
        return

    def on_leave(self, leave: Callable[[str], None]) -> None:
        """Take what is to be called, with the reason, when the image hands the chip to its ROM."""
        return

    @property
    @abstractmethod
    def timer(self) -> Timer:
        """The timer that wakes the firmware."""

    @property
    @abstractmethod
    def sensor(self) -> Imu:
        """The board's motion sensor."""

    @property
    @abstractmethod
    def peripherals(self) -> list[Peripheral]:
        """All peripherals, the UART included."""

    @abstractmethod
    def start_state(self, after_bootloader: bool) -> StartState:
        """Return how the core starts the image."""

    @abstractmethod
    def note_reset(self, kind: ResetKind) -> str | None:
        """Set the chip's record of the reset. Return why the image does not start, or None."""
