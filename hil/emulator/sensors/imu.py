"""What the two inertial sensors have in common: registers, a clock of their own, a FIFO."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar, Final

from hil.emulator.bus import BusError
from hil.emulator.sensors.feed import AT_REST, Feed, Sample

INT16_MIN, INT16_MAX = -(2**15), 2**15 - 1

#: What the self-test's force adds to every axis: well within the limits of both data sheets.
TEST_G, TEST_DPS = 0.4, {245: 100.0, 2000: 300.0}
G_PER_COUNT, DPS_PER_COUNT = 0.000244, {245: 0.00875, 2000: 0.07}

REGISTERS = 128


class Imu(ABC):
    """A chip: `read` and `write` a register; it measures while its registers say so.

    now: the virtual clock in core cycles. core_hz: that clock's rate. Samples come at exactly the
    nominal rate: the emulated chip's oscillator has no error.
    """

    who_am_i: int
    #: WHO_AM_I's register and the values after a reset, of those that are not 0.
    who_register: Final = 0x0F
    defaults: ClassVar[dict[int, int]]
    rate_millihertz: int
    fifo_samples: int

    def __init__(self, now: Callable[[], int], core_hz: int) -> None:
        self._now = now
        self._core_hz = core_hz
        self.feed: Feed = AT_REST
        #: False: nobody is at home on the bus.
        self.present = True
        self.reset()

    def reset(self) -> None:
        """Return to the state after power."""
        self.registers = bytearray(REGISTERS)
        for address, value in self.defaults.items():
            self.registers[address] = value
        self.registers[self.who_register] = self.who_am_i
        self._started: int | None = None
        self._made = 0
        self.overrun = False
        self.clear()

    @abstractmethod
    def clear(self) -> None:
        """Empty the FIFO."""

    @abstractmethod
    def push(self, sample: Sample) -> None:
        """Put a sample, in the chip's axes, into the FIFO; the oldest makes room."""

    @abstractmethod
    def mounted(self, board: Sample) -> Sample:
        """Return what the chip measures, as it sits on the board, of the board's motion."""

    @property
    @abstractmethod
    def measures(self) -> bool:
        """Whether both sensors run."""

    @property
    @abstractmethod
    def gyro_range(self) -> int:
        """±degrees per second."""

    @property
    @abstractmethod
    def self_test(self) -> bool:
        """Whether the test's force is on."""

    def refuse(self, address: int, value: int) -> None:
        """Stop the firmware: the chip can do this, its model cannot."""
        raise BusError(f"{type(self).__name__}: register 0x{address:02X} = 0x{value:02X}")

    def run(self) -> None:
        """Let the time since the last call pass: take the samples that are due."""
        if not self.measures:
            self._started, self._made = None, 0
            return
        now = self._now()
        if self._started is None:
            self._started = now
        due = (now - self._started) * self.rate_millihertz // (self._core_hz * 1000)
        # After a long time only what the FIFO can hold matters, and that it ran over.
        self._made = max(self._made, due - 2 * self.fifo_samples)
        while self._made < due:
            self.push(self._measure(self._made))
            self._made += 1

    def _measure(self, number: int) -> Sample:
        gain = DPS_PER_COUNT[2000] / DPS_PER_COUNT[self.gyro_range]
        accel, gyro = _split(self.mounted(self.feed[number]))
        force = TEST_G / G_PER_COUNT if self.self_test else 0
        turn = TEST_DPS[self.gyro_range] / DPS_PER_COUNT[self.gyro_range] if self.self_test else 0
        return (*(_rail(v + force) for v in accel), *(_rail(v * gain + turn) for v in gyro))


def _split(sample: Sample) -> tuple[Sample, Sample]:
    return sample[:3], sample[3:]


def _rail(value: float) -> int:
    return max(INT16_MIN, min(INT16_MAX, round(value)))
