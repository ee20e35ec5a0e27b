"""The samples of a board's motion sensor, in order, with every loss told."""

from __future__ import annotations

import math
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hil.device import Device
from hil.errors import DeviceError, RemoteError, clean
from hil.wire import messages as msg
from hil.wire.messages import ErrorCode, SensorState, SensorVerdict

#: Accelerometer x, y, z in g, gyroscope x, y, z in rad/s: the channels of the pipeline.
CHANNELS: Final = ("ax", "ay", "az", "wx", "wy", "wz")
#: Real value of one count at ±8 g and ±2000 dps, which is what the firmware measures at.
UNIT_PER_COUNT: Final = (0.000244,) * 3 + (math.radians(0.07),) * 3
#: The largest count either way: beyond it, the sensor's range ends.
RAIL: Final = 32767

#: Seconds between two looks where nothing was new; the device's tick is 20 ms.
LOOK_S: Final = 0.01

#: One sample on the wire: when it was taken out of the sensor's FIFO (µs, wrapping), six counts.
RECORD: Final = np.dtype([("time", "<u4"), ("value", "<i2", 6)])


@dataclass(frozen=True)
class Batch:
    """Samples that follow one another without a gap.

    first: number of the first. times: int64 [n], µs since the stream began, when each was taken out
    of the FIFO. values: int16 [n, 6], counts in the board's axes. broken: samples before were lost.
    """

    first: int
    times: NDArray[np.int64]
    values: NDArray[np.int16]
    broken: bool = False

    def __len__(self) -> int:
        return len(self.values)


def sensor_of(device: Device) -> msg.SensorReply:
    """Return what sensor the board has. Raises DeviceError where none answers."""
    try:
        sensor = device.ask(msg.SensorRequest(), msg.SensorReply)
    except RemoteError as error:
        if error.code in (ErrorCode.UNSUPPORTED.name, ErrorCode.UNKNOWN_TYPE.name):
            raise DeviceError("the board's firmware drives no motion sensor") from None
        raise
    if not sensor.rate:
        raise DeviceError("this firmware's port has no motion sensor: only boards have one")
    if sensor.state in (SensorState.ABSENT, SensorState.FAILED):
        seen = f"; its WHO_AM_I is 0x{sensor.id:02X}" if sensor.id else ""
        raise DeviceError(
            f"the board's motion sensor ({clean(sensor.name, 40)}) does not answer{seen}: "
            f"{_silence(sensor)}"
        )
    units = (sensor.accel_unit,) * 3 + (sensor.gyro_unit,) * 3
    if not np.allclose(units, UNIT_PER_COUNT, rtol=1e-5):
        raise DeviceError(f"the sensor's counts are of other units: {units[0]:g} g, {units[3]:g}")
    return sensor


def _silence(sensor: msg.SensorReply) -> str:
    """Return the likely cause. USB ids and core of the Nano's two revisions are the same."""
    if sensor.name == "LSM9DS1" and sensor.state == SensorState.ABSENT:
        return (
            "is it a Nano 33 BLE Sense Rev2? That has a BMI270, which is not driven; all but the "
            "sensor works on it. On a first Nano 33 BLE Sense, a power cycle may help"
        )
    return "is it this board, and whole? A power cycle may help"


def self_test(device: Device) -> Iterator[msg.SensorTestReply]:
    """Yield how the sensor's self-test goes, until it is over. The board must lie still."""
    number = _new_number()
    while True:
        reply = device.ask(msg.SensorTestRequest(number), msg.SensorTestReply)
        yield reply
        if reply.verdict != SensorVerdict.UNDER_TEST:
            return
        time.sleep(LOOK_S)


class Stream:
    """A running stream; a context manager that ends it. Raises what `Device` raises."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._number = _new_number()
        self._next = 0
        self._breaks = 0
        self._clock = _Clock()

    def __enter__(self) -> Stream:
        self._device.ask(msg.SensorStartRequest(self._number), msg.SensorStartReply)
        return self

    def __exit__(self, *_exc: object) -> None:
        try:
            self._device.ask(msg.SensorStopRequest(self._number), msg.SensorStopReply)
        except DeviceError:
            return  # it is gone, and with it the stream

    def fetch(self) -> list[Batch]:
        """Return what has been measured since the last call, in order; none yet: an empty list.

        Raises DeviceError when the stream has ended: the board was restarted, or its sensor fell
        silent.
        """
        try:
            reply = self._device.ask(
                msg.SensorSamplesRequest(self._number, self._next), msg.SensorSamplesReply
            )
        except RemoteError as error:
            if error.code != ErrorCode.SENSOR.name:
                raise
            raise DeviceError(
                "the sensor's stream has ended: the board restarted, or its sensor fell silent"
            ) from None
        return self._split(reply)

    def _split(self, reply: msg.SensorSamplesReply) -> list[Batch]:
        if len(reply.data) % RECORD.itemsize or reply.first < self._next:
            raise DeviceError("SENSOR_SAMPLES: a reply that makes no sense")
        records = np.frombuffer(reply.data, RECORD)
        whole = Batch(
            reply.first,
            self._clock.unwrap(records["time"]),
            records["value"].astype(np.int16),
            broken=reply.first > self._next,
        )
        parts = self._at_gap(whole, reply)
        self._next = reply.first + len(records)
        return [part for part in parts if len(part)]

    def _at_gap(self, whole: Batch, reply: msg.SensorSamplesReply) -> list[Batch]:
        """Cut at the device's last gap: of several only that is known, so all before it goes."""
        news = reply.breaks - self._breaks
        cut = reply.gap - whole.first
        if not news:
            return [whole]
        if cut >= len(whole):
            return [whole] if news == 1 else []
        self._breaks = reply.breaks
        cut = max(cut, 0)
        after = Batch(whole.first + cut, whole.times[cut:], whole.values[cut:], broken=True)
        before = Batch(whole.first, whole.times[:cut], whole.values[:cut], whole.broken)
        return [before, after] if news == 1 else [after]


class _Clock:
    """The device's 32-bit microseconds made a count that does not wrap, from the first on."""

    def __init__(self) -> None:
        self._last: int | None = None
        self._now = 0

    def unwrap(self, times: NDArray[np.uint32]) -> NDArray[np.int64]:
        out = np.empty(len(times), np.int64)
        for i, microseconds in enumerate(times.tolist()):
            if self._last is not None:
                self._now += (microseconds - self._last) % 2**32
            self._last = microseconds
            out[i] = self._now
        return out


def _new_number() -> int:
    """Return a number that no earlier program is likely to have used."""
    return secrets.randbelow(2**32 - 1) + 1
