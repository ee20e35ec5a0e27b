"""The sensors through the boards' own firmware: what is fed arrives, and what is lost is told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from fed_boards import SETTLE, VECTORS, Running, around
from numpy.typing import NDArray

from hil.board import Board, load_board
from hil.errors import DeviceError, RemoteError
from hil.sensor.feed import feed_samples
from hil.sensor.stream import Batch, Stream, self_test, sensor_of
from hil.wire import messages as msg
from hil.wire.messages import SensorState, SensorVerdict


def collect(stream: Stream, count: int) -> list[Batch]:
    batches: list[Batch] = []
    while sum(map(len, batches)) < count:
        batches += stream.fetch()
    return batches


def check_what_is_fed(running: Running, fed: NDArray[np.int16], count: int) -> None:
    with Stream(running.device) as stream:
        batches = collect(stream, count)
    values = np.concatenate([b.values for b in batches])
    assert np.array_equal(values, around(fed, SETTLE, len(values)))
    assert [b.first for b in batches] == [0, *np.cumsum([len(b) for b in batches])[:-1]]
    assert not any(b.broken for b in batches)
    assert running.backend.crash_report() is None


def test_the_bytes_fed_are_the_bytes_that_arrive(running: Running, fed: NDArray[np.int16]) -> None:
    check_what_is_fed(running, fed, 300)


def test_they_arrive_over_usb_too(board: Board, feed: Path, fed: NDArray[np.int16]) -> None:
    running = Running(board, feed, via="usb")
    try:
        check_what_is_fed(running, fed, 120)
    finally:
        running.backend.close()


def test_they_arrive_without_the_compiled_hook_too(tmp_path: Path) -> None:
    """On one board: what differs between them, the peripherals, is Python either way."""
    nano = load_board("nano33")
    fed = feed_samples(VECTORS, nano)
    (tmp_path / "feed").write_bytes(fed.astype("<i2").tobytes())
    running = Running(nano, tmp_path / "feed", ("--portable",))
    try:
        check_what_is_fed(running, fed, 30)
    finally:
        running.backend.close()


def test_the_times_are_the_sensors_rate(running: Running, board: Board) -> None:
    with Stream(running.device) as stream:
        batches = collect(stream, 200)
    times = np.concatenate([b.times for b in batches])
    assert np.all(np.diff(times) >= 0)
    # A sample is taken out of the FIFO within a tick of 20 ms of its time.
    expected = np.arange(len(times)) / board.facts.sensor_hz * 1e6
    assert np.ptp(times - expected) < 20_000 + 1e6 / board.facts.sensor_hz


def test_who_the_sensor_is(running: Running, board: Board) -> None:
    sensor = sensor_of(running.device)
    assert sensor.state == SensorState.IDLE
    assert board.facts.sensor.startswith(sensor.name + " ")
    assert sensor.rate == 1000 * board.facts.sensor_hz
    assert (sensor.accel_range, sensor.gyro_range) == (8, 2000)


def test_the_self_test_of_a_board_at_rest_passes_and_leaves_the_sensor_idle(board: Board) -> None:
    running = Running(board, None)
    try:
        *before, last = self_test(running.device)
        assert {reply.verdict for reply in before} == {SensorVerdict.UNDER_TEST}
        assert last.verdict == SensorVerdict.PASSED
        assert last.off == (0, 0, 4098, 0, 0, 0), "gravity, upwards"
        assert sensor_of(running.device).state == SensorState.IDLE
    finally:
        running.backend.close()


def test_an_absent_sensor_is_an_answer(board: Board) -> None:
    running = Running(board, None, ("--no-sensor",))
    try:
        with pytest.raises(DeviceError, match=r"does not answer") as error:
            sensor_of(running.device)
        assert ("Rev2" in str(error.value)) == (board.name == "nano33")
        with pytest.raises(RemoteError, match="no sensor answers"):
            Stream(running.device).__enter__()
        assert running.device.memory().stack_size > 0, "it goes on answering"
    finally:
        running.backend.close()


def test_a_sensor_that_falls_silent_ends_the_stream(
    running: Running, fed: NDArray[np.int16]
) -> None:
    with Stream(running.device) as stream:
        collect(stream, 20)
        running.backend.request("sensor", present=False)
        with pytest.raises(DeviceError, match="stream has ended"):
            collect(stream, 10_000)
    with pytest.raises(DeviceError, match=r"does not answer.*is it this board, and whole"):
        sensor_of(running.device)  # it has answered: no other revision
    running.backend.request("sensor", present=True)
    with Stream(running.device) as stream:
        values = np.concatenate([b.values for b in collect(stream, 20)])
    assert np.array_equal(values, around(fed, SETTLE, len(values)))


def test_what_a_late_host_has_lost_is_told(running: Running, fed: NDArray[np.int16]) -> None:
    with Stream(running.device) as stream:
        collect(stream, 5)
        for _ in range(200):  # four seconds: the ring holds two
            running.device.ask(msg.SensorRequest(), msg.SensorReply)
        late = stream.fetch()[0]
    assert late.broken
    assert np.array_equal(late.values, around(fed, SETTLE + late.first, len(late)))


def test_a_line_that_harms_frames_harms_no_sample(running: Running, fed: NDArray[np.int16]) -> None:
    for direction, kind in (("to_device", "flip"), ("to_host", "drop")):
        running.backend.request("faults", direction=direction, kind=kind, rate=2e-3, seed=3)
    with Stream(running.device) as stream:
        batches = collect(stream, 120)
    values = np.concatenate([b.values for b in batches])
    assert np.array_equal(values, around(fed, SETTLE, len(values)))
    assert running.backend.request("link")["faults"] > 0
    for direction in ("to_device", "to_host"):
        running.backend.request("faults", direction=direction, kind="none")
