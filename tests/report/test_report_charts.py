"""Pictures say what the numbers say."""

from __future__ import annotations

import math
import re
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from page_outline import Outline
from sample_runs import differing_run, incomplete_run, sample_run

from hil.record import BINS, ArenaBlock, ArenaPlan, Histogram
from hil.report.chain import Step, chain_view
from hil.report.pictures.arena import GUTTER, PLOT, arena
from hil.report.pictures.axis import PLOT_BOTTOM, PLOT_TOP, accuracy_axis
from hil.report.pictures.bars import balance, bar, stack
from hil.report.pictures.chain import chain
from hil.report.pictures.histogram import histogram
from hil.report.pictures.lines import scatter, signals, spectrum
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


def test_a_balance_leans_to_its_sign() -> None:
    assert 'x="50%" width="25%"' in balance(0.5)
    assert 'x="25%" width="25%"' in balance(-0.5)
    assert 'x="0%" width="50%"' in balance(-9.0)


def test_a_stack_is_one_share_after_the_other() -> None:
    svg = stack((("rounding", 0.25), ("saturation", 0.5)))
    assert 'x="0%" width="25%"' in svg
    assert 'x="25%" width="50%" height="8" class="saturation"' in svg


def points(svg: str, class_: str) -> list[tuple[float, float]]:
    found = re.search(rf'points="([^"]*)" class="{class_}"', svg)
    assert found is not None
    return [tuple(map(float, p.split(","))) for p in found[1].split()]  # type: ignore[misc]


def a_histogram(**counts: int) -> Histogram:
    floats = [0] * BINS
    floats[0], floats[-1] = 10, 1
    return Histogram(tuple(floats), tuple(floats), **{
        "below": 0, "above": 0, "low_rail": 0, "high_rail": 0, **counts,
    })  # fmt: skip


def test_a_histogram_is_as_high_as_its_counts_on_a_logarithmic_scale() -> None:
    svg = str(histogram("k", "conv1", a_histogram(above=4), (-1.0, 1.0), ("low", "high")))
    starts = {x: 100 - y for x, y in points(svg, "floats")[:-1]}  # of each bar, its left end
    assert starts[1.0] == 100  # the most frequent, 10
    assert abs(starts[BINS + 1.0] - 100 * math.log(1 + 4) / math.log(1 + 10)) < 0.1
    assert svg.count('class="beyond"') == 1
    assert 'class="rail"' not in svg


def test_only_rails_that_cut_off_are_marked() -> None:
    h = a_histogram(low_rail=5, high_rail=3)
    assert str(histogram("k", "n", h, (-1, 1), ("high",))).count('class="rail"') == 1
    assert 'class="rail"' not in str(histogram("k", "n", h, (-1, 1), ()))
    beyond = a_histogram(above=4)
    assert 'class="end"' in str(histogram("k", "n", beyond, (-1, 1), ()))


def test_a_spectrum_counts_decades_from_its_peak() -> None:
    svg = str(spectrum("k", "ax", "g", (0, 1, 2), (1.0, 0.1, 1e-9), (0.01, 0.0, 1.0)))
    assert points(svg, "training") == [(0, 0), (1, 10), (2, 50)]  # 1e-9 is below the floor
    assert points(svg, "target") == [(0, 20), (1, 50), (2, 0)]
    assert "training peaks at 1 Hz, these windows at 2 Hz" in svg


def test_signals_lie_in_their_ranges() -> None:
    series = [[[0.0, 1.0, 2.0]], [[-1.0, 0.0, 1.0]]]
    svg = str(signals("k", "t", ("a", "b"), series, [(0.0, 2.0), (-1.0, 1.0)]))
    assert points(svg, "signal") == [(0, 100), (1, 50), (2, 0)]
    assert svg.count('class="grid"') == 1  # zero is inside the second range only
    constant = str(signals("k", "t", ("a",), [[[3.0, 3.0]]], [(3.0, 3.0)]))
    assert points(constant, "signal") == [(0, 100), (1, 100)]


def test_a_scatter_has_what_is_right_on_its_diagonal() -> None:
    svg = str(scatter("k", "t", ((-128, -128, 5), (127, -128, 1)), (-128, 127)))
    assert re.search(r'cx="0" cy="100" [^>]*class="right"', svg)
    assert re.search(r'cx="100" cy="100" [^>]*class="wrong"', svg)
    assert "1 of 6 values are not on the line" in svg


def test_blocks_of_the_arena_lie_over_their_layers_and_bytes() -> None:
    blocks = (ArenaBlock("in", "tensor", 0, 50, -1, 0), ArenaBlock("out", "tensor", 50, 50, 0, 1))
    svg = str(arena("k", ArenaPlan(100, ("a", "b"), ("", ""), blocks), (False, True)))
    boxes = re.findall(r'<rect x="([\d.]+)%" y="([\d.]+)" width="([\d.]+)%"', svg)
    (x1, y1, w1), (x2, y2, _) = [tuple(map(float, b)) for b in boxes]
    gutter, third = 100 * GUTTER, 30.0
    assert (x1, x2) == (gutter, gutter + third)
    assert abs(w1 - 2 * third) < 0.5
    half = PLOT / 2
    assert (y1, y2) == (half, 0)  # bytes count upwards
    assert 'class="block tensor over"' in svg


def test_a_chains_step_is_a_link_where_it_opens_something() -> None:
    steps = chain_view(sample_run()).stages
    axis = accuracy_axis(steps)
    svg = str(chain("k", steps, axis, None, "t", [None, "there", *[None] * (len(steps) - 2)]))
    assert re.findall(r'<a href="([^"]*)"', svg) == ["#there"]
    assert 'role="group"' in svg
    assert 'role="img"' in str(chain("k", steps, axis, None, "t", [None] * len(steps)))
