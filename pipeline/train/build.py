"""From recordings to a model folder's content: train, prune, quantize, measure."""

from __future__ import annotations

import gzip
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from hil.errors import InputError, ToolError
from hil.model_folder import CompressionRow, PreprocessingConstants
from hil.vectors import Vectors
from pipeline.data.split import Split
from pipeline.evaluate import accuracy, float_scores, int8_scores, weight_sparsity
from pipeline.preprocess import Preprocessing
from pipeline.train import augment, convert, fit
from pipeline.train.architectures import ARCHITECTURES
from pipeline.train.runtime import quiet, seed_everything

#: Training windows that fix the ranges of the int8 model, and that go into the folder.
REPRESENTATIVE: Final = 500
KEPT_TRAINING: Final = 1000
#: Validation windows that go into the folder: as many as a run takes of those under test.
KEPT_VALIDATION: Final = 300


@dataclass(frozen=True)
class Built:
    """One architecture's results; see hil/model_folder.py for the fields."""

    models: dict[str, bytes]
    stages: dict[str, str]
    variants: dict[str, str]
    compression: tuple[CompressionRow, ...]
    keras_accuracy: dict[str, float]


def fit_preprocessing(train: Vectors) -> Preprocessing:
    """Return mean and standard deviation per channel over all samples of the training windows."""
    samples = train.raw.reshape(-1, train.raw.shape[2]).astype(np.float64)
    mean, std = samples.mean(axis=0), samples.std(axis=0)
    if not std.all():
        channel = train.manifest.channels[int(np.argmin(std))]
        raise InputError(f"channel {channel} never changes in the training windows")
    # Rounded to what float32 holds, so that JSON, C and numpy state the same numbers.
    return Preprocessing(*(tuple(float(np.float32(v)) for v in column) for column in (mean, std)))


def constants(preprocessing: Preprocessing) -> PreprocessingConstants:
    """Return the constants as the manifest states them."""
    return PreprocessingConstants(preprocessing.mean, preprocessing.std)


def task_of(
    arch: str, split: Split, preprocessing: Preprocessing, seed: int, epochs: int | None
) -> fit.Task:
    """Return what `arch` is trained on. epochs: overrides the architecture's own number."""
    return fit.Task(
        arch,
        len(split.test.manifest.classes),
        _augmented(split.train, preprocessing, seed),
        fit.Examples(preprocessing.normalise(split.validation.raw), split.validation.label),
        epochs or ARCHITECTURES[arch].epochs,
    )


def build(  # noqa: PLR0913 - each is an option of `tinyhil train`
    arch: str,
    split: Split,
    preprocessing: Preprocessing,
    seed: int,
    epochs: int | None,
    *,
    pattern: str = "single",
) -> Built:
    """Train `arch` in all its variants and measure each on the test windows.

    epochs: see `task_of`; pattern: see `fit.prune`. Raises ToolError on a wrong conversion.
    """
    seed_everything(seed)
    task = task_of(arch, split, preprocessing, seed, epochs)
    trained = fit.train(task)
    pruned = fit.prune(task, trained, pattern)
    aware = ARCHITECTURES[arch].quantization_aware
    aware_model = fit.quantization_aware(task, pruned) if aware else None
    with tqdm(total=4 if aware else 3, desc=f"{arch}: convert", unit="model", disable=None) as bar:
        measure = _Measure(split.test, preprocessing, ARCHITECTURES[arch].agreement, bar)
        measure.keras("float", "baseline, Keras .h5", trained)
        measure.tflite("float", "baseline, float .tflite", convert.to_float(trained))
        measure.keras("pruned", "pruned, Keras .h5", pruned)
        measure.tflite("pruned", "pruned, float .tflite", convert.to_float(pruned))
        some = preprocessing.normalise(split.train.raw[:REPRESENTATIVE])
        content = convert.to_int8(pruned, some)
        measure.tflite("int8", "pruned, int8 .tflite", content)
        if aware_model is not None:
            measure.aware(aware_model, convert.aware_to_int8(aware_model))
    return measure.result()


def _augmented(train: Vectors, preprocessing: Preprocessing, seed: int) -> fit.Examples:
    random = np.random.default_rng(seed)
    both = np.concatenate([train.raw, augment.mirror(train.raw)])
    base = preprocessing.normalise(both)
    windows = [augment.jitter(base, random) for _ in range(augment.COPIES)]
    return fit.Examples(np.concatenate(windows), np.tile(train.label, 2 * augment.COPIES))


class _Measure:
    """Collects models with their size, accuracy and sparsity."""

    def __init__(
        self, test: Vectors, preprocessing: Preprocessing, agreement: float, bar: Any
    ) -> None:
        self.agreement, self.bar = agreement, bar
        self.test, self.preprocessing = test, preprocessing
        self.windows = preprocessing.normalise(test.raw)
        self.models: dict[str, bytes] = {}
        self.rows: list[CompressionRow] = []
        self.keras_accuracy: dict[str, float] = {}
        self.scores: dict[str, NDArray[np.float32]] = {}

    def keras(self, stage: str, variant: str, model: Any) -> None:
        """Measure a Keras model, saved without its optimizer's state."""
        self.scores[stage] = model.predict(self.windows, batch_size=256, verbose=0)
        self.keras_accuracy[stage] = accuracy(self.scores[stage], self.test.label)
        kernels = [w for w in model.get_weights() if w.ndim > 1]
        zeros = sum(int(np.count_nonzero(w == 0)) for w in kernels) / sum(w.size for w in kernels)
        self._row(variant, _h5(model), self.keras_accuracy[stage], zeros)

    def tflite(self, stage: str, variant: str, content: bytes) -> None:
        """Measure a .tflite; a float one must also agree with the Keras model of its stage."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.tflite"
            path.write_bytes(content)
            if stage in self.scores:
                scores: NDArray[Any] = float_scores(path, self.windows)
                self._check_agreement(stage, scores)
            else:
                scores = int8_scores(path, self.test.raw, self.preprocessing)
            sparsity = weight_sparsity(path)
        self.models[f"{stage}.tflite"] = content
        self._row(variant, content, accuracy(scores, self.test.label), sparsity)
        self.bar.update()

    def aware(self, model: Any, content: bytes) -> None:
        """Measure a quantization-aware model, which is deployed as int8 only."""
        scores = model.predict(self.windows, batch_size=256, verbose=0)
        self.keras_accuracy["qat"] = accuracy(scores, self.test.label)
        self.tflite("qat", "pruned + QAT, int8 .tflite", content)

    def _check_agreement(self, stage: str, actual: NDArray[np.float32]) -> None:
        difference = float(np.max(np.abs(actual - self.scores[stage])))
        if not difference <= self.agreement:
            raise ToolError(
                f"{stage}.tflite differs from the Keras model it was converted from by "
                f"{difference:.2g} in a probability (at most {self.agreement:g})"
            )

    def _row(self, variant: str, content: bytes, score: float, sparsity: float) -> None:
        packed = len(gzip.compress(content, 9, mtime=0))
        row = CompressionRow(variant, len(content), packed, round(score, 6), round(sparsity, 6))
        self.rows.append(row)

    def result(self) -> Built:
        stages = {s: f"{s}.tflite" for s in ("float", "pruned")}
        variants = {"qat": "qat.tflite"} if "qat.tflite" in self.models else {}
        rounded = {stage: round(score, 6) for stage, score in self.keras_accuracy.items()}
        return Built(self.models, stages, variants, tuple(self.rows), rounded)


def _h5(model: Any) -> bytes:
    with tempfile.TemporaryDirectory() as folder, quiet():
        path = Path(folder) / "model.h5"
        model.save(path, save_format="h5", include_optimizer=False)
        return path.read_bytes()
