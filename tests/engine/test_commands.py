"""`tinyhil emit` and `tinyhil import`."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from hil.board import PROJECT_DIR
from hil.cli import main
from hil.model_folder import load_model_folder
from pipeline.emit_c import load_source
from tests.engine.build_model import Builder, options

MODELS = PROJECT_DIR / "test_vectors" / "models"
CNN = MODELS / "cnn"


def test_emit_prints_what_it_wrote(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert main(["emit", str(CNN), "--name", "m", "--out", str(out), "--board", "nano33"]) == 0
    *files, summary = capsys.readouterr().out.splitlines()
    assert sorted(files) == sorted(str(p) for p in out.iterdir())
    assert summary.startswith("10 layers, 122,944 multiply-accumulates")


def test_emit_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["emit", "--json", str(CNN / "int8.tflite"), "--name", "m", "--out", str(tmp_path)]
    assert main([*arguments, "--single-header"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["files"] == [str(tmp_path / "m.h")]
    assert said["model_hash"] == load_model_folder(CNN).model_hash
    assert [layer["operator"] for layer in said["layers"]][:3] == [
        "RESHAPE", "CONV_2D", "MAX_POOL_2D",
    ]  # fmt: skip


def wide_model(path: Path) -> None:
    """400,000 bytes in, and as many out of a pool that reads four of them for each."""
    builder = Builder()
    source = builder.tensor((1, 400, 500, 2), scale=0.1)
    target = builder.tensor((1, 400, 500, 2), scale=0.1)
    builder.op("MAX_POOL_2D", [source], [target], options(
        "Pool2DOptions", strideH=1, strideW=1, filterHeight=2, filterWidth=2))  # fmt: skip
    path.write_bytes(builder.finish([source], [target]))


def test_a_model_that_fits_no_board_is_refused_with_the_sum_for_each(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wide_model(tmp_path / "wide.tflite")
    arguments = ["emit", str(tmp_path / "wide.tflite"), "--name", "m", "--out", str(tmp_path / "o")]
    assert main(arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    for title in ("Arduino Nano 33 BLE Sense", "SensorTile"):
        assert title in line
    assert "(the model's input 400000 + output of " in line
    assert "try --optimize ram" in line
    assert not (tmp_path / "o").exists()
    assert main([*arguments, "--board", "any"]) == 0


@pytest.mark.parametrize("goal", ["ram", "size", "speed"])
def test_every_goal_can_be_asked_for_and_is_named_in_the_file(goal: str, tmp_path: Path) -> None:
    assert main(["emit", str(CNN), "--name", "m", "--out", str(tmp_path), "--optimize", goal]) == 0
    said = "" if goal == "speed" else f" --optimize {goal}"
    assert f"--out DIR{said}\n" in (tmp_path / "m.c").read_text()


def test_help_says_what_is_written_and_shows_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["emit", "--help"])
    assert ended.value.code == 0
    said = capsys.readouterr().out
    assert "example:\n  tinyhil emit " in said
    assert "smallest arena (ram)" in " ".join(said.split())


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["emit", str(CNN / "float.tflite"), "--name", "m"], "float weights"),
        (["emit", str(CNN / "none.tflite"), "--name", "m"], "No such file"),
        (["emit", str(MODELS), "--name", "m"], "not a model folder; it holds cnn, dense, lstm"),
        (["emit", str(CNN), "--name", "*/"], "must be a C identifier"),
        (["import", "--int8", str(CNN / "NOTICE")], "not a readable .tflite"),
        (["import", "--int8", str(CNN / "pruned.tflite")], "float weights"),
        (
            ["import", "--int8", str(CNN / "int8.tflite"), "--float", str(CNN / "qat.tflite")],
            "its input is int8, must be float32",
        ),
        (
            ["import", "--int8", str(CNN / "int8.tflite"), "--vectors", str(CNN / "no.npz")],
            "no.npz",
        ),
        (
            ["import", "--int8", str(CNN / "int8.tflite"), "--preprocessing", str(CNN / "x.json")],
            "x.json",
        ),
    ],
)
def test_refusals_are_one_line_and_write_nothing(
    arguments: list[str], reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*arguments, "--out", str(tmp_path / "out")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert reason in line
    assert list(tmp_path.iterdir()) == []


def test_import_makes_a_folder_that_emits(tmp_path: Path) -> None:
    preprocessing = tmp_path / "p.json"
    constants = load_model_folder(CNN).manifest.preprocessing
    assert constants is not None
    preprocessing.write_text(json.dumps({"mean": constants.mean, "std": constants.std}))
    out = tmp_path / "mine"
    assert main([
        "import", "--int8", str(CNN / "int8.tflite"), "--float", str(CNN / "pruned.tflite"),
        "--vectors", str(CNN / "vectors.npz"), "--preprocessing", str(preprocessing),
        "--training", str(CNN / "training.npz"), "--validation", str(CNN / "validation.npz"),
        "--out", str(out),
    ]) == 0  # fmt: skip
    folder = load_model_folder(out)
    assert folder.model_hash == load_model_folder(CNN).model_hash
    assert folder.manifest.name == "mine"  # every file is called int8.tflite
    assert folder.manifest.layers == load_model_folder(CNN).manifest.layers
    assert folder.manifest.classes == load_model_folder(CNN).manifest.classes
    for name in ("training.npz", "validation.npz"):
        assert folder.manifest.files[name] == load_model_folder(CNN).manifest.files[name]
    assert load_source(out).preprocessing == load_source(CNN).preprocessing
    assert str(tmp_path) not in (out / "manifest.json").read_text()


def test_import_of_the_model_alone_says_what_will_be_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["import", "--int8", str(MODELS / "dense" / "int8.tflite")]
    assert main([*arguments, "--out", str(tmp_path / "mine")]) == 0
    first, *missing = capsys.readouterr().out.splitlines()
    assert first.endswith("4 layers, 0 with a float reference")
    assert [line.split(":")[0].strip() for line in missing] == [
        "no vectors", "no float model", "no preprocessing", "no training windows",
        "no held-out windows",
    ]  # fmt: skip
    assert main([*arguments, "--json", "--out", str(tmp_path / "mine")]) == 0
    assert len(json.loads(capsys.readouterr().out)["missing"]) == 5


def test_import_refuses_vectors_and_constants_of_another_model(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "p.json").write_text('{"mean": [0, 0], "std": [1, 1]}')
    (tmp_path / "q.json").write_text('{"mean": [0, 0, 0, 0, 0, 0], "std": [1, 1, 1, 1, 1, 0]}')
    base = ["import", "--int8", str(CNN / "int8.tflite"), "--out", str(tmp_path / "out")]
    for name, reason in (("p", "each of 6 channels"), ("q", "std positive")):
        assert main([*base, "--preprocessing", str(tmp_path / f"{name}.json")]) == 2
        assert reason in capsys.readouterr().err
    other = tmp_path / "ad.tflite"
    builder_model(other)
    arguments = ["import", "--int8", str(other), "--out", str(tmp_path / "out")]
    assert main([*arguments, "--vectors", str(CNN / "vectors.npz")]) == 2
    assert "windows are [50, 6], the model's input is [1, 4]" in capsys.readouterr().err
    assert main([*arguments, "--float", str(CNN / "pruned.tflite")]) == 2
    assert "the int8 model's [1, 4]" in capsys.readouterr().err


def builder_model(path: Path) -> None:
    builder = Builder()
    source, target = (builder.tensor((1, n), scale=0.5) for n in (4, 2))
    weights = builder.constant(np.ones((2, 4), np.int8), scale=0.5)
    builder.op("FULLY_CONNECTED", [source, weights], [target], options("FullyConnectedOptions"))
    path.write_bytes(builder.finish([source], [target]))


def test_import_does_not_replace_what_is_no_model_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(CNN / "NOTICE", tmp_path / "mine.txt")
    assert main(["import", "--int8", str(CNN / "int8.tflite"), "--out", str(tmp_path)]) == 2
    assert "not a model folder" in capsys.readouterr().err
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]
