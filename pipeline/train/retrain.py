"""Quantization-aware training from a folder's own float model, on its own training windows.

What `tinyhil run --retrain` tries. The folder says what it was trained on: training.npz has
training windows (of `tinyhil train` the first thousand, mixed by class and person), validation.npz
those that choose the epoch. The recordings themselves may be gone, or of a place that the manifest
does not tell; and a remedy that is tried on every user's folder must need nothing else. So it is
trained on a part of what the float model was, by the same recipe.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hil.errors import InputError
from hil.model_folder import ModelFolder, PreprocessingConstants
from hil.vectors import Vectors, load_vectors
from pipeline.data.recordings import CHANNELS, WINDOW
from pipeline.data.split import Split
from pipeline.preprocess import Preprocessing
from pipeline.train import build, convert, fit
from pipeline.train.architectures import ARCHITECTURES
from pipeline.train.from_tflite import keras_model
from pipeline.train.runtime import seed_everything


@dataclass(frozen=True)
class Retrained:
    """An int8 .tflite, how it was trained, and on how many recorded windows and epochs."""

    content: bytes
    how: str
    windows: int
    epochs: int


def retrain(folder: ModelFolder, constants: PreprocessingConstants) -> Retrained:
    """Train and convert; shows its progress. The same folder gives the same bytes.

    Raises InputError for a folder that has not what it takes: a float model of an architecture that
    is trained here, and labelled windows.
    """
    manifest, preprocessing = folder.manifest, Preprocessing(constants.mean, constants.std)
    if manifest.float_file is None or folder.validation is None:
        raise InputError(f"{folder.path}: has no float model or no validation windows")
    training = _labelled(folder.path / "training.npz")
    split = Split(training, (validation := _labelled(folder.validation)), validation)
    seed_everything(manifest.seed or 0)
    classes = len(training.manifest.classes)
    arch, model = keras_model(
        folder.path / manifest.float_file, classes, preprocessing.normalise(validation.raw)
    )
    task = build.task_of(arch, split, preprocessing, manifest.seed or 0, None)
    content, how = _trained(task, model, preprocessing, training)
    return Retrained(content, how, len(training), task.epochs)


def _labelled(path: Path) -> Vectors:
    vectors = load_vectors(path)
    if vectors.raw.shape[1:] != (WINDOW, len(CHANNELS)) or (vectors.label < 0).any():
        raise InputError(
            f"{path}: --retrain takes labelled windows of {WINDOW} × {len(CHANNELS)} samples"
        )
    return vectors


def _trained(
    task: fit.Task, model: Any, preprocessing: Preprocessing, training: Vectors
) -> tuple[bytes, str]:
    if ARCHITECTURES[task.arch].quantization_aware:
        aware = fit.quantization_aware(task, model)
        return convert.aware_to_int8(aware), "weights and activations simulated"
    tuned = fit.rounded_weights(task, model)
    some = preprocessing.normalise(training.raw[: build.REPRESENTATIVE])
    return convert.to_int8(tuned, some), "weights simulated, activations calibrated"
