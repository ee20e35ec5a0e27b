"""The Nano's sensor driver against Renode's models of the TWI and the LSM9DS1. Skipped without it.

That model has no clock of its own: it gives what it was fed, as fast as it is read, up to the depth
that is set, and repeats its default when it has no more. So the data rate, an overrun, the
self-test and a sensor that fails are for the embedded emulator's tests. Renode has no LSM6DSM: on
the SensorTile the firmware finds no sensor, and says so.
"""

from __future__ import annotations

import re

import numpy as np
import pytest
from numpy.typing import NDArray

from hil.backend.renode import RenodeBackend
from hil.board import PROJECT_DIR, load_board
from hil.device import Device
from hil.errors import DeviceError
from hil.firmware.build import build
from hil.model_folder import load_model_folder
from hil.reference.inputs import load_inputs
from hil.sensor.stream import Stream, sensor_of
from hil.wire.messages import DataForm

MODEL = PROJECT_DIR / "test_vectors" / "models" / "cnn"

#: Counts per g and per degree per second of Renode's LSM9DS1 at ±8 g and ±2000 dps.
ACCEL_SCALE, GYRO_SCALE = 4096, 15
#: What the firmware's driver makes of the chip's axes: (source, sign) of each.
AXES = ((1, -1), (0, -1), (2, 1))
#: Samples that the driver lets pass after each start.
SETTLE = int(
    re.findall(
        r"define SENSOR_SETTLE (\d+)U",
        (PROJECT_DIR / "firmware" / "lib" / "sensor" / "sensor.h").read_text(),
    )[0]
)
DEPTH = 16


@pytest.fixture
def device(installed: str, renode: RenodeBackend) -> Device:
    board = load_board("nano33")
    device = Device(renode.open(board, build(board, None), None))
    device.identify(expect_board=board.name)
    return device


def feed(renode: RenodeBackend, samples: NDArray[np.int16]) -> None:
    """Have the sensor measure `samples`, counts in the board's axes."""
    for sample in np.vstack([np.repeat(samples[:1], SETTLE, axis=0), samples]).astype(int):
        for kind, scale, at in (("Acceleration", ACCEL_SCALE, 0), ("AngularRate", GYRO_SCALE, 3)):
            chip = [0, 0, 0]
            for axis, (source, sign) in enumerate(AXES):
                chip[source] = sign * sample[at + axis]
            # Renode cuts a product's fraction off: half a count more is safely the count.
            real = " ".join(f"{(c + 0.5 * np.sign(c)) / scale:.9f}" for c in chip)
            renode.link.monitor(f"sysbus.twi0.imu Feed{kind}Sample {real} 1")


def record(device: Device, count: int) -> NDArray[np.int16]:
    """Return the first `count` samples of a stream."""
    taken: list[NDArray[np.int16]] = []
    with Stream(device) as stream:
        while sum(map(len, taken)) < count:
            batches = stream.fetch()
            assert not any(batch.broken for batch in batches)
            taken += [batch.values for batch in batches]
    return np.concatenate(taken)[:count]


def test_what_is_fed_is_what_is_recorded_and_predicted_from(
    device: Device, renode: RenodeBackend
) -> None:
    """A recorded window moves the sensor; the window that comes back gives the same prediction."""
    window = load_inputs(load_model_folder(MODEL), None, 1).vectors.raw[0]
    assert sensor_of(device).name == "LSM9DS1"
    renode.link.monitor(f"sysbus.twi0.imu MaxFifoDepth {DEPTH}")
    feed(renode, window)
    recorded = record(device, len(window))
    assert np.array_equal(recorded, window)
    one, other = device.infer([w.astype("<i2").tobytes() for w in (window, recorded)], DataForm.RAW)
    assert (one.output, one.input_crc) == (other.output, other.input_crc)


def test_every_axis_and_sign_and_the_ends_of_the_range(
    device: Device, renode: RenodeBackend
) -> None:
    ends = np.array([1, -1, 12345, -12345, 29999, -29999], np.int16)
    samples = np.zeros((36, 6), np.int16)
    samples[np.arange(36), np.repeat(np.arange(6), 6)] = np.tile(ends, 6)
    renode.link.monitor(f"sysbus.twi0.imu MaxFifoDepth {DEPTH}")
    feed(renode, samples)
    assert np.array_equal(record(device, len(samples)), samples)


def test_the_sensortile_finds_no_sensor_and_says_so(installed: str, renode: RenodeBackend) -> None:
    board = load_board("sensortile")
    device = Device(renode.open(board, build(board, None), None))
    device.identify(expect_board=board.name)
    with pytest.raises(DeviceError, match=r"motion sensor \(LSM6DSM\) does not answer"):
        sensor_of(device)
