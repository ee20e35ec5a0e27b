"""Times from a FIFO's ticks, and samples at another rate."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.sensor.resample import fit_times, resample


def drained(rate: float, count: int, tick_us: int = 20_000) -> np.ndarray:
    """When samples at `rate` leave a FIFO that is emptied every tick."""
    measured = (np.arange(count) + 0.5) / rate * 1e6
    return (np.ceil(measured / tick_us) * tick_us).astype(np.int64)


@given(st.floats(80, 140), st.integers(300, 900))
def test_the_rate_is_found_behind_the_ticks(rate: float, count: int) -> None:
    times, found = fit_times(drained(rate, count), nominal_hz=100)
    # The ticks blur each time by at most a period: over the whole recording that is 1 in `count`.
    assert abs(found / rate - 1) < 2 / count
    assert np.all(np.diff(times) > 0)


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_too_few_samples_go_by_the_nominal_rate(count: int) -> None:
    times, rate = fit_times(drained(104, count), nominal_hz=104)
    assert rate == 104
    assert len(times) == count


@given(st.integers(2, 200), st.sampled_from([50.0, 100.0, 104.0, 119.0]))
def test_the_same_rate_changes_nothing(count: int, rate: float) -> None:
    values = np.random.default_rng(count).integers(-32768, 32767, (count, 6))
    again = resample(np.arange(count) / rate, values, rate)
    assert np.array_equal(np.rint(again), values)


def test_between_samples_there_are_straight_lines() -> None:
    times = np.asarray([0.0, 1.0, 3.0])
    values = np.asarray([[0, 0], [10, -10], [30, 0]])
    expected = [[0, 0], [5, -5], [10, -10], [15, -7.5], [20, -5], [25, -2.5], [30, 0]]
    assert np.allclose(resample(times, values, 2.0), expected, rtol=0, atol=1e-12)
