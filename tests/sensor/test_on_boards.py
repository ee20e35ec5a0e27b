"""The sensors through the boards' own firmware: what is fed arrives, and what is lost is told."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from conftest import SETTLE, Running
from numpy.typing import NDArray

from hil.board import Board
from hil.errors import DeviceError, RemoteError
from hil.sensor.stream import Batch, Stream, self_test, sensor_of
from hil.wire import messages as msg
from hil.wire.messages import SensorState, SensorVerdict

Boot = Callable[..., Running]


def collect(stream: Stream, count: int) -> list[Batch]:
    batches: list[Batch] = []
    while sum(map(len, batches)) < count:
        batches += stream.fetch()
    return batches


def around(fed: NDArray[np.int16], first: int, count: int) -> NDArray[np.int16]:
    """What the sensor takes from its sample `first` on: the feed goes round and round."""
    return fed[np.arange(first, first + count) % len(fed)]


@pytest.mark.parametrize("via", ["uart", "usb"])
def test_the_bytes_fed_are_the_bytes_that_arrive(
    boot: Boot, fed: NDArray[np.int16], via: str
) -> None:
    running = boot(fed, via=via)
    with Stream(running.device) as stream:
        batches = collect(stream, 300)
    values = np.concatenate([b.values for b in batches])
    assert np.array_equal(values, around(fed, SETTLE, len(values)))
    assert [b.first for b in batches] == [0, *np.cumsum([len(b) for b in batches])[:-1]]
    assert not any(b.broken for b in batches)
    assert running.backend.crash_report() is None


def test_the_times_are_the_sensors_rate(boot: Boot, board: Board, fed: NDArray[np.int16]) -> None:
    with Stream(boot(fed).device) as stream:
        batches = collect(stream, 200)
    times = np.concatenate([b.times for b in batches])
    assert np.all(np.diff(times) >= 0)
    # A sample is taken out of the FIFO within a tick of 20 ms of its time.
    expected = np.arange(len(times)) / board.facts.sensor_hz * 1e6
    assert np.ptp(times - expected) < 20_000 + 1e6 / board.facts.sensor_hz


def test_who_the_sensor_is(boot: Boot, board: Board) -> None:
    sensor = sensor_of(boot().device)
    assert sensor.state == SensorState.IDLE
    assert board.facts.sensor.startswith(sensor.name + " ")
    assert sensor.rate == 1000 * board.facts.sensor_hz
    assert (sensor.accel_range, sensor.gyro_range) == (8, 2000)


def test_a_board_that_lies_still_measures_gravity_upwards(boot: Boot) -> None:
    with Stream(boot().device) as stream:
        (batch, *_rest) = collect(stream, 1)
    assert batch.values[0].tolist() == [0, 0, 4098, 0, 0, 0]


def test_the_self_test_passes_and_leaves_the_sensor_idle(boot: Boot) -> None:
    device = boot().device
    *before, last = self_test(device)
    assert {reply.verdict for reply in before} == {SensorVerdict.UNDER_TEST}
    assert last.verdict == SensorVerdict.PASSED
    assert last.off == (0, 0, 4098, 0, 0, 0)
    assert sensor_of(device).state == SensorState.IDLE


def test_an_absent_sensor_is_an_answer(boot: Boot) -> None:
    running = boot(None, "--no-sensor")
    with pytest.raises(DeviceError, match=r"does not answer"):
        sensor_of(running.device)
    with pytest.raises(RemoteError, match="no sensor answers"):
        Stream(running.device).__enter__()
    assert running.device.memory().stack_size > 0, "it goes on answering"


def test_a_sensor_that_falls_silent_ends_the_stream(boot: Boot, fed: NDArray[np.int16]) -> None:
    running = boot(fed)
    with Stream(running.device) as stream:
        collect(stream, 20)
        running.backend.request("sensor", present=False)
        with pytest.raises(DeviceError, match="stream has ended"):
            collect(stream, 10_000)
    with pytest.raises(DeviceError, match="does not answer"):
        sensor_of(running.device)
    running.backend.request("sensor", present=True)
    with Stream(running.device) as stream:
        values = np.concatenate([b.values for b in collect(stream, 20)])
    assert np.array_equal(values, around(fed, SETTLE, len(values)))


def test_what_a_late_host_has_lost_is_told(boot: Boot, fed: NDArray[np.int16]) -> None:
    running = boot(fed)
    with Stream(running.device) as stream:
        collect(stream, 5)
        for _ in range(200):  # four seconds: the ring holds two
            running.device.ask(msg.SensorRequest(), msg.SensorReply)
        late = stream.fetch()[0]
    assert late.broken
    assert np.array_equal(late.values, around(fed, SETTLE + late.first, len(late)))


def test_a_line_that_harms_frames_harms_no_sample(boot: Boot, fed: NDArray[np.int16]) -> None:
    running = boot(fed)
    for direction, kind in (("to_device", "flip"), ("to_host", "drop")):
        running.backend.request("faults", direction=direction, kind=kind, rate=2e-3, seed=3)
    with Stream(running.device) as stream:
        batches = collect(stream, 120)
    values = np.concatenate([b.values for b in batches])
    assert np.array_equal(values, around(fed, SETTLE, len(values)))
    assert running.backend.request("link")["faults"] > 0
