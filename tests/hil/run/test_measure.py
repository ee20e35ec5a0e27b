"""Which windows are streamed and tapped."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from hil.reference.inputs import DEFAULT_LIMIT, _spread
from hil.run.measure import TAP_BYTES, tap_windows


@given(st.integers(1, 100_000), st.one_of(st.none(), st.integers(1, 2_000)))
def test_windows_are_distinct_in_order_and_evenly_spread(total: int, limit: int | None) -> None:
    chosen = _spread(total, limit).tolist()
    assert len(chosen) == min(total, limit or DEFAULT_LIMIT)
    assert chosen[0] == 0
    assert chosen[-1] < total
    steps = {b - a for a, b in pairwise(chosen)}
    assert min(steps, default=1) >= 1
    assert max(steps, default=1) - min(steps, default=1) <= 1


@given(st.integers(1, 5_000), st.integers(1, 200_000))
def test_taps_stay_within_their_share_of_the_line(windows: int, size: int) -> None:
    chosen = tap_windows(windows, size)
    assert chosen == sorted(set(chosen))
    assert 0 <= chosen[0] <= chosen[-1] < windows
    assert len(chosen) == 1 or len(chosen) * size <= TAP_BYTES
    assert len(chosen) == windows or (len(chosen) + 1) * size > TAP_BYTES


def test_small_windows_are_all_tapped() -> None:
    assert tap_windows(300, 300) == list(range(300))
