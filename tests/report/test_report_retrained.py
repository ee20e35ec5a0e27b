"""What training again gains has a table of its own, with the interval and the test."""

from __future__ import annotations

from dataclasses import replace

from page_outline import Outline
from sample_runs import fine, full_run

from hil.record import Run
from hil.report import render


def with_retrained(run: Run, right: int) -> Run:
    """Return the run with a column that is right in the first `right` windows and no other."""
    int8 = next(c for c in run.columns if c.name == "int8")
    answers = tuple(t if i < right else (t + 1) % 3 for i, t in enumerate(run.windows.label))
    made = replace(int8, name="retrained", side_branch=True, after="int8", predicted=answers)
    return replace(run, columns=(*(c for c in run.columns if c.name != "qat"), made))


def test_a_sure_gain_is_marked_and_one_that_is_none_is_not() -> None:
    run = full_run(windows=60)
    helps = Outline(render([with_retrained(run, 60)], [[fine()]])).words()
    assert "Trained quantization-aware" in helps
    assert "train quantization-aware from this float model (--retrain) helps 60 of 60" in helps
    harms = Outline(render([with_retrained(run, 20)], [[fine()]])).words()
    assert "train quantization-aware from this float model (--retrain) 20 of 60" in harms


def test_without_such_a_model_there_is_no_table() -> None:
    run = full_run(windows=12)
    bare = replace(run, columns=tuple(c for c in run.columns if c.name != "qat"))
    assert "Trained quantization-aware" not in render([bare], [[fine()]])
