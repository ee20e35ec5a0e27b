"""The three networks. Input [batch, 50, 6] float32, output the classes' probabilities.

They are those with published costs on TFLite Micro, so that figures compare. The one-dimensional
convolutions are written as two-dimensional ones of k × 1: the same arithmetic, and the form that
quantization-aware training accepts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from pipeline.data.recordings import CHANNELS, WINDOW
from pipeline.train.runtime import keras


@dataclass(frozen=True)
class Architecture:
    """What is trained and how.

    sparsity: share of weights pruned. quantization_aware: the tools can (not LSTM). epochs: passes
    over the augmented windows, each of which shows every recorded window eight times.
    agreement: largest difference of a probability between Keras and the converted float model.
    """

    body: Callable[[Any], Any]
    sparsity: float
    quantization_aware: bool
    learning_rate: float
    epochs: int
    agreement: float


def _convolution(x: Any, filters: int, size: int, name: str) -> Any:
    return keras.layers.Conv2D(filters, (size, 1), activation="relu", name=name)(x)


def _cnn(x: Any) -> Any:
    layers = keras.layers
    x = layers.Reshape((WINDOW, 1, len(CHANNELS)), name="rows")(x)
    x = _convolution(x, 16, 7, "conv1")
    x = layers.MaxPooling2D((2, 1), name="pool1")(x)
    x = _convolution(x, 32, 5, "conv2")
    x = layers.MaxPooling2D((2, 1), name="pool2")(x)
    x = _convolution(x, 64, 3, "conv3")
    x = layers.GlobalAveragePooling2D(name="average")(x)
    return layers.Dense(64, activation="relu", name="dense1")(x)


def _lstm(x: Any) -> Any:
    return keras.layers.LSTM(32, name="lstm")(x)


def _dense(x: Any) -> Any:
    layers = keras.layers
    x = layers.Flatten(name="flat")(x)
    x = layers.Dense(48, activation="relu", name="dense1")(x)
    return layers.Dense(16, activation="relu", name="dense2")(x)


# Keras and LiteRT add float32 in different orders: 1e-4 is far above that, and far below what a
# wrong conversion does. TFLite's fused LSTM also limits the cell state to ±10, which Keras does not
# (the converter writes cell_clip = 10): a few windows reach it, so more is allowed there.
# The LSTM is pruned less: its recurrent weights are used 50 times a window, and errors add up.
ARCHITECTURES: Final = {
    "cnn": Architecture(_cnn, 0.8, True, 1e-3, 6, 1e-4),
    "lstm": Architecture(_lstm, 0.5, False, 3e-3, 4, 1e-2),
    "dense": Architecture(_dense, 0.8, True, 1e-3, 6, 1e-4),
}


def build(arch: str, classes: int) -> Any:
    """Return an untrained model."""
    inputs = keras.layers.Input((WINDOW, len(CHANNELS)), name="window")
    features = ARCHITECTURES[arch].body(inputs)
    scores = keras.layers.Dense(classes, activation="softmax", name="scores")(features)
    return keras.Model(inputs, scores, name=arch)
