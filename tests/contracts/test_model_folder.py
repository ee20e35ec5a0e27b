"""Model folders: every file is checked against the manifest before anything opens it."""

from __future__ import annotations

import argparse
import dataclasses
import shlex
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from hil.errors import InputError
from hil.model_folder import (
    FORMAT,
    VERSION,
    ModelManifest,
    load_model_folder,
    save_manifest,
    sha256_file,
)
from pipeline.commands import import_model, train


def make_folder(path: Path, **changes: Any) -> ModelManifest:
    path.mkdir(exist_ok=True)
    (path / "int8.tflite").write_bytes(b"not a model, but a file")
    manifest = ModelManifest(
        format=FORMAT,
        version=VERSION,
        name="m",
        arch="cnn",
        classes=("a", "b"),
        channels=("ax",),
        float_file=None,
        stages={},
        variants={},
        preprocessing=None,
        layers=(),
        compression=(),
        keras_accuracy={},
        command="tinyhil import",
        seed=None,
        versions={},
        files={"int8.tflite": sha256_file(path / "int8.tflite")},
    )
    manifest = dataclasses.replace(manifest, **changes)
    save_manifest(path, manifest)
    return manifest


def arguments(command: ModuleType, text: str) -> argparse.Namespace:
    """Return what a command reads from its line; exits, as for a user, where that is wrong."""
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return parser.parse_args(shlex.split(text))


def test_reads_back_what_was_written(tmp_path: Path) -> None:
    manifest = make_folder(tmp_path / "m")
    folder = load_model_folder(tmp_path / "m")
    assert folder.manifest == manifest
    assert folder.model_hash == sha256_file(folder.int8)
    assert folder.vectors is None


def test_a_missing_folder_names_the_mend(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such model folder; make one: tinyhil ") as caught:
        load_model_folder(tmp_path / "none")
    asked = arguments(train, str(caught.value).partition("make one: tinyhil train ")[2])
    assert (asked.data, asked.arch, asked.out) == ("watch", "cnn", tmp_path / "none")


def test_a_tflite_names_the_command_that_makes_a_folder_of_it(tmp_path: Path) -> None:
    file = tmp_path / "my model.tflite"
    file.write_bytes(b"TFL3")
    with pytest.raises(InputError, match="is no model folder") as caught:
        load_model_folder(file)
    command = str(caught.value).partition("of the file: tinyhil import ")[2]
    assert arguments(import_model, command).int8 == file


def test_a_folder_of_model_folders_says_what_it_holds(tmp_path: Path) -> None:
    for name in ("lstm", "cnn"):
        make_folder(tmp_path / name)
    with pytest.raises(InputError, match=r"not a model folder; it holds cnn, lstm$"):
        load_model_folder(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"not a model folder: it has no manifest\.json$"):
        load_model_folder(tmp_path / "empty")


def test_a_changed_file_is_refused(tmp_path: Path) -> None:
    make_folder(tmp_path)
    (tmp_path / "int8.tflite").write_bytes(b"changed")
    with pytest.raises(InputError, match=r"int8\.tflite has changed"):
        load_model_folder(tmp_path)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"version": 2}, "not a tinyhil-model folder"),
        ({"files": {}}, "lists no int8.tflite"),
        ({"stages": {"float": "float.tflite"}}, "gives no hash"),
        ({"variants": {"qat": "qat.tflite"}}, "gives no hash"),
        ({"float_file": "x.tflite"}, "gives no hash"),
    ],
)
def test_a_wrong_manifest_is_refused(tmp_path: Path, changes: dict[str, Any], reason: str) -> None:
    make_folder(tmp_path, **changes)
    with pytest.raises(InputError, match=reason):
        load_model_folder(tmp_path)


@pytest.mark.parametrize("name", ["../outside", "/etc/passwd", "missing.bin"])
def test_a_file_outside_or_missing_is_refused(tmp_path: Path, name: str) -> None:
    manifest = make_folder(tmp_path / "m")
    files = {**manifest.files, name: "0" * 64}
    make_folder(tmp_path / "m", files=files)
    with pytest.raises(InputError, match=r"leaves the folder|is missing"):
        load_model_folder(tmp_path / "m")
