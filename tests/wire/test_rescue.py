"""A device that goes away or hangs, and comes back: nothing is lost, nothing counted twice."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from c_end import CDevice
from hypothesis import given, settings
from hypothesis import strategies as st
from memory_link import Clock, MemoryTransport

from hil.backend.base import Transport
from hil.connection import MOST_DROPS
from hil.device import Device
from hil.errors import IdentityError, LinkError, NoAnswerError

MakeDevice = Callable[..., CDevice]
GONE = "the port has gone"


class Ends(MemoryTransport):
    """Ends with its `last` write: the port goes away, or whatever is sent is swallowed."""

    def __init__(self, device: CDevice, clock: Clock, last: int, *, hangs: bool) -> None:
        super().__init__(device, clock)
        self.left, self.hangs = last, hangs

    def write(self, data: bytes) -> None:
        self.left -= 1
        if self.left > 0:
            super().write(data)
        elif not self.hangs:
            raise LinkError(GONE)


class Bench:
    """Boards one after the other, each on a transport that ends; the last one does not."""

    def __init__(self, make: MakeDevice, ends: list[int], *, hangs: bool, **options: int) -> None:
        self.clock, self.errors = Clock(), list[LinkError]()
        boards = [make(boot_id=i + 1, **options) for i in range(len(ends) + 1)]
        self.transports: list[Transport] = [
            Ends(board, self.clock, last, hangs=hangs)
            for board, last in zip(boards, ends, strict=False)
        ]
        self.transports.append(MemoryTransport(boards[-1], self.clock))
        self.device = Device(self.transports.pop(0), clock=self.clock)
        self.device.identify()
        self.welcomed = 0
        self.device.guard(self.rescue, self.welcome)

    def rescue(self, error: LinkError) -> Transport:
        self.errors.append(error)
        return self.transports.pop(0)

    def welcome(self) -> None:
        self.welcomed += 1


INPUTS = [bytes([i]) * 24 for i in range(120)]


@pytest.mark.parametrize("hangs", [False, True], ids=["gone", "hangs"])
@pytest.mark.parametrize("last", range(2, 14))
def test_a_run_goes_on_where_it_stopped(device: MakeDevice, last: int, hangs: bool) -> None:
    expected = list(Bench(device, [], hangs=False).device.infer(INPUTS))
    bench = Bench(device, [last, last + 1], hangs=hangs)
    assert list(bench.device.infer(INPUTS)) == expected
    assert len(bench.errors) == 2
    assert all(isinstance(e, NoAnswerError) is hangs for e in bench.errors)
    assert bench.device.identity.boot_id == 3
    assert bench.device.counters.answered == len(INPUTS)


def test_staged_inputs_go_on_as_well(device: MakeDevice) -> None:
    inputs = [bytes([i]) * 3000 for i in range(6)]
    expected = list(Bench(device, [], hangs=False, input_size=3000).device.infer(inputs))
    for last in range(2, 8):
        bench = Bench(device, [last], hangs=False, input_size=3000)
        assert list(bench.device.infer(inputs)) == expected
        assert len(bench.errors) == 1


def test_a_stream_inside_a_stream_goes_on_as_well(device: MakeDevice) -> None:
    def nested(d: Device) -> list[object]:
        return [(reply, d.tap(INPUTS[0])) for reply in d.infer(INPUTS[:12])]

    expected = nested(Bench(device, [], hangs=False).device)
    for last in range(2, 20):
        assert nested(Bench(device, [last], hangs=True).device) == expected


def test_another_board_that_comes_back_is_refused(device: MakeDevice) -> None:
    bench = Bench(device, [5], hangs=False)
    bench.transports[0] = MemoryTransport(device(input_size=48), bench.clock)
    with pytest.raises(IdentityError, match="another device came back"):
        list(bench.device.infer(INPUTS))


def test_twice_at_one_place_is_the_end(device: MakeDevice) -> None:
    bench = Bench(device, [5, 2, 2], hangs=True)
    with pytest.raises(NoAnswerError):
        list(bench.device.infer(INPUTS))
    assert len(bench.errors) == 1


def test_silence_after_a_drop_is_a_hang_and_mended_as_one_once(device: MakeDevice) -> None:
    """A port that takes no bytes may have been opened anew, which hides what the board does."""
    expected = list(Bench(device, [], hangs=False).device.infer(INPUTS))
    bench = Bench(device, [5], hangs=False)
    bench.transports.insert(0, Ends(device(), bench.clock, 0, hangs=True))
    assert list(bench.device.infer(INPUTS)) == expected
    assert [isinstance(e, NoAnswerError) for e in bench.errors] == [False, True]

    bench = Bench(device, [5], hangs=False)
    for _ in range(2):
        bench.transports.insert(0, Ends(device(), bench.clock, 0, hangs=True))
    with pytest.raises(NoAnswerError):
        list(bench.device.infer(INPUTS))
    assert len(bench.errors) == 2


def test_without_a_guard_nobody_waits(device: MakeDevice) -> None:
    clock = Clock()
    alone = Device(Ends(device(), clock, 4, hangs=False), clock=clock)
    alone.identify()
    with pytest.raises(LinkError, match=GONE):
        list(alone.infer(INPUTS))


def test_a_reset_that_takes_the_port_away_is_come_back_from(device: MakeDevice) -> None:
    bench = Bench(device, [3], hangs=False)  # the port of a board on USB goes with its reset
    assert bench.device.reset().boot_id == 2
    assert bench.welcomed == 1, "a rescue that is not told stays under way"


class Bouncing(MemoryTransport):
    """Gone for good once so many bytes have passed, either way: amid a frame, as a rule."""

    def __init__(self, device: CDevice, clock: Clock, lasts: int) -> None:
        super().__init__(device, clock)
        self.left = lasts

    def pass_on(self, data: bytes) -> bytes:
        passed, self.left = data[: self.left], self.left - len(data)
        return passed

    def write(self, data: bytes) -> None:
        super().write(self.pass_on(data))
        if self.left < 0:
            raise LinkError(GONE)

    def read(self, timeout: float) -> bytes:
        if self.left <= 0:
            raise LinkError(GONE)
        return self.pass_on(super().read(timeout))


def bounced(make: MakeDevice, lasts: list[int], options: dict[str, int]) -> Bench:
    """A bench whose first contact holds for a while, and then as `lasts` says."""
    bench = Bench(make, [], hangs=False, **options)
    boards = [make(boot_id=i + 2, **options) for i in range(len(lasts))]
    ends = [Bouncing(board, bench.clock, n) for board, n in zip(boards, lasts, strict=True)]
    bench.device._link._transport, *bench.transports = (
        *ends,
        MemoryTransport(make(boot_id=99, **options), bench.clock),
    )
    return bench


@settings(max_examples=150, derandomize=True, deadline=None)
@given(st.lists(st.integers(0, 700), min_size=1, max_size=MOST_DROPS))
def test_contact_that_bounces_loses_and_doubles_nothing(
    device: MakeDevice, lasts: list[int]
) -> None:
    """Drops anywhere: in a frame, in the hello after another drop, before the next answer."""
    expected = list(Bench(device, [], hangs=False).device.infer(INPUTS[:20]))
    bench = bounced(device, lasts, {})
    assert list(bench.device.infer(INPUTS[:20])) == expected
    assert bench.device.counters.answered == bench.device.counters.requests == 20
    assert 1 <= len(bench.errors) <= len(lasts) or sum(lasts) > 700


@settings(max_examples=40, derandomize=True, deadline=None)
@given(st.lists(st.integers(0, 9000), min_size=1, max_size=MOST_DROPS))
def test_staged_inputs_survive_contact_that_bounces(device: MakeDevice, lasts: list[int]) -> None:
    inputs = [bytes([i]) * 3000 for i in range(3)]
    options = {"input_size": 3000}
    expected = list(Bench(device, [], hangs=False, **options).device.infer(inputs))
    assert list(bounced(device, lasts, options).device.infer(inputs)) == expected


def test_any_number_of_drops_is_gone_on_after_where_answers_come_between(
    device: MakeDevice,
) -> None:
    expected = list(Bench(device, [], hangs=False).device.infer(INPUTS))
    bench = bounced(device, [600] * 4 * MOST_DROPS, {})
    assert list(bench.device.infer(INPUTS)) == expected
    assert len(bench.errors) > MOST_DROPS


@pytest.mark.parametrize("lasts", [0, 40], ids=["before the hello", "after the hello"])
def test_a_cable_that_never_holds_is_given_up(device: MakeDevice, lasts: int) -> None:
    bench = bounced(device, [lasts] * 3 * MOST_DROPS, {})
    with pytest.raises(LinkError, match=GONE):
        list(bench.device.infer(INPUTS))
    assert len(bench.errors) == MOST_DROPS


def test_after_a_hello_the_count_of_troubles_begins_anew(device: MakeDevice) -> None:
    """Its counters do: a hang at their start is not the second at one place."""
    bench = Bench(device, [2, 4], hangs=True)
    first = list(bench.device.infer(INPUTS[:1]))
    bench.device.identify()
    assert list(bench.device.infer(INPUTS[:1])) == first
    assert len(bench.errors) == 2
