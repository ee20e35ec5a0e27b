"""`tinyhil diagnose` says what `tinyhil run` said, from the record alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from records import good_run, same

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
