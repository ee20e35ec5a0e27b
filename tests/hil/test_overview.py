"""The one-screen table over several runs."""

from __future__ import annotations

import dataclasses

from records import answers, good_run, same, with_answers

from hil.overview import HEADINGS, overview


def cells(text: str, row: int) -> list[str]:
    """Return the cells of one row of the table: columns stand at least two spaces apart."""
    return [c.strip() for c in text.splitlines()[2 + row].split("  ") if c.strip()]


def test_a_row_per_run_with_the_accuracy_of_each_stage() -> None:
    good = good_run()
    bad = with_answers(
        good, int8=answers(300, range(0, 300, 5)), device=answers(300, range(0, 300, 5))
    )
    text = overview([good, bad])
    assert len(cells(text, 0)) == len(HEADINGS)
    by_heading = dict(zip(HEADINGS, cells(text, 1), strict=True))
    assert by_heading["int8"] == by_heading["device"] == "80.0 %"
    assert (cells(text, 0)[-1], by_heading["verdict"]) == ("ok", "FAILED")


def test_a_headline_stands_once_and_names_its_runs_unless_it_is_about_all() -> None:
    good = good_run()
    bad = with_answers(
        good, int8=answers(300, range(0, 300, 5)), device=answers(300, range(0, 300, 5))
    )
    lines = overview([good, good, bad]).splitlines()
    headlines = [line for line in lines if line.startswith(("✓ ", "• ", "✗ "))]
    assert len(headlines) == len(set(headlines))
    nothing_wrong = next(line for line in headlines if "Nothing is wrong" in line)
    assert nothing_wrong.count(good.identity.model_name) == 2
    marks = {line[0] for line in headlines if "Nothing is wrong" in line}
    assert marks == {"✓"}
    assert any(line.startswith("✗ ") for line in headlines)
    alone = [line for line in overview([good]).splitlines() if line.startswith(("✓ ", "• ", "✗ "))]
    assert all(good.identity.model_name not in line for line in alone)


def test_an_incomplete_run_is_never_ok() -> None:
    cut = dataclasses.replace(good_run(), incomplete="the port vanished")
    assert cells(overview([cut]), 0)[-1] == "incomplete"


def test_bit_for_bit_is_about_the_device_not_about_other_runtimes() -> None:
    run = good_run()
    compared = (*run.comparisons, same("int8-xnnpack", differing=[1, 2]))
    table = overview([dataclasses.replace(run, comparisons=compared)])
    assert dict(zip(HEADINGS, cells(table, 0), strict=True))["bit for bit"] == "300/300"
    compared = (same("device", differing=[1, 2]), same("device-raw", differing=[2, 3]))
    table = overview([dataclasses.replace(run, comparisons=compared)])
    assert dict(zip(HEADINGS, cells(table, 0), strict=True))["bit for bit"] == "297/300"
