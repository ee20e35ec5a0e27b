"""What a step opens, counted by hand; the windows drawn are the record's own samples."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sample_runs import CHANNELS, UNITS, fine, full_run, problem, sample_run

from hil.record import Column, Run, Signal, Signals, Windows
from hil.report.chain import chain_view
from hil.report.flipped import flipped_view
from hil.report.parts import parts_view
from hil.report.pictures import lines as pictures
from hil.report.steps import TITLES, StepView, steps_view
from hil.report.verdict import verdict_view
from hil.verdict.causes import LOCATIONS
from hil.verdict.findings import Finding
from hil.verdict.flips import KEPT
from hil.verdict.steps import DATA, STAGES, since_known_people


def column(name: str, kind: str, after: str | None, predicted: tuple[int, ...]) -> Column:
    scores = tuple((0.9, 0.1) if p == 0 else (0.25, 0.75) if p == 1 else () for p in predicted)
    return Column(name, "by hand", kind, False, after, predicted, scores)  # type: ignore[arg-type]


@pytest.fixture
def eight_windows() -> Run:
    """Four windows of each class, the last without a label; int8 changes three, one unmeasured."""
    return replace(
        sample_run(windows=8),
        windows=Windows(("a", "b"), (0, 0, 0, 0, 1, 1, 1, -1), ("s",) * 8, tuple(range(8))),
        columns=(
            column("float", "float", None, (0, 0, 1, 0, 1, 1, 1, 0)),
            column("int8", "int8", "float", (1, 0, 0, 0, 1, -1, 1, 1)),
        ),
        comparisons=(),
        device_layers=(),
    )  # fmt: skip


def views(run: Run, *findings: Finding) -> tuple[StepView, ...]:
    return steps_view(run, findings, "r", [], chain_view(run))


def test_flips_are_broken_mended_or_unjudged(eight_windows: Run) -> None:
    (step,) = views(eight_windows)
    assert (step.stage, step.on_same) == ("quantization", True)
    found = [(f.window, f.truth, f.before, f.after, f.outcome) for f in step.flips]
    assert found == [
        (0, "a", "a", "b", "broken"), (2, "a", "b", "a", "mended"), (7, None, "a", "b", "other"),
    ]  # fmt: skip
    assert [(f.before_score, f.after_score) for f in step.flips][:2] == [(0.9, 0.75), (0.75, 0.9)]
    assert (step.broken, step.mended) == (1, 1)
    assert [(r.before, r.after, r.windows, r.broken, r.mended) for r in step.routes] == [
        ("a", "b", 2, 1, 0), ("b", "a", 1, 0, 1),
    ]  # fmt: skip
    before, after = step.matrices
    assert [[c.count for c in row] for row in before.rows] == [[3, 1], [0, 3]]
    assert [[c.count for c in row] for row in after.rows] == [[3, 1], [0, 2]]


def test_a_step_is_open_where_a_problem_is_found(eight_windows: Run) -> None:
    (step,) = views(eight_windows, fine(), problem())
    assert (step.severity, step.opened) == ("problem", True)
    (step,) = views(eight_windows, replace(fine(), stage="quantization"))
    assert (step.severity, step.opened) == ("ok", False)


def test_what_has_no_step_has_a_part_of_its_own() -> None:
    run = replace(sample_run(windows=8), columns=())
    found = steps_view(run, [], "r", ["device", "quantization"], chain_view(run))
    assert [(s.stage, s.step) for s in found] == [("quantization", None), ("device", None)]


def test_every_stage_that_a_step_can_blame_has_a_title() -> None:
    """A step without one would be no part of the page: `order.index` refuses it."""
    assert set(TITLES) >= {*STAGES.values(), DATA}
    assert set(TITLES) <= set(LOCATIONS), "a part whose findings do not exist"


def test_held_out_recordings_are_the_step_before_the_chain() -> None:
    run = full_run(windows=60)
    chain = chain_view(run)
    assert [s.name for s in chain.stages][:4] == ["held-out", "validation", "float", "pruned"]
    assert [s.after for s in chain.stages][:3] == [None, "held-out", "validation"]
    assert chain.before == ("held-out", "validation")
    assert chain.stages[1].change is not None
    assert chain.stages[1].change == since_known_people(run)
    data = views(run)[0]
    assert (data.stage, data.on_same, data.flips) == ("data", False, ())
    assert [m.name for m in data.matrices] == ["validation", "float"]
    assert [m.windows for m in data.matrices] == [60, 60]


def test_a_finding_stands_on_top_or_in_its_part_and_never_twice() -> None:
    run = full_run(windows=60)
    findings = [problem(), replace(fine(), stage="pruning"), replace(fine(), stage="link")]
    chain = chain_view(run)
    verdict = verdict_view(run, findings, chain)
    parts = parts_view(run, findings, chain, verdict, "r", None)
    shown = [f for p in parts for f in p.findings]
    assert verdict.lead == findings[0]
    assert shown == [findings[1]]


def raw(value: int) -> str:
    """Fifty samples of six channels, all of one value."""
    return (value.to_bytes(2, "little", signed=True) * 300).hex()


def signals(kept: list[int]) -> Signals:
    units = (0.001,) * 3 + (0.01,) * 3
    return Signals(CHANNELS, UNITS, units, 100.0, tuple(Signal(i, raw(i - 3)) for i in kept))


def test_the_signals_are_the_samples_in_their_units(eight_windows: Run) -> None:
    run = replace(eight_windows, signals=signals([0, 2, 5]))
    (step,) = views(run)
    view = flipped_view(run, step.flips)
    assert [d.flip.window for d in view.drawn] == [0, 2]  # 5 did not flip, 7 was not kept
    assert (view.more, view.samples, view.rate_hz) == (1, 50, 100.0)
    first = view.drawn[0]
    assert first.series[0] == ((pytest.approx(-0.003),) * 50,)
    assert first.series[3] == ((pytest.approx(-0.03),) * 50,)
    # One range for each unit, over all the windows drawn.
    assert first.ranges[0] == pytest.approx((-0.003, -0.001))
    assert first.ranges[3] == view.drawn[1].ranges[5] == pytest.approx((-0.03, -0.01))
    assert view.scales == ("−0.003 … −0.001 g", "−0.03 … −0.01 rad/s")
    # Above a channel stands its name; its range is in the words that a screen reader has.
    assert first.channels == CHANNELS
    assert first.names[3] == "wx −0.03 … −0.03 rad/s"
    drawn = pictures.signals("k", "t", first.names, first.series, first.ranges, labels=CHANNELS)
    assert ">wx</text>" in drawn
    assert "wx −0.03 … −0.03 rad/s" in drawn.split("<desc")[1].split("</desc>")[0]


def test_many_flips_are_drawn_in_part_and_counted() -> None:
    run = replace(full_run(windows=300), signals=signals(list(range(300))))
    step = next(s for s in views(run) if s.stage == "quantization")
    assert len(step.flips) > KEPT
    view = flipped_view(run, step.flips)
    assert len(view.drawn) == KEPT
    assert view.more == len(step.flips) - KEPT


def test_without_samples_flips_are_counted_alone(eight_windows: Run) -> None:
    (step,) = views(eight_windows)
    assert flipped_view(eight_windows, step.flips).more == 3
