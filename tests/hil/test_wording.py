"""Numbers as people read them."""

from __future__ import annotations

import pytest

from hil.rules.wording import percent, points


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.0312, "3.1"), (-0.0312, "−3.1"), (-0.0001, "0.0"), (0.0, "0.0"), (-1.0, "−100.0")],
)
def test_points_carry_a_real_minus_and_no_negative_zero(share: float, text: str) -> None:
    assert points(share) == text
    assert percent(share) == f"{text} %"
