"""The host's end of a stream: losses in every place, a clock that wraps, replies without sense."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hil.errors import DeviceError, RemoteError
from hil.sensor.stream import RECORD, Stream, sensor_of
from hil.wire import messages as msg
from hil.wire.messages import ErrorCode


class Script:
    """A device that answers SENSOR_SAMPLES with what the test says."""

    def __init__(self, *replies: msg.SensorSamplesReply | Exception) -> None:
        self.replies = list(replies)
        self.asked: list[int] = []

    def ask(self, request: Any, _kind: object) -> Any:
        self.asked.append(request.first)
        reply = self.replies.pop(0)
        if isinstance(reply, Exception):
            raise reply
        return reply


def reply(first: int, count: int, breaks: int = 0, gap: int = 0, time: int = 0) -> Any:
    """Sample n has the values n, n, …"""
    records = np.zeros(count, RECORD)
    records["time"] = (time + 10_000 * np.arange(first, first + count)) % 2**32
    records["value"] = np.arange(first, first + count)[:, np.newaxis]
    return msg.SensorSamplesReply(first, first + count, breaks, gap, records.tobytes())


def fetched(stream: Stream) -> list[tuple[int, int, bool]]:
    batches = stream.fetch()
    for batch in batches:
        assert np.array_equal(batch.values[:, 0], np.arange(batch.first, batch.first + len(batch)))
    return [(b.first, len(b), b.broken) for b in batches]


def stream(*replies: Any) -> tuple[Stream, Script]:
    script = Script(*replies)
    return Stream(script), script  # type: ignore[arg-type]


def test_samples_follow_one_another() -> None:
    made, script = stream(reply(0, 3), reply(3, 0), reply(3, 2))
    assert [fetched(made) for _ in range(3)] == [[(0, 3, False)], [], [(3, 2, False)]]
    assert script.asked == [0, 3, 3]


def test_what_the_ring_has_lost_is_told() -> None:
    made, _ = stream(reply(0, 3), reply(9, 2))
    assert [fetched(made) for _ in range(2)] == [[(0, 3, False)], [(9, 2, True)]]


def test_a_gap_cuts() -> None:
    made, _ = stream(reply(0, 6, 1, 4), reply(6, 2, 1, 4))
    assert [fetched(made) for _ in range(2)] == [
        [(0, 4, False), (4, 2, True)],
        [(6, 2, False)],
    ]


def test_a_gap_between_two_replies_is_told_with_what_follows_it() -> None:
    made, _ = stream(reply(0, 4), reply(4, 0, 1, 4), reply(4, 3, 1, 4))
    assert [fetched(made) for _ in range(3)] == [[(0, 4, False)], [], [(4, 3, True)]]


def test_a_gap_beyond_the_frame_waits() -> None:
    made, _ = stream(reply(0, 4, 1, 6), reply(4, 4, 1, 6))
    assert [fetched(made) for _ in range(2)] == [[(0, 4, False)], [(4, 2, False), (6, 2, True)]]


def test_of_several_gaps_only_what_follows_the_last_is_kept() -> None:
    made, _ = stream(reply(0, 8, 3, 6))
    assert fetched(made) == [(6, 2, True)]


def test_where_an_unknown_gap_may_lie_nothing_is_kept() -> None:
    made, _ = stream(reply(0, 50, 2, 60), reply(50, 30, 2, 60))
    assert [fetched(made) for _ in range(2)] == [[], [(60, 20, True)]]


def test_the_devices_clock_wraps() -> None:
    made, _ = stream(reply(0, 8, time=2**32 - 35_000))
    (batch,) = made.fetch()
    assert batch.times.tolist() == [10_000 * n for n in range(8)]


@pytest.mark.parametrize(
    "bad", [msg.SensorSamplesReply(0, 1, 0, 0, b"x"), msg.SensorSamplesReply(1, 1, 0, 0, b"")]
)
def test_a_reply_without_sense_is_an_error(bad: msg.SensorSamplesReply) -> None:
    made, _ = stream(reply(0, 2), bad)
    made.fetch()
    with pytest.raises(DeviceError, match="makes no sense"):
        made.fetch()


def test_an_older_firmware_drives_no_sensor() -> None:
    error = RemoteError(ErrorCode.UNKNOWN_TYPE.name, 0x38, "no such request")

    class Old:
        def ask(self, _request: object, _kind: object) -> Any:
            raise error

    with pytest.raises(DeviceError, match="drives no motion sensor"):
        sensor_of(Old())  # type: ignore[arg-type]
