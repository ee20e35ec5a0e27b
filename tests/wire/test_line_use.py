"""How much of the line the payload gets, on a line that takes virtual time: no clock is read."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from c_end import CDevice
from memory_link import Clock

from hil.device import Device
from hil.wire.frame import line_size
from hil.wire.schema import CREDITS, MAX_BODY

WINDOWS, SIZE = 1000, 300


@dataclass
class TimedTransport:
    """Ten bits a byte each way; `latency` on each reply (a host's USB), `service` per request."""

    device: CDevice
    clock: Clock
    baud: int
    latency: float
    service: float
    there_free: float = 0.0
    device_free: float = 0.0
    back_free: float = 0.0
    replies: deque[tuple[float, bytes]] = field(default_factory=deque)
    waiting: deque[tuple[float, int]] = field(default_factory=deque)
    most_waiting: int = 0

    def write(self, data: bytes) -> None:
        for frame in data.split(b"\0")[:-1]:
            self.there_free = max(self.there_free, self.clock.now) + self._time(len(frame) + 1)
            self._serve(frame + b"\0", self.there_free)

    def _serve(self, frame: bytes, arrived: float) -> None:
        begin = max(arrived, self.device_free)
        while self.waiting and self.waiting[0][0] <= arrived:
            self.waiting.popleft()
        self.waiting.append((begin, len(frame)))
        self.most_waiting = max(self.most_waiting, sum(size for _, size in self.waiting))
        if reply := self.device.exchange(frame):
            self.device_free = begin + self.service
            self.back_free = max(self.back_free, self.device_free) + self._time(len(reply))
            self.replies.append((self.back_free + self.latency, reply))

    def _time(self, size: int) -> float:
        return size * 10 / self.baud

    def read(self, timeout: float) -> bytes:
        if self.replies and self.replies[0][0] <= self.clock.now + timeout:
            at, reply = self.replies.popleft()
            self.clock.now = max(self.clock.now, at)
            return reply
        self.clock.now += timeout
        return b""

    def close(self) -> None:
        self.replies.clear()


@pytest.mark.parametrize(
    ("baud", "latency", "service"),
    [
        (115_200, 0.0, 0.0005),
        (921_600, 0.0, 0.0005),
        (921_600, 0.001, 0.0005),  # full-speed USB: a frame every millisecond
        (921_600, 0.005, 0.001),  # a host that is late: what the credits are for
        (115_200, 0.016, 0.001),  # an FTDI's latency timer
    ],
)
def test_nine_tenths_of_the_line_is_payload(
    device: Callable[..., CDevice], baud: int, latency: float, service: float
) -> None:
    clock = Clock()
    transport = TimedTransport(device(), clock, baud, latency, service)
    d = Device(transport, clock=clock)
    d.identify()
    began = clock.now
    assert d.discard(bytes(SIZE) for _ in range(WINDOWS)) == WINDOWS * SIZE
    share = WINDOWS * SIZE * 10 / ((clock.now - began) * baud)
    assert share >= 0.9
    assert d.counters.retransmissions == 0


def test_the_credits_fit_the_receive_ring(device: Callable[..., CDevice]) -> None:
    """The device is busy for long: what waits meanwhile is what WIRE_RING_MIN promises to hold."""
    clock = Clock()
    transport = TimedTransport(device(), clock, 921_600, 0.0, 0.0)
    d = Device(transport, timeout=30.0, patience=100.0, clock=clock)
    d.identify()
    transport.service = 1.0
    d.discard(b"\x55" * MAX_BODY for _ in range(20))
    assert 3 * line_size(MAX_BODY) <= transport.most_waiting <= CREDITS * line_size(MAX_BODY)
