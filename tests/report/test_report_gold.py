"""The page of a committed record, byte for byte: a change of the report is seen as a diff.

Where the change is meant: .venv/bin/python tests/report/test_report_gold.py --update
"""

from __future__ import annotations

import sys
from pathlib import Path

from sample_runs import differing_run, fine, problem

from hil.record import load_run, save_run
from hil.report import render

GOLD = Path(__file__).resolve().parent.parent / "gold"
RECORD, PAGE = GOLD / "run.json", GOLD / "report.html"


def rendered() -> str:
    return render([load_run(RECORD)], [[problem(), fine()]])


def test_the_page_is_the_gold_one() -> None:
    assert rendered() == PAGE.read_text(encoding="utf-8"), f"to accept it: {__doc__}"


def test_the_record_is_the_one_from_the_seed() -> None:
    assert load_run(RECORD) == differing_run(windows=30)


def update() -> None:
    save_run(RECORD, differing_run(windows=30))
    PAGE.write_text(rendered(), encoding="utf-8")


if __name__ == "__main__" and sys.argv[1:] == ["--update"]:
    update()
