"""What a recording looks like in a terminal."""

from __future__ import annotations

import numpy as np

from hil.sensor.plot import BARS, Plot
from hil.sensor.stream import Batch


def batch(value: int, count: int) -> Batch:
    values = np.zeros((count, 6), np.int16)
    values[:, 2] = values[:, 5] = value
    return Batch(0, np.zeros(count, np.int64), values)


def test_nothing_yet_is_two_empty_lines() -> None:
    first, second = Plot(columns=20).lines()
    assert first.split() == ["acceleration", "0.00", "g"]
    assert second.split() == ["rotation", "0.00", "rad/s"]


def test_a_column_shows_the_largest_of_its_samples() -> None:
    plot = Plot(columns=20, per_column=3)
    for value, count in ((4098, 2), (8197, 1), (4098, 3)):
        plot.add(batch(value, count))
    acceleration, rotation = plot.lines()
    bars = acceleration[13:]
    assert bars.startswith(BARS[round(2 / 3 * 8)] + BARS[round(1 / 3 * 8)])
    assert acceleration.endswith(" 1.00 g")
    assert rotation.endswith(" 5.01 rad/s")


def test_what_is_beyond_the_scale_is_a_full_bar_and_lines_keep_their_length() -> None:
    plot = Plot(columns=5, per_column=1)
    for _ in range(12):
        plot.add(batch(32767, 1))
        assert len(plot.lines()[0]) == 13 + 5 + len("  8.00 g")
    assert plot.lines()[0][13:18] == BARS[-1] * 5
