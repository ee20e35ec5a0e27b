"""Training, magnitude pruning, quantization-aware training: each returns a trained Keras model.

One recipe for all: Adam, cross-entropy, the weights of the epoch with the smallest loss on the
validation subjects (for pruning, among the epochs at full sparsity).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from pipeline.train.architectures import ARCHITECTURES, build
from pipeline.train.pairs import PrunePairs
from pipeline.train.rounded import RoundedWeights
from pipeline.train.runtime import keras, tfmot

BATCH: Final = 64
#: Share of the pruning steps over which the sparsity rises.
RAMP: Final = 0.5


@dataclass(frozen=True)
class Examples:
    """Normalised windows float32 [N, 50, 6] and their labels int16 [N]."""

    x: NDArray[np.float32]
    y: NDArray[np.int16]


@dataclass(frozen=True)
class Task:
    """What a model is trained on, and for how long."""

    arch: str
    classes: int
    train: Examples
    validation: Examples
    epochs: int


class BestWeights(keras.callbacks.Callback):  # type: ignore[misc]
    """Keep the weights with the smallest validation loss from epoch `first` on."""

    def __init__(self, first: int, bar: Any) -> None:
        super().__init__()
        self.first, self.bar = first, bar
        self.loss = float("inf")
        self.weights: list[NDArray[np.float32]] = []

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        """Look at the validation loss of `epoch`."""
        self.bar.update()
        if epoch >= self.first and logs["val_loss"] < self.loss:
            self.loss, self.weights = logs["val_loss"], self.model.get_weights()

    def on_train_end(self, logs: dict[str, float] | None = None) -> None:
        """Put the best weights back."""
        if self.weights:
            self.model.set_weights(self.weights)


def train(task: Task) -> Any:
    """Return the float model, trained from scratch."""
    model = build(task.arch, task.classes)
    _fit(task, model, "train", 1.0)
    return model


def prune(task: Task, model: Any, pattern: str = "single") -> Any:
    """Return a copy of `model` with its smallest weights set to zero, and fine-tuned.

    pattern: "single" weights, or "pairs" of them (pipeline/train/pairs.py).
    """
    steps = -(-len(task.train.x) // BATCH) * task.epochs
    sparsity, ramp, every = (
        ARCHITECTURES[task.arch].sparsity,
        int(steps * RAMP),
        max(1, steps // 50),
    )
    if pattern == "pairs":
        twin = _copy(task, model)
        _fit(task, twin, "prune pairs", 1.0, [PrunePairs(sparsity, ramp, every)])
        return twin
    schedule = tfmot.sparsity.keras.PolynomialDecay(
        initial_sparsity=0.0,
        final_sparsity=sparsity,
        begin_step=0,
        end_step=ramp,
        frequency=every,
    )
    wrapped = tfmot.sparsity.keras.prune_low_magnitude(_copy(task, model), schedule)
    _fit(task, wrapped, "prune", 1.0, [tfmot.sparsity.keras.UpdatePruningStep()])
    return tfmot.sparsity.keras.strip_pruning(wrapped)


def quantization_aware(task: Task, pruned: Any) -> Any:
    """Return `pruned` fine-tuned with its quantization simulated; zeros stay zeros."""
    annotated = tfmot.quantization.keras.quantize_annotate_model(_copy(task, pruned))
    scheme = tfmot.experimental.combine.Default8BitPrunePreserveQuantizeScheme()
    model = tfmot.quantization.keras.quantize_apply(annotated, scheme)
    _fit(task, model, "QAT", 0.3)
    return model


def rounded_weights(task: Task, model: Any) -> Any:
    """Return a copy of `model` fine-tuned with its weights' rounding simulated; zeros stay."""
    twin = _copy(task, model)
    _fit(task, twin, "QAT of weights", 0.3, [RoundedWeights()])
    return twin


def _copy(task: Task, model: Any) -> Any:
    twin = build(task.arch, task.classes)
    twin.set_weights(model.get_weights())
    return twin


def _fit(task: Task, model: Any, what: str, rate: float, extra: Sequence[Any] = ()) -> None:
    """Train `model` in place at `rate` × the architecture's learning rate."""
    model.compile(
        keras.optimizers.Adam(ARCHITECTURES[task.arch].learning_rate * rate),
        "sparse_categorical_crossentropy",
    )
    label = f"{task.arch}: {what}"
    with tqdm(total=task.epochs, desc=label, unit="epoch", disable=None) as bar:
        # `extra` first: pruning masks the weights at an epoch's end, before they are remembered.
        callbacks = [*extra, BestWeights(int(task.epochs * RAMP) if extra else 0, bar)]
        model.fit(
            task.train.x,
            task.train.y,
            batch_size=BATCH,
            epochs=task.epochs,
            validation_data=(task.validation.x, task.validation.y),
            callbacks=callbacks,
            verbose=0,
        )
