"""The committed model folders are whole, agree with themselves, and with the data they name."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from hil.model_folder import ModelFolder, load_model_folder
from hil.vectors import ARRAYS, Vectors, load_vectors
from pipeline.data import watch
from pipeline.data.recordings import cut
from pipeline.data.split import split_by_subject
from pipeline.evaluate import accuracy, float_scores, int8_scores, weight_sparsity
from pipeline.model_folder import is_stale
from pipeline.preprocess import Preprocessing

MODELS = Path(__file__).resolve().parents[2] / "test_vectors" / "models"
ARCHS = ("cnn", "lstm", "dense")
#: Row of the compression table → file.
FILES = {
    "baseline, float .tflite": "float.tflite",
    "pruned, float .tflite": "pruned.tflite",
    "pruned, int8 .tflite": "int8.tflite",
    "pruned + QAT, int8 .tflite": "qat.tflite",
}


@pytest.fixture(params=ARCHS)
def folder(request: pytest.FixtureRequest) -> ModelFolder:
    return load_model_folder(MODELS / request.param)


def held_out(folder: ModelFolder) -> Vectors:
    assert folder.vectors is not None
    return load_vectors(folder.vectors)


def preprocessing(folder: ModelFolder) -> Preprocessing:
    constants = folder.manifest.preprocessing
    assert constants is not None
    return Preprocessing(constants.mean, constants.std)


def stated(folder: ModelFolder, file: str) -> float:
    rows = {FILES.get(row.variant): row.accuracy for row in folder.manifest.compression}
    score = rows[file]
    assert score is not None
    return score


def int8_files(folder: ModelFolder) -> list[str]:
    return ["int8.tflite", *folder.manifest.variants.values()]


def test_int8_accuracy_is_what_the_manifest_says(folder: ModelFolder) -> None:
    """Recomputed on TFLite Micro's reference kernels, over every test window."""
    vectors = held_out(folder)
    for file in int8_files(folder):
        scores = int8_scores(folder.path / file, vectors.raw, preprocessing(folder))
        assert round(accuracy(scores, vectors.label), 6) == stated(folder, file)


def test_float_accuracy_is_what_the_manifest_says(folder: ModelFolder) -> None:
    vectors = held_out(folder)
    windows = preprocessing(folder).normalise(vectors.raw)
    for stage, file in folder.manifest.stages.items():
        score = accuracy(float_scores(folder.path / file, windows), vectors.label)
        # Another processor may round another way and turn a window that is on the fence.
        assert abs(score - stated(folder, file)) <= 1.5 / len(vectors)
        assert abs(score - folder.manifest.keras_accuracy[stage]) <= 1.5 / len(vectors)


def test_sizes_and_sparsity_are_the_files(folder: ModelFolder) -> None:
    named = [row for row in folder.manifest.compression if row.variant in FILES]
    assert {FILES[row.variant] for row in named} == {
        *folder.manifest.stages.values(),
        *int8_files(folder),
    }
    for row in named:
        path = folder.path / FILES[row.variant]
        assert row.file_bytes == path.stat().st_size
        assert row.sparsity == round(weight_sparsity(path), 6)


def test_pruning_survives_quantization(folder: ModelFolder) -> None:
    """Every variant after pruning has at least the zeros that pruning made."""
    pruned = weight_sparsity(folder.path / "pruned.tflite")
    assert pruned >= (0.499 if folder.manifest.arch == "lstm" else 0.799)
    for file in int8_files(folder):
        assert weight_sparsity(folder.path / file) >= pruned


def test_every_layer_has_its_float_twin_but_the_output_codes(folder: ModelFolder) -> None:
    layers = folder.manifest.layers
    assert all(pair.float_tensor is not None for pair in layers)
    assert [pair.op for pair in layers][-2:] == ["FULLY_CONNECTED", "SOFTMAX"]


def test_what_is_derived_is_not_stale(folder: ModelFolder) -> None:
    """If this fails: make generate."""
    assert not is_stale(folder.path)


def test_no_person_is_both_trained_and_tested_on(folder: ModelFolder) -> None:
    assert folder.validation is not None
    sets = (
        held_out(folder),
        load_vectors(folder.path / "training.npz"),
        load_vectors(folder.validation),
    )
    assert [v.manifest.split for v in sets] == ["test", "train", "validation"]
    names = [{v.manifest.subjects[i] for i in v.subject} for v in sets]
    assert names == [{"8", "9", "10"}, {"1", "2", "3", "4", "5"}, {"6", "7"}]
    assert [len(v) for v in sets[1:]] == [1000, 300]


def test_the_validation_windows_are_of_every_recording_alike(folder: ModelFolder) -> None:
    assert folder.validation is not None
    _, counts = np.unique(load_vectors(folder.validation).recording, return_counts=True)
    assert (len(counts), counts.min(), counts.max()) == (12, 25, 25)


def test_the_first_300_windows_are_mixed(folder: ModelFolder) -> None:
    first = held_out(folder).take(slice(300))
    for column, values in ((first.label, 3), (first.subject, 3), (first.side, 2)):
        _, counts = np.unique(column, return_counts=True)
        assert len(counts) == values
        assert counts.max() - counts.min() <= 12


def test_the_licence_travels_with_the_data(folder: ModelFolder) -> None:
    notice = (folder.path / "NOTICE").read_text()
    for path in ("vectors.npz", "training.npz", "validation.npz"):
        manifest = load_vectors(folder.path / path).manifest
        assert "Redistributions of source code must retain" in manifest.notice
        assert manifest.notice in notice
        assert manifest.source in notice


def test_nothing_names_a_place_on_a_machine(folder: ModelFolder) -> None:
    text = (folder.path / "manifest.json").read_text()
    assert "/" not in folder.manifest.command
    assert not any(word in text for word in ("/home", "/root", "site-packages", str(Path.cwd())))


def test_the_three_folders_share_their_windows() -> None:
    files = [load_model_folder(MODELS / arch).manifest.files for arch in ARCHS]
    for name in ("vectors.npz", "training.npz", "validation.npz"):
        assert len({f[name] for f in files}) == 1


@pytest.mark.skipif(find_spec("seglearn") is None, reason="seglearn is not installed")
def test_the_vectors_are_the_recordings(folder: ModelFolder) -> None:
    """Cut anew, to one count: SciPy's filters may differ in the last bit between versions."""
    split = split_by_subject(cut(watch.load_watch(), watch.DEFAULT_CLASSES))
    kept = load_vectors(folder.path / "training.npz")
    assert folder.validation is not None
    for made, stored in (
        (split.test, held_out(folder)),
        (split.train.take(slice(1000)), kept),
        (split.validation.take(slice(300)), load_vectors(folder.validation)),
    ):
        for name in set(ARRAYS) - {"raw"}:
            assert np.array_equal(getattr(made, name), getattr(stored, name)), name
        assert np.abs(made.raw.astype(int) - stored.raw).max() <= 1
