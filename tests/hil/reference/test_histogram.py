"""Histograms count every value once, at the code it has or would have."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hil.record import BINS
from hil.reference.histogram import HistogramCounter


def test_values_are_counted_where_their_codes_are() -> None:
    counter = HistogramCounter(0.5, 10, "int8")
    # Codes of these floats: 10, 11, 10 (a half rounds to even), -128, -129, 127, 128 and far off.
    floats = np.array([0.0, 0.5, 0.25, -69.0, -69.5, 58.5, 59.0, 1e30], np.float32)
    codes = np.array([10, 11, 10, -128, -128, 127, 127, 127], np.int8)
    counter.add(floats, codes)
    h = counter.result()
    middle = (10 + 128) // 4
    assert (h.below, h.above) == (1, 2)
    assert (h.floats[0], h.floats[middle], h.floats[BINS - 1]) == (1, 3, 1)
    assert (h.codes[0], h.codes[middle], h.codes[BINS - 1]) == (2, 3, 3)
    assert (h.low_rail, h.high_rail) == (2, 3)


def test_what_is_no_number_is_nowhere() -> None:
    counter = HistogramCounter(1.0, 0, "int8")
    counter.add(np.array([np.nan, np.inf, -np.inf], np.float32), np.zeros(3, np.int8))
    h = counter.result()
    assert (sum(h.floats), h.below, h.above, sum(h.codes)) == (0, 1, 1, 3)


@given(
    st.lists(st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=20), max_size=4),
    st.sampled_from(["int8", "int16"]),
    st.integers(-128, 127),
)
def test_every_value_is_counted_once(windows: list[list[float]], dtype: str, zero: int) -> None:
    info = np.iinfo(dtype)
    counter = HistogramCounter(0.25, zero, dtype)
    for window in windows:
        x = np.array(window, np.float32)
        wide = np.rint(x.astype(np.float64) / 0.25) + zero
        counter.add(x, np.clip(wide, info.min, info.max).astype(dtype))
    h, total = counter.result(), sum(map(len, windows))
    assert sum(h.floats) + h.below + h.above == sum(h.codes) == total
    # Codes are the floats' own, clamped: they differ only at the ends.
    assert h.codes[1:-1] == h.floats[1:-1]
    assert h.codes[0] == h.floats[0] + h.below
    assert h.codes[-1] == h.floats[-1] + h.above
    assert h.low_rail <= h.codes[0]
    assert h.high_rail <= h.codes[-1]
