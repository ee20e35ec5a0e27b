"""The drift on the page: windows that changed class since the baseline are named and drawn."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sample_runs import full_run

from hil.record import Column, Run, Signals
from hil.report import render
from hil.report.drift import LISTED, drift_view
from hil.verdict.baseline import compare
from hil.verdict.flips import KEPT


@pytest.fixture(scope="module")
def old() -> Run:
    """A run whose first eight windows are kept as samples."""
    run = full_run(windows=60)
    assert run.signals is not None
    first = run.signals.kept[0]
    kept = tuple(replace(first, window=i) for i in range(8))
    signals: Signals = replace(run.signals, kept=kept)
    return replace(run, signals=signals)


def turned(run: Run, windows: range, *names: str) -> Run:
    """Return the run with another class in `windows`, in these columns."""

    def other(item: Column) -> Column:
        if item.name not in names:
            return item
        predicted = tuple((p + (i in windows)) % 3 for i, p in enumerate(item.predicted))
        return replace(item, predicted=predicted)

    return replace(run, columns=tuple(other(c) for c in run.columns))


def section(old: Run, new: Run) -> str:
    """Return the drift's part of the page."""
    page = render([new], [[]], compare(old, new))
    return page.split('id="run1-drift"')[1].split('id="run1-chain"')[0]


def test_the_windows_are_drawn_with_both_answers(old: Run) -> None:
    new = turned(old, range(2, 6), "int8", "device")
    view = drift_view(new, compare(old, new))
    rows = {row.stage.name: row for row in view.stages}
    assert [f.window for f in rows["int8"].flips] == [2, 3, 4, 5]
    assert [d.flip.window for d in rows["int8"].drawn.drawn] == [2, 3, 4, 5]
    columns = {(run is new, c.name): c for run in (old, new) for c in run.columns}
    for flip in rows["int8"].flips:
        before, now = (columns[which, "int8"].predicted[flip.window] for which in (False, True))
        assert (flip.before, flip.after) == (
            old.windows.classes[before], old.windows.classes[now],
        )  # fmt: skip
        assert flip.recording == old.windows.recording[flip.window]
    assert rows["float"].flips == ()


def test_what_another_stage_has_shown_is_not_shown_again(old: Run) -> None:
    new = turned(old, range(2, 6), "int8", "device", "device-raw")
    page = section(old, new)
    assert page.count("Signals of window 4<") == 1
    assert "int8: 4 windows changed class" in page
    assert "The same windows in the same way as at int8." in page


def test_many_windows_are_listed_and_drawn_in_part_and_counted(old: Run) -> None:
    assert old.signals is not None
    kept = tuple(replace(old.signals.kept[0], window=i) for i in range(60))
    whole = replace(old, signals=replace(old.signals, kept=kept))
    new = turned(whole, range(50), "device-raw")
    row = drift_view(new, compare(whole, new)).stages[-1]
    assert (len(row.flips), row.more) == (LISTED, 50 - LISTED)
    assert (len(row.drawn.drawn), row.drawn.more) == (KEPT, 50 - KEPT)
    page = section(whole, new)
    assert "device-raw: 50 windows changed class" in page
    assert f"{50 - LISTED} more are not listed" in page


def test_without_samples_the_windows_are_listed_alone(old: Run) -> None:
    bare = replace(old, signals=None)
    new = turned(bare, range(2, 3), "device-raw")
    page = section(bare, new)
    assert "device-raw: 1 window changed class" in page
    assert "Signals of window" not in page
