"""Experiments, histograms, kinds of difference, channels, shifts and the arena as shown."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sample_runs import fine, full_run, problem, sample_run

from hil.record import BINS, ArenaBlock, ArenaPlan, Histogram, QuantizationTrials, Run, Trial
from hil.report.arena import arena_view
from hil.report.channels import channels_view
from hil.report.experiments import experiments_view
from hil.report.histograms import histograms_view
from hil.report.kinds import kinds_view
from hil.report.shift import shift_view


@pytest.fixture(scope="module")
def full() -> Run:
    return full_run(windows=30)


def test_experiments_are_set_against_nothing_and_everything(full: Run) -> None:
    view = experiments_view(full.trials)
    assert view is not None
    first = view.rows[0]
    only_output = first.trials["only_output"]
    assert only_output is not None
    assert only_output.change == 280 - 286
    assert only_output.share == pytest.approx(0.02 / 0.22)
    # The layer whose quantization alone moves the logits most is the worst, and only that one.
    assert full.trials is not None
    layers = {t.name: t for t in full.trials.layers}
    worst = [row.name for row in view.rows if row.worst]
    assert worst == [max(layers.values(), key=lambda t: t.only.logit_error).name]
    assert next(r for r in view.rows if r.op == "MEAN").trials["only_weights"] is None
    gate = next(r for r in view.rows if r.name == "forget")
    assert gate.op == "gate of conv1"
    assert [n for n, cell in gate.trials.items() if cell] == ["only_weights", "all_but_weights"]
    assert first.split == (
        ("rounding", 0.6), ("saturation", 0.1), ("outlier", 0.1), ("calibration", 0.2),
    )  # fmt: skip
    assert [(r.gained, r.best) for r in view.remedies] == [(284 - 252, True), (281 - 252, False)]
    assert view.remedies[0].left == pytest.approx(0.05 / 0.22)


def test_a_remedy_that_leaves_all_the_error_is_not_the_best(full: Run) -> None:
    assert full.trials is not None
    useless = replace(full.trials, everything=Trial(252, 0.04))
    view = experiments_view(useless)
    assert view is not None
    assert not any(r.best for r in view.remedies)
    assert experiments_view(QuantizationTrials(3, Trial(1, 0), Trial(1, 0), ())) is None


def test_histograms_end_where_the_codes_do(full: Run) -> None:
    view = histograms_view(full)[0]
    q = view.layer
    low, high = (-128 - q.zero_point) * q.scale, (127 - q.zero_point) * q.scale
    assert view.ends == pytest.approx((low, high))
    wide = replace(
        full, device_layers=tuple(replace(d, size=2 * d.size) for d in full.device_layers)
    )
    low16 = (-32768 - q.zero_point) * q.scale
    assert histograms_view(wide)[0].ends[0] == pytest.approx(low16)


def test_zeros_of_a_relu_and_bounded_functions_are_no_saturation() -> None:
    run = sample_run(windows=6)
    h = Histogram((1,) * BINS, (1,) * BINS, 16, 16, 4, 4)
    base = replace(run.quantization[0], histogram=h)
    cases = (
        replace(base, op="CONV_2D", zero_point=-128),
        replace(base, op="CONV_2D", zero_point=5),
        replace(base, op="SOFTMAX", zero_point=-128),
    )
    views = histograms_view(replace(run, quantization=cases))
    assert [v.rails for v in views] == [("high",), ("low", "high"), ()]
    assert views[0].beyond == pytest.approx(32 / BINS)


def test_a_kind_of_difference_has_its_values_and_its_cause(full: Run) -> None:
    name = full.device_layers[2].name
    cause = replace(problem(), stage="device", location=name, cause="zero-point")
    (view,) = kinds_view(full, [cause, fine()])
    assert view.layer.name == name
    assert (view.cause, view.meaning) == (
        "zero-point", "every value of the layer is off by the same amount",
    )  # fmt: skip
    size = full.device_layers[2].size
    assert (view.differing, view.values) == (size, size)
    assert all(actual == expected + 3 for expected, actual, _ in view.points)
    assert sum(n for _, _, n in view.points) == size
    assert [(d.index, d.expected, d.actual) for d in view.listed[:2]] == [(0, 0, 3), (1, 1, 4)]
    assert kinds_view(full, [fine()])[0].cause is None


def test_a_channels_gain_is_told_and_the_others_are_right(full: Run) -> None:
    view = channels_view(full)
    assert view is not None
    ax, ay, *_ = view.rows
    assert (ax.differing, ax.gain, ax.offset) == (0.0, pytest.approx(1), pytest.approx(0, abs=1e-9))
    assert ay.differing > 0.5
    assert ay.gain == pytest.approx(1.5, abs=0.02)
    assert (ax.cause, ay.cause) == (None, "gain")
    assert view.window == 7


def test_effects_beyond_three_deviations_are_marked(full: Run) -> None:
    view = shift_view(full)
    assert view is not None
    marked = [row.channel.name for row in view.rows if row.amplitude.marked]
    assert marked == ["wy"]
    near = next(row.amplitude.share for row in view.rows if row.channel.name == "ax")
    assert near == pytest.approx(0.4 / 6)
    (undone,) = view.undone
    assert undone.changed == ("ax ← -ax", "wy ← -wy", "wz ← -wz")
    assert undone.float_after == 1.0  # the sample's correction answers every label
    assert undone.helps is False  # of 30 windows one was wrong: chance explains that
    assert undone.returned is not None
    assert undone.returned.value == pytest.approx(1 - (undone.float_before or 0))


def test_an_output_over_its_input_is_in_place_and_nothing_else_is(full: Run) -> None:
    view = arena_view(full)
    assert view is not None
    over = {row.block.name: row.over for row in view.rows if row.over is not None}
    assert over == {"output of pool1": "output of conv1"}
    assert view.together == 300 + 704 + 352 + 616 + 80
    # While conv1 runs: input, output, scratch and state; while pool1 runs 4 bytes are shared ones.
    assert [row.taken for row in view.layers] == [1700, 708 + 80, 352 + 80]


def test_one_place_at_two_times_is_not_in_place() -> None:
    blocks = (ArenaBlock("a", "tensor", 0, 8, 0, 0), ArenaBlock("b", "tensor", 0, 8, 1, 1))
    run = replace(sample_run(windows=6), arena=ArenaPlan(8, ("x", "y"), ("", ""), blocks))
    view = arena_view(run)
    assert view is not None
    assert view.in_place == (False, False)
