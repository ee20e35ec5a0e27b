"""A model that has not learnt its own windows, a class that it favours, and what follows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from records import CLASSES, answers, good_run, labels, with_answers
from sample_shift import shift

from hil.record import Correction, Fit, Run, Windows
from hil.verdict.diagnose import diagnose
from hil.verdict.findings import Finding

N = 900


def fit(predicted: Sequence[int], lowered: Sequence[int] = (), simple: float = 0.1) -> Fit:
    """`simple`: share of the windows that the simple model has wrong, in every recording alike."""
    count = len(predicted)
    windows = Windows(
        CLASSES, labels(count), ("S1", "S2", "S3") * (count // 3), tuple(i % 30 for i in range(N))
    )
    step = round(1 / simple)
    return Fit(
        "float", windows, tuple(predicted), 0, tuple(lowered or predicted),
        answers(count, range(0, count, step)),
    )  # fmt: skip


def problems(run: Run) -> list[Finding]:
    return [f for f in diagnose(run) if f.severity == "problem"]


def always_first(count: int, every: int) -> tuple[int, ...]:
    """Right, but every so manyth window is given class 0."""
    return tuple(0 if i % every == 1 else k for i, k in enumerate(labels(count)))


def test_windows_that_were_learnt_are_no_finding() -> None:
    run = good_run(fit=fit(answers(N, range(0, N, 100))))
    assert not problems(run)


def test_a_model_behind_a_simple_one_was_not_trained_to_an_end() -> None:
    (told,) = problems(good_run(fit=fit(answers(N, range(0, N, 3)))))
    assert (told.stage, told.cause, told.location) == ("training", "weak-model", None)
    assert told.effect == pytest.approx(-(1 / 3 - 1 / 10))
    assert any("67" in line or "66.7 %" in line for line in told.evidence)


def test_without_a_simple_model_nothing_is_said_of_learning() -> None:
    made = fit(answers(N, range(0, N, 3)))
    assert not problems(good_run(fit=replace(made, simple=())))


def test_a_class_whose_score_is_too_high_is_named() -> None:
    told = problems(good_run(fit=fit(always_first(N, 5), labels(N))))
    assert [(f.stage, f.cause, f.location) for f in told] == [("training", "predominance", "PEN")]


def test_a_class_that_lowering_mends_little_of_is_not_what_is_wrong() -> None:
    wrong = always_first(N, 5)
    some = tuple(k if i % 25 == 1 else p for i, (p, k) in enumerate(zip(wrong, labels(N),
                 strict=True)))  # fmt: skip
    told = problems(good_run(fit=fit(wrong, some, simple=0.5)))
    assert not told


def biased(count: int = 300) -> Run:
    """Training favours PEN; pruning then gives it to many more windows."""
    few, many = always_first(count, 20), always_first(count, 4)
    run = with_answers(good_run(), float=few, pruned=many, int8=many, device=many, device_raw=many)
    return replace(run, fit=fit(always_first(N, 20), labels(N)))


def test_what_pruning_adds_to_a_favoured_class_follows_from_training() -> None:
    told = problems(biased())
    assert [(f.stage, f.cause) for f in told] == [("training", "predominance")]
    noted = next(f for f in diagnose(biased()) if f.stage == "pruning")
    assert noted.severity == "note"
    assert not noted.above_limit
    assert "training favours already" in noted.evidence[0]


def test_pruning_that_breaks_windows_otherwise_is_blamed_for_it() -> None:
    broken = answers(300, range(0, 300, 4))
    run = with_answers(biased(), pruned=broken, int8=broken, device=broken, device_raw=broken)
    run = replace(run, fit=fit(always_first(N, 20), labels(N)))
    assert ("pruning", "loss") in [(f.stage, f.cause) for f in problems(run)]


def turned(int8_undone: Sequence[int]) -> Run:
    """Windows of a turned sensor: float is wrong in a half, int8 in yet more; undone it is right,
    and int8 gives `int8_undone`.
    """
    half, most = answers(300, range(0, 300, 2)), answers(300, [i for i in range(300) if i % 4 < 3])
    run = with_answers(good_run(), float=half, pruned=half, int8=most, device=most, device_raw=most)
    item = Correction(
        "rotated", ("ax", "ay"), ("ay", "-ax", "az", "wy", "-wx", "wz"), 0.01,
        answers(300), tuple(int8_undone),
    )  # fmt: skip
    return replace(run, data_shift=shift((item,)))


def test_a_loss_that_goes_with_the_shift_is_its_consequence() -> None:
    told = problems(turned(answers(300)))
    assert [(f.stage, f.cause) for f in told] == [("data", "rotated")]
    noted = next(f for f in diagnose(turned(answers(300))) if f.stage == "quantization")
    assert noted.severity == "note"
    assert "follows from the shift" in noted.evidence[0]


def test_a_loss_that_stays_when_the_shift_is_undone_is_blamed() -> None:
    told = problems(turned(answers(300, range(0, 300, 5))))
    assert {f.stage for f in told} == {"data", "quantization"}


def test_a_shift_that_one_recording_alone_gains_by_is_none() -> None:
    """Twenty windows come right, all of one recording out of fifteen."""
    run = turned(answers(300))
    wrong = answers(300, range(20))
    run = with_answers(run, float=wrong, pruned=wrong, int8=wrong, device=wrong, device_raw=wrong)
    assert not [f for f in problems(run) if f.stage == "data"]
