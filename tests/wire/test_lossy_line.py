"""Two ends over a line that drops, flips, doubles, delays and cuts: no wrong result, no hang."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from zlib import crc32

import fake_model
import pytest
from c_end import CDevice
from hypothesis import given, settings
from hypothesis import strategies as st
from memory_link import Clock, Lossy, MemoryTransport

from hil.device import Device
from hil.errors import LinkError

SHARES = st.floats(0.01, 0.3)


def over(end: CDevice, seed: int, there: float, back: float) -> tuple[Device, MemoryTransport]:
    clock, random = Clock(), Random(seed)
    transport = MemoryTransport(
        end, clock, to_device=Lossy(random, there), to_host=Lossy(random, back)
    )
    return Device(transport, clock=clock, timeout=0.5, patience=1e6), transport


@settings(max_examples=60)
@given(seed=st.integers(0), there=SHARES, back=SHARES, size=st.sampled_from([24, 300, 2500]))
def test_every_answer_is_right(
    device: Callable[..., CDevice], seed: int, there: float, back: float, size: int
) -> None:
    inputs = [Random(seed + i).randbytes(size) for i in range(12)]
    d, _ = over(device(input_size=size), seed, there, back)
    d.identify(deadline=1e6)
    expected = [fake_model.layers(w, 4) for w in inputs]
    assert [r.output for r in d.infer(inputs)] == [t[-1] for t in expected]
    assert d.tap(inputs[0]) == (crc32(inputs[0]), [crc32(t) for t in expected[0]])
    assert d.read_layer(1, inputs[1]) == expected[1][1]
    assert d.run_layer(2, expected[2][:2]) == expected[2][2]
    assert [x.op for x in d.layers()] == ["DOUBLE", "SUM", "ADD", "NEXT"]


@settings(max_examples=20)
@given(seed=st.integers(0))
def test_losses_cost_few_retransmissions_and_little_time(
    device: Callable[..., CDevice], seed: int
) -> None:
    """What was harmed is sent again, and at most a window with it; silence is rarely waited for."""
    d, transport = over(device(), seed, 0.05, 0.05)
    d.identify(deadline=1e6)
    began, inputs = transport.clock.now, [Random(i).randbytes(24) for i in range(200)]
    assert len(list(d.infer(inputs))) == 200
    harmed = transport.to_device.harmed + transport.to_host.harmed  # type: ignore[attr-defined]
    assert d.counters.retransmissions <= 5 * harmed
    assert transport.clock.now - began <= 0.5 * harmed


def test_a_line_that_loses_everything_is_given_up(device: Callable[..., CDevice]) -> None:
    d, transport = over(device(), 1, 0.0, 0.0)
    d.identify()
    transport.to_device = lambda data: b""
    with pytest.raises(LinkError, match=r"no answer for 1e\+06 s"):
        d.memory()


def test_a_device_that_restarts_in_between(device: Callable[..., CDevice]) -> None:
    """It has forgotten what was staged, and half of a frame; the answers are right all the same."""
    inputs = [Random(i).randbytes(2500) for i in range(6)]
    d, transport = over(device(input_size=2500), 1, 0.0, 0.0)
    frames = 0

    def restart_thrice(data: bytes) -> bytes:
        nonlocal frames
        before, frames = frames, frames + data.count(0)
        if any(before < at <= frames for at in (3, 11, 20)):
            transport.device = device(input_size=2500)
            return data[: len(data) // 2]
        return data

    d.identify()
    transport.to_device = restart_thrice
    assert [r.output for r in d.infer(inputs)] == [fake_model.layers(w, 4)[-1] for w in inputs]
    assert d.counters.retransmissions > 0
