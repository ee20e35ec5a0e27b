"""The faults that the line can have."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hil.emulator.link_faults import DELAY_S, KINDS, FaultyLine, Plan

DATA = bytes(range(1, 256)) * 4


def through(kind: str, rate: float, data: bytes = DATA, seed: int = 1) -> tuple[bytes, int]:
    line = FaultyLine()
    line.set(Plan(kind, rate, seed))
    line.put(data, now=0.0)
    return line.take(now=1000.0), line.count


@given(st.lists(st.binary(max_size=50)))
def test_a_sound_line_changes_nothing(pieces: list[bytes]) -> None:
    line = FaultyLine()
    for piece in pieces:
        line.put(piece, now=0.0)
    assert line.take(now=0.0) == b"".join(pieces)
    assert line.next_time() is None


def test_drop() -> None:
    out, count = through("drop", 0.1)
    assert len(out) == len(DATA) - count
    assert 50 < count < 150
    remaining = iter(DATA)
    assert all(byte in remaining for byte in out), "the rest is in order"


def test_flip() -> None:
    out, count = through("flip", 0.1)
    changed = [(a, b) for a, b in zip(DATA, out, strict=True) if a != b]
    assert len(changed) == count > 50
    assert all((a ^ b).bit_count() == 1 for a, b in changed)


def test_duplicate() -> None:
    out, count = through("duplicate", 0.1)
    assert len(out) == len(DATA) + count
    assert count > 50


def test_truncate_loses_the_rest_of_a_frame() -> None:
    frames = b"".join(bytes([i]) * 20 + b"\0" for i in range(1, 30))
    out, count = through("truncate", 0.02, frames)
    assert out.count(0) == 29, "every frame still ends"
    assert len(out) < len(frames)
    shortened = [piece for piece in out.split(b"\0")[:-1] if len(piece) < 20]
    assert len(shortened) == count > 0


def test_delay_keeps_the_order_and_loses_nothing() -> None:
    line = FaultyLine()
    line.set(Plan("delay", 1.0))
    line.put(b"abc", now=0.0)
    assert line.take(now=DELAY_S / 2) == b""
    assert line.next_time() == DELAY_S
    assert line.take(now=DELAY_S) == b"a"
    line.set(None)
    line.put(b"d", now=DELAY_S)
    assert line.take(now=10.0) == b"bcd", "what comes later does not overtake"


@given(st.sampled_from(KINDS), st.integers(0, 99), st.binary(max_size=200))
def test_the_same_seed_does_the_same(kind: str, seed: int, data: bytes) -> None:
    assert through(kind, 0.2, data, seed) == through(kind, 0.2, data, seed)


@given(st.sampled_from(KINDS), st.binary(max_size=200))
def test_rate_0_changes_nothing(kind: str, data: bytes) -> None:
    assert through(kind, 0.0, data) == (data, 0)
