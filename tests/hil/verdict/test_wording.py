"""Numbers as people read them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from records import good_run

from hil.verdict.rules.wording import percent, points, sample


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.0312, "3.1"), (-0.0312, "−3.1"), (-0.0001, "0.0"), (0.0, "0.0"), (-1.0, "−100.0")],
)
def test_points_carry_a_real_minus_and_no_negative_zero(share: float, text: str) -> None:
    assert points(share) == text
    assert percent(share) == f"{text} %"


def test_alike_windows_are_spoken_of_only_where_a_recording_has_several() -> None:
    run = good_run(40)
    assert sample(run, run.columns[0]) == (
        "40 windows of 4 recordings of 2 people; intervals hold for other recordings of their kind"
    )
    one = replace(run.windows, recording=(1,) * 40, subject=("S1",) * 40)
    assert sample(replace(run, windows=one), run.columns[0]) == (
        "40 windows of 1 recording of 1 person; "
        "windows of one recording are alike, so the true uncertainty is larger"
    )
    apart = replace(run, windows=replace(run.windows, recording=tuple(range(40))))
    assert sample(apart, run.columns[0]) == "40 windows of 40 recordings of 2 people"
