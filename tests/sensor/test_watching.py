"""What is told while a recording runs."""

from __future__ import annotations

import numpy as np
import pytest

from hil.sensor.stream import Batch
from hil.sensor.watch import Watch


def run(rate: float, seconds: float, peak: int = 1000, nominal: float = 119.0) -> list[str]:
    """Record in batches of a tick."""
    watch, told = Watch(nominal), []
    count = int(rate * seconds)
    taken = (np.ceil((np.arange(count) + 1) / rate / 0.02) * 20_000).astype(np.int64)
    for tick in np.unique(taken):
        here = np.flatnonzero(taken == tick)
        values = np.full((len(here), 6), peak, np.int16)
        told += watch.add(Batch(int(here[0]), taken[here], values))
    return told


@pytest.mark.parametrize("rate", [109.0, 119.0, 129.0])
def test_a_sound_recording_is_not_commented(rate: float) -> None:
    assert run(rate, 5) == []


@pytest.mark.parametrize("rate", [59.5, 100.0, 238.0])
def test_another_rate_is_told_once(rate: float) -> None:
    (told,) = run(rate, 5)
    assert told.startswith("the sensor's rate is ")
    assert told.endswith("should be near 119 Hz")


@pytest.mark.parametrize("peak", [32767, -32768, -32767])
def test_motion_beyond_the_range_is_told_once_and_at_once(peak: int) -> None:
    assert run(119, 0.1, peak) == [
        "the motion goes beyond the sensor's range, and is cut off there"
    ]
    assert len(run(119, 3, peak)) == 1
    assert run(119, 3, 32766) == []
