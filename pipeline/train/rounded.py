"""Training with the weights rounded as int8 will have them: for layers that tfmot does not know.

tensorflow-model-optimization has no quantization-aware LSTM. This simulates its weights alone
(activations are calibrated afterwards): every batch sees rounded weights, and what the optimizer
changes is added to the exact ones, the straight-through estimator (Y. Bengio et al., "Estimating
or Propagating Gradients Through Stochastic Neurons", 2013). Zeros stay zeros.

The steps are the converter's: symmetric, of 127 to a side, one for all of a gate's matrix in an
LSTM, else one for each output channel.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.train.runtime import keras

F32 = NDArray[np.float32]

GATES = 4


def rounded(kernel: F32, blocks: int) -> F32:
    """Return `kernel` [..., out] in int8 steps, one for each of `blocks` parts of its last axis."""
    parts = kernel.reshape(-1, blocks, kernel.shape[-1] // blocks)
    scale = np.abs(parts).max(axis=(0, 2), keepdims=True) / 127
    scale[scale == 0] = 1
    made: F32 = (np.rint(parts / scale) * scale).reshape(kernel.shape).astype(np.float32)
    return made


class RoundedWeights(keras.callbacks.Callback):  # type: ignore[misc]
    """Show rounded weights to every batch, of training and of validation; keep the exact ones."""

    def __init__(self) -> None:
        super().__init__()
        self.kernels: list[tuple[Any, int, NDArray[np.bool_]]] = []
        self.exact: list[F32] = []

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        """Find the kernels, and which of their weights are pruned."""
        self.kernels = [(k, blocks, k.numpy() != 0) for k, blocks in _kernels(self.model)]

    def on_train_batch_begin(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Put the rounded weights in."""
        self._round()

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Put the exact ones back, with what the optimizer changed."""
        for (kernel, blocks, stays), exact in zip(self.kernels, self.exact, strict=True):
            kernel.assign((exact + (kernel.numpy() - rounded(exact, blocks))) * stays)

    def on_test_begin(self, logs: dict[str, float] | None = None) -> None:
        """Validate with rounded weights."""
        self._round()

    def on_test_end(self, logs: dict[str, float] | None = None) -> None:
        """Go on with the exact ones."""
        for (kernel, _, _), exact in zip(self.kernels, self.exact, strict=True):
            kernel.assign(exact)

    def _round(self) -> None:
        self.exact = [kernel.numpy() for kernel, _, _ in self.kernels]
        for (kernel, blocks, _), exact in zip(self.kernels, self.exact, strict=True):
            kernel.assign(rounded(exact, blocks))


def _kernels(model: Any) -> Iterator[tuple[Any, int]]:
    """Yield each matrix of weights, and into how many parts of one step its last axis falls."""
    for layer in model.layers:
        for weight in layer.trainable_weights:
            if len(weight.shape) > 1:
                lstm = isinstance(layer, keras.layers.LSTM)
                yield weight, GATES if lstm else int(weight.shape[-1])
