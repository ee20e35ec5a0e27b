"""A factor between two sets of values: another unit, or another range of the sensor?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.verdict.motion import another_unit


@pytest.mark.parametrize("ratio", [9.80665, 7.5, 57.3, 45.0, 1000.0, 700.0])
def test_units(ratio: float) -> None:
    assert another_unit(ratio)
    assert another_unit(1 / ratio)


@pytest.mark.parametrize("ratio", [1.0, 1.3, 2.0, 1.8, 4.0, 4.5, 3.5])
def test_ranges(ratio: float) -> None:
    assert not another_unit(ratio)
    assert not another_unit(1 / ratio)


@given(st.floats(1e-4, 1e4))
def test_it_does_not_matter_which_of_both_is_in_the_other_unit(ratio: float) -> None:
    assert another_unit(ratio) == another_unit(1 / ratio)
