"""The family of tests of a run: its members, Holm's levels, what each step says of itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from records import answers, col, good_run, labels, with_answers

from hil.record import CompressionRow, Run, Validation, Windows
from hil.screen import as_data, screen
from hil.verdict.diagnose import diagnose
from hil.verdict.drift import column
from hil.verdict.findings import Finding
from hil.verdict.flips import change_kinds, class_changes
from hil.verdict.stats import FAMILY_ERROR, Interval, holm
from hil.verdict.steps import (
    Significance,
    Step,
    before_chain,
    family,
    held_out,
    since_known_people,
    steps,
    total_step,
)

ALREADY = [*range(0, 300, 10)]  # what good_run has wrong in every column


def lossy(extra: Sequence[int]) -> Run:
    """Return a run whose int8 model is wrong in further windows."""
    bad = answers(300, wrong=[*ALREADY, *extra])
    return with_answers(good_run(), int8=bad, device=bad, device_raw=bad)


def with_held_out(run: Run, wrong: Sequence[int], recordings: int = 15) -> Run:
    """Return the run with 300 held-out windows, of which some are wrong."""
    windows = Windows(
        run.windows.classes, labels(300), ("V1",) * 300,
        tuple(i * recordings // 300 for i in range(300)),
    )  # fmt: skip
    made = col("validation", "float", None, answers(300, wrong))
    return replace(run, validation=Validation(windows, made, "float"))


def with_known_people(run: Run, wrong: Sequence[int]) -> Run:
    """Return the run with 300 windows held out of the training people's recordings."""
    assert run.validation is not None
    windows = replace(run.validation.windows, subject=("T1",) * 300)
    made = col("held-out", "float", None, answers(300, wrong))
    return replace(run, held_out=Validation(windows, made, "float"))


def of_stage(run: Run, stage: str) -> list[Finding]:
    return [f for f in diagnose(run) if f.stage == stage]


def test_holm_against_the_worked_example() -> None:
    # S. Holm's steps by hand: 0.01·4, 0.013·3 → raised to 0.04, 0.02·2 → 0.04, 0.06·1.
    assert holm([0.06, 0.01, 0.02, 0.013]) == pytest.approx([0.06, 0.04, 0.04, 0.04])
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_holm_keeps_the_order_and_lies_between_alone_and_bonferroni(p: list[float]) -> None:
    made = holm(p)
    for alone, adjusted in zip(p, made, strict=True):
        assert alone <= adjusted <= min(1.0, alone * len(p)) + 1e-12
    assert sorted(range(len(p)), key=lambda i: (p[i], i)) == sorted(
        range(len(p)), key=lambda i: (made[i], p[i], i)
    )


def test_a_step_that_changes_nothing_is_no_member_of_the_family() -> None:
    kinds = [(t.kind, t.second) for t in family(good_run())]
    assert kinds == [("shares", "float")]  # the other columns answer as the first does
    grown = {(t.kind, t.second) for t in family(lossy(range(1, 60, 2)))}
    assert grown == {
        ("shares", "float"), ("shares", "int8"), ("step", "int8"), ("total", "int8"),
    }  # fmt: skip


def test_the_same_loss_is_blamed_alone_and_not_among_many() -> None:
    """Eight windows from right to wrong: p = 1/128 < 1 %, but not among the run's tests."""
    run = lossy([1, 41, 81, 121, 161, 201, 241, 281])
    (step,) = [s for s in steps(run) if s.second == "int8"]
    assert step.test is not None
    assert step.test.p == pytest.approx(1 / 128)
    assert step.test.p < FAMILY_ERROR < step.test.family_p
    assert not step.significant
    (found,) = of_stage(run, "quantization")
    assert (found.cause, found.severity) == ("too-few-windows", "note")
    assert "more windows would tell" in found.headline


def test_a_sure_loss_that_may_be_within_the_limit_is_told_with_what_would_settle_it() -> None:
    run = lossy([i for i in range(1, 300) if i % 25 == 1])  # 12 of 12: p = 1/2048
    (found,) = of_stage(run, "quantization")
    assert (found.cause, found.severity) == ("loss", "note")
    assert "more than chance; whether more than the limit of 2, about " in found.headline


def test_flips_say_which_windows_and_from_which_class_to_which() -> None:
    run = lossy([1, 2, 4])
    first, second = column(run, "pruned"), column(run, "int8")
    assert first is not None
    assert second is not None
    found = class_changes(run, first, second)
    assert [(f.window, f.label, f.before, f.after) for f in found] == [
        (1, 1, 1, 2), (2, 2, 2, 0), (4, 1, 1, 2),
    ]  # fmt: skip
    assert change_kinds(found) == [(1, 2, 2), (2, 0, 1)]
    text = " ".join(of_stage(run, "quantization")[0].evidence)
    assert "class changes: 2 from FEL to ROW, 1 from ROW to PEN; windows 1, 2, 4" in text
    assert "int8 answers PEN 33.7 % (true 33.3 %)" in text
    assert "calibration error" in text


def test_forty_windows_cannot_tell() -> None:
    bad = answers(40, wrong=[0, 10, 20, 30, 5])
    run = with_answers(good_run(40), int8=bad, device=bad, device_raw=bad)
    (found,) = of_stage(run, "quantization")
    assert found.headline.startswith("40 windows cannot tell whether quantization costs more")
    assert "more windows would tell" in found.headline
    assert not found.above_limit


def test_held_out_recordings_that_do_better_are_blamed_on_the_data() -> None:
    wrong = answers(300, wrong=range(0, 300, 2))
    run = with_answers(good_run(), **dict.fromkeys(
        ("float", "pruned", "int8", "device", "device_raw"), wrong))  # fmt: skip
    run = with_held_out(run, wrong=range(0, 300, 30))
    first = steps(run)[0]
    assert (first.stage, first.first, first.second) == ("data", "validation", "float")
    assert first.table is None
    assert first.significant
    (found,) = of_stage(run, "data")
    assert (found.cause, found.severity) == ("shift", "problem")
    assert found.effect == pytest.approx(-(150 - 10) / 300)
    assert "whole recordings exchanged between both: p = 0.000" in " ".join(found.evidence)


def test_a_test_that_few_windows_a_recording_made_sharp_is_not_believed_alone() -> None:
    """Two of 48 windows wrong, three a recording; the held-out ones have 25 a recording."""
    bad = answers(48, (0, 3))
    run = with_answers(good_run(48), **dict.fromkeys(
        ("float", "pruned", "int8", "device", "device_raw"), bad))  # fmt: skip
    run = replace(run, windows=replace(run.windows, recording=tuple(i // 3 for i in range(48)),
                                       subject=("S1",) * 48))  # fmt: skip
    run = with_held_out(run, (0, 100, 200), recordings=12)
    step = steps(run)[0]
    assert step.significant
    assert step.loss.low < 0
    (found,) = of_stage(run, "data")
    assert found.severity == "ok"


def test_a_new_person_is_told_from_a_new_recording() -> None:
    run = with_held_out(good_run(), wrong=range(0, 300, 12))
    assert since_known_people(run) is None
    assert "a new person" not in " ".join(of_stage(run, "data")[0].evidence)
    run = with_known_people(run, wrong=range(0, 300, 100))
    assert [part.columns[0].name for part in before_chain(run)] == ["held-out", "validation"]
    change = since_known_people(run)
    assert change is not None
    assert change.value == pytest.approx((3 - 25) / 300)
    assert change.low < change.value < change.high
    text = " ".join(of_stage(run, "data")[0].evidence)
    assert (
        "99.0 % right on recordings held out of the training people, 91.7 % on other people's: "
        "a new person costs 7.3 points (95 %: "
    ) in text
    # It is told and tests nothing: the family of the run is what it was.
    assert family(run) == family(replace(run, held_out=None))
    assert steps(before_chain(run)[0]) == []


def test_each_row_before_the_chain_is_compared_with_the_one_before_it() -> None:
    run = with_known_people(with_held_out(good_run(), range(0, 300, 12)), range(0, 300, 100))
    rows = {line.split()[0]: line for line in screen(run, []).splitlines() if line}
    assert "99.0 %" in rows["held-out"]
    assert rows["held-out"].count("−") == 0
    assert "−7.3" in rows["validation"]
    named = {c["name"]: c for c in as_data(run, [])["columns"]}
    assert named["held-out"]["change"] is None
    assert named["validation"]["change"]["value"] == pytest.approx(-22 / 300)
    assert named["float"]["change"]["value"] == pytest.approx((25 - 30) / 300)


def test_held_out_recordings_that_do_alike_are_in_order_with_what_would_tell() -> None:
    run = with_held_out(good_run(), wrong=range(0, 300, 12))
    before = held_out(run)
    assert before is not None
    assert steps(before) == []  # it is where the chain begins
    (found,) = of_stage(run, "data")
    assert (found.severity, found.above_limit) == ("ok", False)
    assert "no more than chance" in found.headline
    assert "no number of windows that people record would tell" in found.headline


def test_few_recordings_are_no_proof_however_many_windows() -> None:
    wrong = answers(300, wrong=range(0, 300, 2))
    run = with_answers(good_run(), **dict.fromkeys(
        ("float", "pruned", "int8", "device", "device_raw"), wrong))  # fmt: skip
    two = replace(run.windows, subject=("S1",) * 300, recording=tuple(i % 2 for i in range(300)))
    run = with_held_out(replace(run, windows=two), wrong=(), recordings=2)
    assert not steps(run)[0].significant
    assert of_stage(run, "data")[0].severity == "ok"


def test_a_loss_whose_test_does_not_stand_asks_for_the_windows_that_it_takes() -> None:
    """The interval excludes the limit already: it is the test that wants more."""
    step = Step("data", "a", "b", Interval(0.25, 0.05, 0.45), None, (None, None), 300,
                Significance("step", "a", "b", 0.08, 0.56, 7))  # fmt: skip
    needed = step.needed(0.02)
    assert needed is not None
    # z of 0.01 / 7 two-sided is 3.19, of 0.08 it is 1.75.
    assert needed == pytest.approx(300 * (3.19 / 1.75) ** 2, rel=0.01)
    sure = replace(step, test=Significance("step", "a", "b", 0.0001, 0.0007))
    assert (sure.needed(0.02) or 0) <= 300


def test_more_recordings_are_asked_for_where_windows_are_alike() -> None:
    """The same loss, all in one recording: the interval is wider, and more windows would tell."""
    spread, lumped = lossy([1, 41, 81, 121, 161, 201]), lossy([1, 2, 3, 4, 5, 6])
    loose, tight = (next(s for s in steps(r) if s.second == "int8") for r in (lumped, spread))
    assert loose.loss.value == tight.loss.value
    assert loose.loss.high >= tight.loss.high
    assert (loose.needed(0.0) or 1e9) >= (tight.needed(0.0) or 1e9)


def test_the_whole_way_from_float_to_int8_is_a_test_of_its_own() -> None:
    total = total_step(lossy(range(1, 90, 2)))
    assert total is not None
    assert (total.stage, total.first, total.second) == ("chain", "float", "int8")
    assert total.significant
    assert total_step(replace(good_run(), columns=good_run().columns[:1])) is None


def test_without_held_out_windows_there_is_no_first_step() -> None:
    assert held_out(good_run()) is None
    assert all(s.stage != "data" for s in steps(good_run()))


def test_several_causes_are_ranked_by_what_they_cost() -> None:
    """Data before compression before arithmetic is the chain; the verdict goes by the cost."""
    first = answers(300, wrong=range(0, 300, 2))
    second = answers(300, wrong=[i for i in range(300) if i % 2 == 0 or i % 5 == 1])
    run = with_answers(
        good_run(), float=first, pruned=first, int8=second, device=second, device_raw=second
    )
    run = with_held_out(run, wrong=range(0, 300, 30))
    problems = [f for f in diagnose(run) if f.severity == "problem"]
    assert [(f.stage, f.cause) for f in problems] == [("data", "shift"), ("quantization", "loss")]
    costs = [f.effect for f in problems]
    assert costs == sorted(costs, key=lambda cost: cost or 0)
    for f in problems:
        assert f.evidence
        assert f.remedy
        assert f.effect_low is not None
        assert f.effect_high is not None
        assert f.effect is not None
        assert f.effect_low <= f.effect <= f.effect_high < 0


@pytest.mark.parametrize(("converted", "severity"), [(0.9402, "ok"), (0.9, "note")])
def test_conversion_is_told_from_what_training_measured(converted: float, severity: str) -> None:
    rows = (
        CompressionRow("baseline, Keras .h5", 9, 9, 0.94, 0.0),
        CompressionRow("baseline, float .tflite", 9, 9, converted, 0.0),
        CompressionRow("pruned, int8 .tflite", 9, 9, 0.5, 0.0),
    )
    (found,) = of_stage(replace(good_run(), compression=rows), "conversion")
    assert (found.severity, found.above_limit) == (severity, False)
    assert "Keras 94.0 %" in found.evidence[0]
    assert of_stage(good_run(), "conversion") == []
