"""The LSM9DS1's accelerometer and gyroscope on I2C (ST data sheet DocID025715, section 7)."""

from __future__ import annotations

from collections import deque
from typing import ClassVar

from hil.emulator.sensors.feed import Sample
from hil.emulator.sensors.imu import Imu

CTRL_REG1_G, CTRL_REG6_XL, CTRL_REG8, CTRL_REG9, CTRL_REG10 = 0x10, 0x20, 0x22, 0x23, 0x24
OUT_G, OUT_XL, FIFO_CTRL, FIFO_SRC = 0x18, 0x28, 0x2E, 0x2F
READ_ONLY = {0x0F, 0x15, 0x16, 0x17, *range(OUT_G, OUT_G + 6), 0x26, 0x27, FIFO_SRC} | set(
    range(OUT_XL, OUT_XL + 6)
)
SW_RESET, IF_ADD_INC, FIFO_EN, OVRN = 1, 1 << 2, 1 << 1, 1 << 6
CONTINUOUS = 6
#: ODR of CTRL_REG1_G that is modelled, and the ranges (FS_G, FS_XL).
ODR_119, GYRO_RANGES, ACCEL_8_G = 3, {0: 245, 3: 2000}, 3


class Lsm9ds1(Imu):
    """As it sits on the Nano 33 BLE Sense: board x is its −y, board y its −x."""

    address = 0x6B
    who_am_i = 0x68
    defaults: ClassVar = {CTRL_REG8: IF_ADD_INC}
    rate_millihertz = 119_000
    fifo_samples = 32

    def clear(self) -> None:
        """Empty both queues: each sensor has one, of 32 places."""
        self._accel: deque[Sample] = deque(maxlen=self.fifo_samples)
        self._gyro: deque[Sample] = deque(maxlen=self.fifo_samples)
        self.overrun = False

    def mounted(self, board: Sample) -> Sample:
        """Return the chip's values: −32768 has no negative, the rail stands for it."""
        ax, ay, az, wx, wy, wz = board
        return tuple(min(v, 32767) for v in (-ay, -ax, az, -wy, -wx, wz))

    @property
    def measures(self) -> bool:
        """ODR_G starts both sensors."""
        return self.registers[CTRL_REG1_G] >> 5 != 0

    @property
    def gyro_range(self) -> int:
        """FS_G."""
        return GYRO_RANGES[self.registers[CTRL_REG1_G] >> 3 & 3]

    @property
    def self_test(self) -> bool:
        """ST_G and ST_XL."""
        return self.registers[CTRL_REG10] & 5 == 5

    def push(self, sample: Sample) -> None:
        """Without the FIFO there is one place."""
        queues = ((self._accel, sample[:3]), (self._gyro, sample[3:]))
        enabled = self.registers[CTRL_REG9] & FIFO_EN
        streaming = enabled and self.registers[FIFO_CTRL] >> 5 == CONTINUOUS
        for queue, values in queues:
            if not streaming:
                queue.clear()
            elif len(queue) == self.fifo_samples:
                self.overrun = True
            queue.append(values)

    def read(self, address: int) -> int:
        """Return a register; the first byte of a sample takes it out of its queue."""
        self.run()
        if address == FIFO_SRC:
            return self.overrun << 6 | len(self._accel)
        if address in (OUT_G, OUT_XL):
            self._take(self._gyro if address == OUT_G else self._accel, address)
        return self.registers[address]

    def _take(self, queue: deque[Sample], address: int) -> None:
        if not queue:
            return
        for i, value in enumerate(queue.popleft()):
            self.registers[address + 2 * i : address + 2 * i + 2] = value.to_bytes(
                2, "little", signed=True
            )
        self.overrun = False

    def write(self, address: int, value: int) -> None:
        """Write a register; what is not modelled stops the firmware."""
        self.run()
        if address in READ_ONLY:
            return
        if address == CTRL_REG8 and value & SW_RESET:
            self.reset()
            return
        if (
            address == CTRL_REG1_G
            and value >> 5
            and (value >> 5 != ODR_119 or value >> 3 & 3 not in GYRO_RANGES)
        ):
            self.refuse(address, value)
        if address == CTRL_REG6_XL and value and value >> 3 & 3 != ACCEL_8_G:
            self.refuse(address, value)
        if address == FIFO_CTRL and value >> 5 not in (0, CONTINUOUS):
            self.refuse(address, value)
        self.registers[address] = value
        if address == FIFO_CTRL and value >> 5 == 0:
            self.clear()
        self.run()

    def next_address(self, address: int) -> int:
        """Return where the next byte of a transfer goes."""
        return (address + bool(self.registers[CTRL_REG8] & IF_ADD_INC)) % 0x80
