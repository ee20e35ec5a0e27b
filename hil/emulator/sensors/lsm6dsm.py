"""The LSM6DSM on SPI (ST data sheet DocID028165, section 9)."""

from __future__ import annotations

from collections import deque
from typing import ClassVar

from hil.emulator.sensors.feed import Sample
from hil.emulator.sensors.imu import Imu

FIFO_CTRL3, FIFO_CTRL5, CTRL1_XL, CTRL2_G, CTRL3_C, CTRL5_C = 0x08, 0x0A, 0x10, 0x11, 0x12, 0x14
FIFO_STATUS1, FIFO_STATUS2, FIFO_STATUS3, FIFO_STATUS4, FIFO_DATA = 0x3A, 0x3B, 0x3C, 0x3D, 0x3E
READ_ONLY = {0x0F, *range(0x1A, 0x40)}
SW_RESET, IF_INC, SIM = 1, 1 << 2, 1 << 3
CONTINUOUS_104_HZ = 4 << 3 | 6
ODR_104_RANGE = 0x4C
WORDS = 6
#: Words of the FIFO (4 kbyte): no multiple of a sample's.
PLACES = 2048
COUNT_BITS = 0x7FF


class Lsm6dsm(Imu):
    """As it sits on the SensorTile: its axes are the board's."""

    who_am_i = 0x6A
    defaults: ClassVar = {CTRL3_C: IF_INC}
    rate_millihertz = 104_000
    fifo_samples = 341

    def clear(self) -> None:
        """Empty the FIFO of 16-bit words."""
        self._words: deque[int] = deque()
        self._next = 0
        self.overrun = False

    def mounted(self, board: Sample) -> Sample:
        """Return the sample as it is."""
        return board

    @property
    def measures(self) -> bool:
        """Both rates are set."""
        return bool(self.registers[CTRL1_XL] >> 4 and self.registers[CTRL2_G] >> 4)

    @property
    def gyro_range(self) -> int:
        """The one that is modelled."""
        return 2000

    @property
    def self_test(self) -> bool:
        """ST_XL and ST_G, positive."""
        return self.registers[CTRL5_C] & 0xF == 5

    @property
    def answers(self) -> bool:
        """Whether it answers on the one data line: until SIM is set it uses another pin."""
        return self.present and bool(self.registers[CTRL3_C] & SIM)

    def push(self, sample: Sample) -> None:
        """Angular rate first. Once full, each word takes the oldest one's place.

        That the pattern breaks is the worse of what the data sheet leaves open. That the count then
        reads 0 has been measured on this family (NuttX's notes on the LSM6DS3TR-C).
        """
        if self.registers[FIFO_CTRL5] != CONTINUOUS_104_HZ:
            return
        for word in (*sample[3:], *sample[:3]):
            if len(self._words) == PLACES:
                self._words.popleft()
                self._next = (self._next + 1) % WORDS
            self._words.append(word)
        self.overrun = self.overrun or len(self._words) == PLACES

    def read(self, address: int) -> int:
        """Return a register; the second byte of a word takes it out of the FIFO."""
        self.run()
        waiting = len(self._words)
        status = {
            FIFO_STATUS1: waiting & 0xFF,
            FIFO_STATUS2: (waiting & COUNT_BITS) >> 8 | self.overrun << 6 | (not waiting) << 4,
            FIFO_STATUS3: self._next,
            FIFO_STATUS4: 0,
        }
        if address in status:
            return status[address]
        if address in (FIFO_DATA, FIFO_DATA + 1):
            return self._word(address == FIFO_DATA)
        return self.registers[address]

    def _word(self, low: bool) -> int:
        word = self._words[0] & 0xFFFF if self._words else 0
        if low:
            return word & 0xFF
        if self._words:
            self._words.popleft()
            self._next = (self._next + 1) % WORDS
            self.overrun = False
        return word >> 8

    def write(self, address: int, value: int) -> None:
        """Write a register; what is not modelled stops the firmware."""
        self.run()
        if address in READ_ONLY:
            return
        if address == CTRL3_C and value & SW_RESET:
            self.reset()
            return
        if address in (CTRL1_XL, CTRL2_G) and value not in (0, ODR_104_RANGE):
            self.refuse(address, value)
        if address == FIFO_CTRL5 and value not in (0, CONTINUOUS_104_HZ):
            self.refuse(address, value)
        self.registers[address] = value
        if address == FIFO_CTRL5 and value == 0:
            self.clear()
        self.run()

    def next_address(self, address: int) -> int:
        """Return where the next byte of a transfer goes; a burst out of the FIFO stays there."""
        if address == FIFO_DATA + 1:
            return FIFO_DATA
        return (address + bool(self.registers[CTRL3_C] & IF_INC)) % 0x80
