"""`tinyhil vectors`: labels become the model's class numbers, whatever else is in the data."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from recorded import describe, motion, recording_set, write_csv

from hil.board import PROJECT_DIR
from hil.cli import main
from hil.errors import InputError
from hil.vectors import load_vectors
from pipeline.commands.vectors import for_model
from pipeline.data.recordings import cut

MODEL = PROJECT_DIR / "test_vectors" / "models" / "cnn"


def test_labels_are_the_models_numbers() -> None:
    data = recording_set(labels=("A", "B", "C"))
    vectors = for_model(data, ("C", "nothing recorded", "A"))
    assert vectors.manifest.classes == ("C", "nothing recorded", "A")
    alone = cut(data, ("A",))
    assert np.array_equal(vectors.raw[vectors.label == 2], alone.raw)
    assert set(vectors.label.tolist()) == {0, 2}


def test_a_model_of_other_classes_is_refused() -> None:
    with pytest.raises(InputError, match=r"no recording is labelled .*\(X, Y\); the data has A, B"):
        for_model(recording_set(), ("X", "Y"))


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for label in ("PEN", "jump"):
        write_csv(tmp_path / "set" / label / "p1" / "a.csv", motion(0, 0, 120))
    describe(tmp_path / "set")
    out = tmp_path / "new" / "windows.npz"
    command = ["vectors", "--data", str(tmp_path / "set"), "--model", str(MODEL)]
    assert main([*command, "--out", str(out), "--json"]) == 0
    told, aside = capsys.readouterr()
    assert json.loads(told)["windows"] == {"PEN": 2, "FEL": 0, "ROW": 0}
    assert "left out: jump, which is no class of the model" in aside
    assert len(load_vectors(out)) == 2
    assert main([*command, "--out", str(tmp_path / "windows")]) == 2
    assert "must end in .npz" in capsys.readouterr().err
