"""Pictures say what the numbers say."""

from __future__ import annotations

import re
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from page_outline import Outline
from sample_runs import differing_run, incomplete_run, sample_run

from hil.report.chain import Step, chain_view
from hil.report.pictures.axis import PLOT_BOTTOM, PLOT_TOP, accuracy_axis
from hil.report.pictures.bars import bar
from hil.report.pictures.chain import chain
from hil.verdict import drift
from hil.verdict.stats import Interval, wilson

shares = st.floats(0, 1)


def a_step(low: float, value: float, high: float) -> Step:
    return Step("s", "r", "int8", False, None, 1, 2, Interval(value, low, high), None, False)


@given(st.lists(st.tuples(shares, shares, shares).map(sorted), min_size=1, max_size=9))
def test_the_axis_holds_every_interval(values: list[list[float]]) -> None:
    axis = accuracy_axis([a_step(*v) for v in values])
    assert 0 <= axis.low < axis.high <= 1
    assert axis.ticks[0] == axis.low
    assert axis.ticks[-1] <= axis.high
    assert 2 <= len(axis.ticks) <= 7
    assert all(axis.low <= v[0] and v[2] <= axis.high + 1e-9 for v in values)


def test_higher_accuracy_is_higher_in_the_picture() -> None:
    axis = accuracy_axis([a_step(0.7, 0.8, 0.9)])
    assert axis.y(axis.high) == PLOT_TOP
    assert axis.y(axis.low) == PLOT_BOTTOM
    assert axis.y(0.8) < axis.y(0.75)


def test_an_axis_of_nothing_is_the_whole_range() -> None:
    axis = accuracy_axis([])
    assert (axis.low, axis.high) == (0, 1)


def test_a_bar_is_as_long_as_its_share_and_never_longer_than_its_box() -> None:
    assert 'width="25%"' in bar(0.25)
    assert 'width="100%"' in bar(7.0)
    assert 'width="0%"' in bar(-1.0)
    assert bar(None) == ""
    assert 'x1="50%"' in bar(0.1, mark=0.5)


def picture(steps: tuple[Step, ...]) -> str:
    axis = accuracy_axis(steps)
    return str(chain("k", steps, axis, None, "title", [f"to-{s.name}" for s in steps]))


def test_only_a_loss_beyond_chance_is_drawn_as_one() -> None:
    losing = chain_view(differing_run()).stages
    lost = [s.name for s in losing if s.resolved_loss]
    assert lost == ["int8"]
    assert len(re.findall(r'class="joint lost"', picture(losing))) == 1
    assert "joint lost" not in picture(chain_view(sample_run()).stages[-2:])


def test_every_stage_is_named_with_its_accuracy() -> None:
    run = sample_run()
    words = Outline(picture(chain_view(run).stages)).words()
    for column in drift.chain(run):
        interval = drift.accuracy(run, column)
        assert interval is not None
        assert column.name in words
        assert f"{interval.value * 100:.1f}" in words


def test_a_stage_that_was_not_measured_says_so() -> None:
    stages = chain_view(incomplete_run(measured=0)).stages
    assert len(re.findall(r"<text[^>]*>not measured<", picture(stages))) == 2


def test_a_change_is_taken_over_the_windows_that_both_measured() -> None:
    run = incomplete_run(measured=120)
    step = next(s for s in chain_view(run).stages if s.name == "device")
    assert (step.measured, step.identical) == (120, True)
    # Of classes, not of bytes: those are another table's.
    assert "same class" in Outline(picture(chain_view(run).stages)).words()
    assert step.change is not None
    assert step.change.value == 0
    assert step.accuracy is not None
    # Wilson's interval, or wider where recordings resampled give a wider one.
    alone = wilson(step.correct, 120)
    assert step.accuracy.value == alone.value
    assert step.accuracy.low <= alone.low
    assert step.accuracy.high >= alone.high


def test_the_limit_is_below_the_first_stage_by_max_drop_points() -> None:
    view = chain_view(replace(sample_run(), max_drop=3.0))
    first = view.stages[0].accuracy
    assert first is not None
    assert view.limit is not None
    assert abs(first.value - view.limit - 0.03) < 1e-12
