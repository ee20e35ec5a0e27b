"""`tinyhil train`: repeatable to the byte, quiet, idempotent, careful with what is there."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from recorded import csv_folder

from hil.board import load_board
from hil.cli import main
from hil.model_folder import load_model_folder
from hil.run.steps import Options, prepare
from hil.vectors import load_vectors

ARCHS = ("cnn", "lstm", "dense")
TRAINABLE = find_spec("tensorflow") is not None and find_spec("tf_keras") is not None


def options(data: Path, out: Path) -> list[str]:
    return ["--data", f"csv:{data}", "--arch", "all", "--epochs", "1", "--out", str(out)]


def files(folder: Path) -> dict[str, bytes]:
    found = sorted(p for p in folder.rglob("*") if p.is_file())
    return {str(p.relative_to(folder)): p.read_bytes() for p in found}


@pytest.fixture
def no_tensorflow(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [m for m in sys.modules if m.startswith("pipeline.train")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "tensorflow", None)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """Return the recordings, and two folders trained of them by two processes at once."""
    if not TRAINABLE:
        pytest.skip("tensorflow is not installed: pip install -e '.[train]'")
    root = tmp_path_factory.mktemp("train")
    data = csv_folder(root / "recordings")
    outs = [root / "one", root / "two"]
    runs = [
        subprocess.Popen(
            [sys.executable, "-m", "hil.cli", "train", *options(data, out)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for out in outs
    ]
    for run in runs:
        _, errors = run.communicate()
        assert (run.returncode, errors) == (0, ""), "training must be quiet where nobody watches"
    return data, outs[0], outs[1]


@pytest.mark.train
@pytest.mark.slow
def test_the_same_seed_gives_the_same_bytes(trained: tuple[Path, Path, Path]) -> None:
    _, one, two = trained
    first, second = files(one), files(two)
    assert list(first) == list(second)
    assert [name for name in first if first[name] != second[name]] == []


@pytest.mark.train
@pytest.mark.slow
@pytest.mark.parametrize("arch", ARCHS)
def test_what_was_trained_is_a_whole_folder(trained: tuple[Path, Path, Path], arch: str) -> None:
    folder = load_model_folder(trained[1] / arch)
    manifest = folder.manifest
    aware = {} if arch == "lstm" else {"qat": "qat.tflite"}
    assert manifest.stages == {"float": "float.tflite", "pruned": "pruned.tflite"}
    assert manifest.variants == aware
    assert set(manifest.keras_accuracy) == {"float", "pruned", *aware}
    assert len(manifest.compression) == 5 + len(aware)
    assert manifest.layers[-1].op == "SOFTMAX"
    assert {"c/model.c", "c/model.h", "NOTICE"} <= set(manifest.files)
    assert manifest.command == (
        f"tinyhil train --data csv:recordings --arch {arch} --classes lift,swing "
        "--seed 1 --epochs 1"
    )


@pytest.mark.train
@pytest.mark.slow
def test_the_preprocessing_is_of_the_training_people_only(trained: tuple[Path, Path, Path]) -> None:
    folder = load_model_folder(trained[1] / "dense")
    training = load_vectors(folder.path / "training.npz")
    constants = folder.manifest.preprocessing
    assert constants is not None
    samples = training.raw.reshape(-1, 6).astype(np.float64)  # fewer than 1,000: all of them
    assert np.allclose(constants.mean, samples.mean(axis=0), rtol=1e-6, atol=1e-6)
    assert np.allclose(constants.std, samples.std(axis=0), rtol=1e-6)
    assert {training.manifest.subjects[i] for i in training.subject} == {"p0", "p1"}


@pytest.mark.train
@pytest.mark.slow
@pytest.mark.usefixtures("no_tensorflow")
def test_a_second_run_has_nothing_to_do(
    trained: tuple[Path, Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    data, one, _ = trained
    before = {p: p.stat().st_mtime_ns for p in one.rglob("*")}
    assert main(["train", *options(data, one)]) == 0
    printed = capsys.readouterr().out
    assert printed.count("up to date, nothing to train") == 3
    assert printed.count("pruned, int8 .tflite") == 3
    assert {p: p.stat().st_mtime_ns for p in one.rglob("*")} == before
    assert main(["train", *options(data, one), "--json"]) == 0
    results = json.loads(capsys.readouterr().out)
    assert [r["name"] for r in results] == [f"recordings-{arch}" for arch in ARCHS]


@pytest.mark.train
@pytest.mark.slow
@pytest.mark.usefixtures("no_tensorflow")
@pytest.mark.parametrize("more", [["--seed", "2"], ["--epochs", "2"], ["--force"]])
def test_other_options_train_again(
    trained: tuple[Path, Path, Path], more: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    data, one, _ = trained
    before = files(one)
    assert main(["train", *options(data, one), *more]) == 2
    assert "training needs tensorflow" in capsys.readouterr().err
    assert files(one) == before, "a training that fails leaves the old folder alone"


@pytest.mark.usefixtures("no_tensorflow")
def test_without_tensorflow_the_mend_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = csv_folder(tmp_path / "data")
    assert main(["train", *options(data, tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert error == (
        "tinyhil: training needs tensorflow, which is not installed: pip install -e '.[train]'\n"
    )
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        (["--seed", "-1"], "--seed -1: must be between"),
        (["--epochs", "0"], "--epochs 0: must be between"),
        (["--classes", "lift"], "two or more"),
        (["--classes", "lift,jump"], "no recording is labelled 'jump'"),
        (["--data", "nowhere"], "neither `watch` nor a folder"),
    ],
)
def test_wrong_use_is_one_line(
    tmp_path: Path, more: list[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    data = csv_folder(tmp_path / "data")
    assert main(["train", *options(data, tmp_path / "out"), *more]) == 2
    error = capsys.readouterr().err
    assert reason in error
    assert error.count("\n") == 1


def test_somebody_elses_folder_is_refused_before_training(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = csv_folder(tmp_path / "data")
    assert main(["train", "--data", str(data), "--arch", "cnn", "--out", str(data)]) == 2
    assert "exists and is not a model folder" in capsys.readouterr().err


@pytest.mark.train
@pytest.mark.slow
def test_what_is_held_out_of_the_training_people_is_not_trained_on(tmp_path: Path) -> None:
    pytest.importorskip("tensorflow", reason="training needs tensorflow: pip install -e '.[train]'")
    data, out = csv_folder(tmp_path / "recordings"), tmp_path / "model"
    command = ["train", "--data", f"csv:{data}", "--arch", "dense", "--epochs", "1"]
    assert main([*command, "--out", str(out), "--hold-out", "0.25"]) == 0
    folder = load_model_folder(out)
    assert folder.held_out is not None
    training, held = load_vectors(out / "training.npz"), load_vectors(folder.held_out)
    assert held.manifest.split == "held-out"
    # Of each recording of eight windows: two held out, one between, five trained on.
    assert {v.manifest.subjects[i] for v in (training, held) for i in v.subject} == {"p0", "p1"}
    assert sorted(set(training.start.tolist())) == [0, 50, 100, 150, 200]
    assert sorted(set(held.start.tolist())) == [300, 350]
    assert folder.manifest.command.endswith("--epochs 1 --hold-out 0.25")
    assert "held_out.npz" in (out / "NOTICE").read_text()
    reference = prepare(
        Options(load_board("nano33"), "host", None, out, None, 4, 2.0, "")
    ).reference
    assert reference.held_out is not None
    assert len(reference.held_out.windows.label) == len(held)
    assert reference.held_out.column.name == "held-out"


@pytest.mark.parametrize("share", ["0", "0.6", "nan", "-1"])
def test_a_share_that_is_none_is_refused(share: str, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["train", "--arch", "cnn", "--out", "unused", "--hold-out", share]
    assert main(command) == 2
    assert "must be between 0.05 and 0.5" in capsys.readouterr().err
