"""`tinyhil report`: files in, one file out; what is wrong is said in one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from page_outline import Outline
from sample_runs import differing_run, sample_run

from hil.cli import main
from hil.record import VERSION, save_run


@pytest.fixture
def records(tmp_path: Path) -> list[str]:
    paths = [tmp_path / "a.json", tmp_path / "b.json"]
    for path, run in zip(paths, (sample_run(windows=12), differing_run(windows=12)), strict=True):
        save_run(path, run)
    return [str(p) for p in paths]


def test_records_become_one_page(
    records: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "r.html"
    assert main(["report", *records, "--out", str(out)]) == 0
    assert str(out) in capsys.readouterr().out
    assert "watch-lstm" in Outline(out.read_text()).words()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.json", "b.json", "r.html"]


def test_a_report_without_a_name_is_one_line(
    records: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", *records]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "--out is missing" in line


def test_json_says_what_was_written(
    records: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "r.html")
    assert main(["report", records[0], "--out", out, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"report": out, "runs": 1}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "No such file"),
        ("{", "not JSON"),
        ("[]", "JSON, but no run record"),
        (f'{{"format": "tinyhil-run", "version": {VERSION}}}', "missing key"),
        ('{"format": "tinyhil-run", "version": 2}', "made by another version of tinyhil"),
    ],
)
def test_a_bad_record_is_one_line(
    content: str | None, reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = tmp_path / "run.json"
    if content is not None:
        record.write_text(content)
    assert main(["report", str(record), "--out", str(tmp_path / "r.html")]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert reason in error
    assert "run.json" in error
    assert not (tmp_path / "r.html").exists()


def test_a_place_that_cannot_be_written_is_one_line(
    records: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "missing" / "r.html"
    assert main(["report", records[0], "--out", str(out)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "No such file" in error


def test_the_drift_from_a_baseline_is_shown_and_fails_above_its_limit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old, new, out = (tmp_path / name for name in ("old.json", "new.json", "r.html"))
    save_run(old, sample_run(3, windows=60))
    save_run(new, differing_run(3, windows=60))
    wanted = ["report", str(new), "--baseline", str(old), "--out", str(out)]
    assert main(wanted) == 0
    said = capsys.readouterr().out
    assert "Drift: model changed; compared on the same windows" in said
    assert "The change begins at int8" in said
    shown = Outline(out.read_text()).words()
    assert "Drift from the baseline" in shown
    assert "watch-cnn watch-lstm" in shown  # the model's name, before and now
    assert main([*wanted, "--max-drift", "0"]) == 1
    assert "Above the limit" in Outline(out.read_text()).words()


def test_a_baseline_is_of_one_record(
    records: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "r.html"
    assert main(["report", *records, "--baseline", records[0], "--out", str(out)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "one record" in error
    assert not out.exists()
