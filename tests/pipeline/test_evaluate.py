"""Scores, accuracy and sparsity that the model folders state."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hil.model_folder import load_model_folder
from hil.vectors import load_vectors
from pipeline import evaluate
from pipeline.preprocess import Preprocessing

MODELS = Path(__file__).resolve().parents[2] / "test_vectors" / "models"


def test_accuracy_takes_the_first_of_equal_scores() -> None:
    scores = np.asarray([[1, 1, 0], [0, 2, 2], [3, 0, 0], [0, 0, 1]], np.int8)
    assert evaluate.accuracy(scores, np.asarray([0, 2, 0, 2], np.int16)) == 0.75


@pytest.mark.parametrize("arch", ["cnn", "lstm", "dense"])
def test_the_stand_in_gives_the_definitions_bytes(
    arch: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("tflite_micro", reason="tflite-micro has no wheel for this Python")
    folder = load_model_folder(MODELS / arch)
    constants = folder.manifest.preprocessing
    assert constants is not None
    assert folder.vectors is not None
    raw = load_vectors(folder.vectors).raw[:100]
    preprocessing = Preprocessing(constants.mean, constants.std)
    expected = evaluate.int8_scores(folder.int8, raw, preprocessing)
    monkeypatch.setattr(evaluate, "find_spec", lambda _: None)
    assert np.array_equal(evaluate.int8_scores(folder.int8, raw, preprocessing), expected)
    assert len(np.unique(expected)) > 2


def test_a_window_does_not_depend_on_the_one_before() -> None:
    """The LSTM's state is cleared: the order of windows does not matter."""
    folder = load_model_folder(MODELS / "lstm")
    assert folder.vectors is not None
    constants = folder.manifest.preprocessing
    assert constants is not None
    preprocessing = Preprocessing(constants.mean, constants.std)
    raw = load_vectors(folder.vectors).raw[:20]
    windows = preprocessing.normalise(raw)
    path = folder.path / "float.tflite"
    forward = evaluate.float_scores(path, windows)
    assert np.array_equal(evaluate.float_scores(path, windows[::-1])[::-1], forward)
    codes = evaluate.int8_scores(folder.int8, raw, preprocessing)
    assert np.array_equal(evaluate.int8_scores(folder.int8, raw[::-1], preprocessing)[::-1], codes)


def test_sparsity_is_of_the_weights_only() -> None:
    """Dense: 300·48 + 48·16 + 16·3 weights, of which pruning cleared four fifths per layer."""
    zeros = sum(round(n * 0.8) for n in (300 * 48, 48 * 16, 16 * 3))
    total = 300 * 48 + 48 * 16 + 16 * 3
    sparsity = evaluate.weight_sparsity(MODELS / "dense" / "pruned.tflite")
    assert abs(sparsity - zeros / total) <= 3 / total  # one weight of rounding per layer
    assert evaluate.weight_sparsity(MODELS / "dense" / "float.tflite") < 0.001
