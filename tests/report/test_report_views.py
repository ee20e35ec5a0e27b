"""Views are true to the record: counted by hand on records small enough for it."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
from page_outline import Outline
from sample_runs import differing_run, fine, full_run, hardware_run, problem, sample_run

from hil.links import words as link_words
from hil.record import Column, CompressionRow, Identity, Link, Memory, Run, Windows
from hil.report import render
from hil.report.classes import classes_view
from hil.report.cost import cost_view
from hil.report.layers import layers_view


def column(name: str, predicted: tuple[int, ...], after: str | None = None) -> Column:
    scores = tuple((0.8, 0.2) if p == 0 else (0.2, 0.8) if p == 1 else () for p in predicted)
    return Column(name, "by hand", "int8", False, after, predicted, scores)


@pytest.fixture
def six_windows() -> Run:
    """Four windows of class a, one of b, one without a label; the last was not measured."""
    return replace(
        sample_run(windows=6),
        windows=Windows(("a", "b"), (0, 0, 0, 0, 1, -1), ("s",) * 6, (0,) * 6),
        columns=(
            column("float", (0, 0, 0, 0, 1, 1)),
            column("int8", (0, 0, 1, 0, 1, -1), "float"),
            column("device", (0, 0, 1, -1, 1, -1), "int8"),
        ),
        comparisons=(),
    )


def test_shares_are_of_the_windows_that_can_be_judged(six_windows: Run) -> None:
    view = classes_view(six_windows)
    assert view.true == (4 / 5, 1 / 5)
    float_row, int8_row, device_row = view.shares
    assert [s.predicted for s in float_row.shares] == [4 / 5, 1 / 5]
    assert [s.predicted for s in int8_row.shares] == [3 / 5, 2 / 5]
    assert (device_row.windows, [s.true for s in device_row.shares]) == (4, [3 / 4, 1 / 4])
    assert [s.predicted for s in device_row.shares] == [1 / 2, 1 / 2]
    # One window was wrongly given b: of one, chance explains all.
    assert int8_row.p == 1.0
    assert view.full == 4 / 5


def test_a_class_is_marked_where_its_test_stands_in_the_family() -> None:
    """Seven windows of one class: p below 0.05, chance among the run's tests. What has the same
    answers has the same mark.
    """
    run = full_run(windows=60)
    label = run.windows.label
    few = [i for i, t in enumerate(label) if t == 0][:7]
    slightly = tuple(1 if i in few else t for i, t in enumerate(label))
    named = {c.name: c for c in run.columns}
    always = (0,) * 60
    answers = {"float": slightly, "int8": always, "device": always}
    columns = tuple(replace(named[n], predicted=p, after=None) for n, p in answers.items())
    rows = {r.name: r for r in classes_view(replace(run, columns=columns)).shares}
    assert rows["float"].p is not None
    assert 0.01 < rows["float"].p < 0.05
    assert [rows[n].stands for n in answers] == [False, True, True]


def test_a_matrix_counts_true_classes_in_rows(six_windows: Run) -> None:
    _, int8, device = classes_view(six_windows).matrices
    assert [[c.count for c in row] for row in int8.rows] == [[3, 1], [0, 1]]
    assert [[c.share for c in row] for row in int8.rows] == [[3 / 4, 1 / 4], [0, 1]]
    assert [[c.right for c in row] for row in int8.rows] == [[True, False], [False, True]]
    assert (int8.same_as, device.same_as) == (None, "int8")


def test_layers_are_marked_by_the_published_limits() -> None:
    run = sample_run(windows=6)
    base = run.quantization[0]
    cases = (
        replace(base, op="CONV_2D", rmse_over_scale=0.69, cosine=0.991, saturated_share=0.009),
        replace(base, op="CONV_2D", rmse_over_scale=0.71, cosine=0.989, saturated_share=0.011),
        replace(base, op="SOFTMAX", rmse_over_scale=2.0, cosine=None, saturated_share=0.5),
    )
    rows = layers_view(replace(run, quantization=cases)).quantization
    flags = [(r.rmse_flag, r.cosine_flag, r.saturated_flag) for r in rows]
    assert flags == [(False, False, False), (True, True, True), (True, False, False)]
    assert [r.rmse_share for r in rows] == pytest.approx([0.345, 0.355, 1.0])
    assert layers_view(replace(run, quantization=cases)).rmse_mark == pytest.approx(12**-0.5 / 2)


def test_a_layer_is_marked_loudly_only_where_a_finding_is_about_it() -> None:
    run = sample_run(windows=6)
    names = [q.name for q in run.quantization]
    quiet = layers_view(run, [fine()]).quantization
    assert {row.mark for row in quiet} == {"marked"}
    blamed = replace(problem(), stage="quantization", location=names[1])
    loud = layers_view(run, [blamed, fine()]).quantization
    assert [row.layer.name for row in loud if row.mark == "bad"] == [names[1]]


def test_each_layers_share_is_of_all_instructions_or_cycles() -> None:
    for run in (sample_run(windows=6), hardware_run(windows=6)):
        shares = [row.share for row in layers_view(run).device]
        assert sum(s for s in shares if s is not None) == pytest.approx(1)
        costs = [d.instructions or d.cycles or 0 for d in run.device_layers]
        assert shares.index(max(s for s in shares if s is not None)) == costs.index(max(costs))


def test_the_first_layer_that_differs_is_named_and_a_side_branch_is_no_fault() -> None:
    view = layers_view(differing_run())
    assert view.first_differing is not None
    assert view.first_differing.name == "conv2"
    assert [row.device for row in view.comparisons] == [True, True, False, False]


def test_budgets_and_compression_are_ratios_of_the_record() -> None:
    rows = (CompressionRow("a", 900, 400, 0.9, 0.0), CompressionRow("b", 100, 50, None, None))
    memory = Memory(
        flash_used=250, flash_size=1000, ram_static=30, ram_size=0, arena=10, stack_size=64,
        stack_peak=96,
    )  # fmt: skip
    view = cost_view(replace(sample_run(windows=6), memory=memory, compression=rows))
    assert [b.share for b in view.budgets] == [0.25, None, 1.5]
    assert [(b.share, b.ratio) for b in view.compression] == [(1.0, 1.0), (0.125, 8.0)]


@pytest.mark.parametrize("name", [f.name for f in fields(Link) if f.name != "frames"])
def test_every_trouble_of_the_line_is_told(name: str) -> None:
    clean = Link(9, 0, 0, 0, 0, 0)
    assert cost_view(replace(sample_run(windows=6), link=clean)).link_clean
    assert not cost_view(
        replace(sample_run(windows=6), link=replace(clean, **{name: 1}))
    ).link_clean


def test_the_whole_identity_is_shown() -> None:
    run = sample_run(windows=6)
    words = Outline(render([run], [[fine()]])).words()
    for field in fields(Identity):
        value = getattr(run.identity, field.name)
        if isinstance(value, str):
            shown = link_words(value) if field.name == "via" else value
            assert shown in words, field.name
    for package, version in run.identity.versions.items():
        assert f"{package} {version}" in words
    assert "Protocol version 1" in words
    assert "64 MHz" in words
    assert "nothing above 25 Hz is real" in words
