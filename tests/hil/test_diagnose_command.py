"""`tinyhil diagnose` says what `tinyhil run` said, from the record alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from records import answers, good_run, same, with_answers

from hil.cli import main
from hil.record import save_run


def test_a_good_run_is_said_to_be_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_run(tmp_path / "run.json", good_run(60, max_drop=20.0))
    assert main(["diagnose", str(tmp_path / "run.json")]) == 0
    assert "Nothing is wrong along float → pruned → int8" in capsys.readouterr().out


def test_findings_as_json_and_exit_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = good_run(60, comparisons=(same("device", differing=[1], lsb=3, n=60),), device_layers=())
    save_run(tmp_path / "run.json", run)
    assert main(["diagnose", "--json", str(tmp_path / "run.json")]) == 1
    data = json.loads(capsys.readouterr().out)
    (problem,) = [f for f in data["findings"] if f["severity"] == "problem"]
    assert (problem["stage"], problem["location"], problem["cause"]) == ("device", None, "output")


def test_no_record_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diagnose", str(tmp_path / "none.json")]) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("command", ["diagnose", "report"])
@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("report.html", "a report, which is made of run records"),
        ("vectors.npz", "windows, which a run streams"),
        ("model.tflite", "a model, which a run tests"),
        ("other.json", "JSON, but no run record"),
        ("folder", "a folder"),
        ("model", "a model folder"),
    ],
)
def test_what_was_given_and_what_is_wanted_are_told(
    command: str, name: str, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder in ("folder", "model"):
        (tmp_path / folder).mkdir()
    (tmp_path / "model" / "manifest.json").write_text("{}")
    if "." in name:
        (tmp_path / name).write_text('{"format": "other"}')
    assert main([command, str(tmp_path / name)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f"{name}: {told}; give a run record" in line
    assert line.endswith("`tinyhil run --record RUN.json` writes")


@pytest.fixture
def two_records(tmp_path: Path) -> tuple[str, str]:
    """An old record, and one whose device loses 3 of 60 windows: 5 points."""
    old = good_run(60, max_drop=20.0)
    worse = answers(60, wrong=[*range(0, 60, 10), 1, 2, 3])
    paths = tmp_path / "old.json", tmp_path / "new.json"
    for path, run in zip(paths, (old, with_answers(old, device_raw=worse)), strict=True):
        save_run(path, run)
    return str(paths[0]), str(paths[1])


@pytest.mark.parametrize(("limit", "code"), [([], 0), (["5"], 0), (["4.9"], 1)])
def test_drift_from_a_baseline(
    two_records: tuple[str, str], limit: list[str], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    old, new = two_records
    options = [x for value in limit for x in ("--max-drift", value)]
    assert main(["diagnose", new, "--baseline", old, *options]) == code
    assert "3 windows changed class" in capsys.readouterr().out
    assert main(["diagnose", new, "--baseline", old, *options, "--json"]) == code
    drift = json.loads(capsys.readouterr().out)["drift"]
    assert drift["above"] == (["device-raw"] if code else [])


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--max-drift", "1"], "--baseline OLD.json"),
        (["--baseline", "none.json"], "none.json"),
        (["--baseline", "new", "--max-drift", "-1"], "from 0 to 100"),
        (["--baseline", "new", "--max-drift", "nan"], "from 0 to 100"),
    ],
)
def test_a_wrong_baseline_is_one_line(
    two_records: tuple[str, str],
    options: list[str],
    reason: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    _, new = two_records
    assert main(["diagnose", new, *(new if o == "new" else o for o in options)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert reason in error
