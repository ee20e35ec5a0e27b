"""`--retrain`: a planted bad quantization, trained again and measured; what is refused, and how."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fake_device import MODEL, FakeBackend

from hil.cli import main
from hil.errors import InputError, ToolError
from hil.model_folder import load_model_folder, save_manifest
from hil.record import load_run, save_run
from hil.report import render
from hil.run.retrain import check_retrainable
from hil.run.steps import Options, run
from hil.screen import as_data, screen
from hil.verdict.diagnose import diagnose
from hil.verdict.retrained import gains
from pipeline.plant.files import change_folder
from pipeline.verify import read_verified

DENSE = MODEL.parent / "dense"


@pytest.mark.train
@pytest.mark.slow
def test_a_range_far_too_small_is_trained_away_and_the_gain_is_told_everywhere(
    tmp_path: Path, fake: Callable[..., Options], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("tensorflow", reason="training needs tensorflow: pip install -e '.[train]'")
    model, out, record = tmp_path / "model", tmp_path / "again.tflite", tmp_path / "run.json"
    change_folder(DENSE, model, "scale-range", "dense1", 0.03)
    monkeypatch.setattr(FakeBackend, "model", model)
    options = replace(fake(), model=model, limit=150, retrain=True, retrain_to=out)
    save_run(record, run(options, lambda _: None))
    measured = load_run(record)
    gain = next(g for g in gains(measured) if g.column == "retrained")
    # Counted anew from the record's answers, not from what was to come out.
    label = measured.windows.label
    by_name = {c.name: c for c in measured.columns}
    right = {
        name: sum(p == t for p, t in zip(by_name[name].predicted, label, strict=True))
        for name in ("pruned", "int8", "retrained")
    }
    assert gain.net == right["retrained"] - right["int8"]
    assert right["int8"] < 0.8 * len(label), "the planted fault does not show"
    assert gain.sure
    assert gain.gain.low > 0.2
    assert right["retrained"] > right["pruned"] - 8, "no better than what it began with"
    findings = diagnose(measured)
    told = next(f for f in findings if f.stage == "quantization" and f.above_limit)
    assert any(
        "(--retrain): " in line and f"{gain.net:+d} against" in line for line in told.evidence
    )
    text = screen(measured, findings)
    assert "\n  retrained " in text
    assert "note: retrained: quantization-aware training" in text
    assert "6 epochs on the folder's 1,000 training windows" in text
    named = {c["name"]: c for c in as_data(measured, findings)["columns"]}
    assert named["retrained"]["after"] == "int8"
    assert named["retrained"]["change"]["low"] == pytest.approx(gain.gain.low)
    assert "train quantization-aware from this float model" in render([measured], [findings])
    assert {t.dtype for t in read_verified(out).tensors if t.data is None} == {"int8"}


def without(tmp_path: Path, **changes: Any) -> Path:
    """Return a model folder whose manifest lacks something."""
    folder = tmp_path / "model"
    shutil.copytree(DENSE, folder)
    manifest = load_model_folder(folder).manifest
    files = {n: h for n, h in manifest.files.items() if n not in changes.get("files", ())}
    save_manifest(folder, replace(manifest, **{**changes, "files": files}))
    return folder


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"float_file": None}, "a float model to begin with"),
        ({"files": ["training.npz"]}, "its training windows"),
        ({"files": ["validation.npz"]}, "held-out windows to choose by"),
    ],
)
def test_what_training_lacks_is_told_before_anything_long(
    changes: dict[str, Any], reason: str, tmp_path: Path
) -> None:
    folder = load_model_folder(without(tmp_path, **changes))
    with pytest.raises(InputError, match=f"--retrain needs {reason}") as told:
        check_retrainable(folder)
    assert "\n" not in str(told.value)


@pytest.fixture
def no_tensorflow(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [m for m in sys.modules if m.startswith("pipeline.train")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "tensorflow", None)


@pytest.mark.usefixtures("no_tensorflow")
def test_without_tensorflow_it_is_one_line_and_nothing_is_booted(
    fake: Callable[..., Options], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FakeBackend, "open", None)
    with pytest.raises(ToolError, match=r"needs tensorflow.*pip install -e '\.\[train\]'") as told:
        run(replace(fake(), limit=2, retrain=True), lambda _: None)
    assert "\n" not in str(told.value)


@pytest.mark.usefixtures("no_tensorflow", "fake")
def test_the_option_is_the_command_lines(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["run", "--board", "nano33", "--backend", "fake", "--model", str(MODEL)]
    assert main([*command, "--limit", "2", "--retrain"]) == 2
    assert "--retrain trains, which needs tensorflow" in capsys.readouterr().err
    assert main([*command, "--limit", "2", "--retrain", "."]) == 2
    assert "is a folder; name a file" in capsys.readouterr().err


def test_without_the_option_nothing_is_trained(
    fake: Callable[..., Options], tmp_path: Path
) -> None:
    measured = run(replace(fake(), limit=2), lambda _: None)
    assert "retrained" not in [c.name for c in measured.columns]
    assert json.dumps(as_data(measured, [])).count("retrain") == 0
