"""Resampling by recording: wider where windows are alike, right on average, one answer a record."""

from __future__ import annotations

import numpy as np
import pytest

from hil.verdict.resampling import (
    by_recording,
    exchanged_p,
    resampled,
    resampled_difference,
    widest,
)
from hil.verdict.stats import Interval, wilson


def alike(recordings: int, windows: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return (right, recording): each recording has a share of its own, as people have."""
    random = np.random.default_rng(seed)
    shares = random.choice([0.5, 1.0], recordings)
    right = random.random((recordings, windows)) < shares[:, None]
    return right.ravel(), np.repeat(np.arange(recordings), windows)


def test_windows_are_summed_up_by_recording_whatever_it_is_called() -> None:
    group = by_recording(np.array([1, 0, 1, 1]), np.array(["b", "a", "b", "a"]))
    assert group.total.tolist() == [1, 2]
    assert group.count.tolist() == [2, 2]
    assert group.mean == 0.75


def test_alike_windows_make_the_interval_wider_than_wilsons() -> None:
    right, recording = alike(20, 30)
    found = resampled(by_recording(right, recording))
    naive = wilson(int(right.sum()), len(right))
    assert found is not None
    assert found.value == pytest.approx(naive.value)
    assert found.high - found.low > 2 * (naive.high - naive.low)


def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    held = 0
    for seed in range(60):
        found = resampled(by_recording(*alike(24, 10, seed)))
        assert found is not None
        held += found.low <= 0.75 <= found.high
    assert held >= 50  # 95 % of 60 is 57; 50 or fewer would come once in 10,000


def test_the_same_record_gives_the_same_interval() -> None:
    group = by_recording(*alike(8, 10))
    assert resampled(group) == resampled(group)


def test_one_recording_tells_nothing_of_others() -> None:
    one, several = by_recording(np.ones(9), np.zeros(9)), by_recording(*alike(5, 9))
    assert resampled(one) is None
    assert resampled_difference(one, several) is None
    assert exchanged_p(one, several) == 1.0


def test_a_difference_between_recordings_is_found_by_exchanging_them() -> None:
    good = by_recording(np.repeat([1, 1, 1, 1, 1, 1], 10), np.repeat(np.arange(6), 10))
    bad = by_recording(np.repeat([0, 0, 0, 0, 0, 0], 10), np.repeat(np.arange(6), 10))
    # Of the 924 ways to share out twelve recordings, two are as uneven as this.
    assert exchanged_p(good, bad) == pytest.approx(2 / 924)
    found = resampled_difference(good, bad)
    assert found == Interval(1.0, 1.0, 1.0)


def test_many_windows_of_few_recordings_are_not_many() -> None:
    """Three recordings against three cannot be surer than one in ten, however many windows."""
    good = by_recording(np.ones(3000), np.repeat(np.arange(3), 1000))
    bad = by_recording(np.zeros(3000), np.repeat(np.arange(3), 1000))
    assert exchanged_p(good, bad) == pytest.approx(0.1)


def test_no_difference_is_found_where_there_is_none() -> None:
    p = [exchanged_p(by_recording(*alike(8, 10, s)), by_recording(*alike(8, 10, 100 + s)))
         for s in range(20)]  # fmt: skip
    assert sum(v < 0.05 for v in p) <= 4


def test_the_wider_of_two_intervals_on_either_side() -> None:
    assert widest(Interval(0.5, 0.4, 0.6), None) == Interval(0.5, 0.4, 0.6)
    assert widest(Interval(0.5, 0.4, 0.6), Interval(0.5, 0.45, 0.7)) == Interval(0.5, 0.4, 0.7)
