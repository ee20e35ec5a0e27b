"""Pruning in pairs: two weights that a device multiplies with one instruction stay or go together.

SMLAD multiplies two neighbouring inputs by two weights. Where single weights are pruned, half of
such a product is mostly wasted on a zero, and every weight that is left needs a byte that says
where it belongs; where pairs are, both halves count and two weights share that byte. A pair are
the weights of input channels (of a dense layer: inputs) 2i and 2i + 1, under one tap, for one
output; of an odd number of channels the last stands alone.

tensorflow-model-optimization prunes blocks of rank-2 kernels only, so the mask is made here, by the
schedule that it has for single weights.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.train.runtime import keras


def pair_mask(kernel: NDArray[np.float32], sparsity: float) -> NDArray[np.float32]:
    """Return 1 for weights that stay, 0 for the others, in the shape of `kernel` [..., in, out].

    At least `sparsity` of all pairs go, those with the smallest sum of squares, the first of equal
    ones.
    """
    *_, inputs, outputs = kernel.shape
    squares = np.square(kernel.reshape(-1, inputs, outputs), dtype=np.float64)
    padded = np.pad(squares, ((0, 0), (0, inputs % 2), (0, 0)))
    sizes = padded.reshape(len(padded), -1, 2, outputs).sum(axis=2)
    smallest = np.argsort(sizes, axis=None, kind="stable")[: int(np.ceil(sparsity * sizes.size))]
    stays = np.ones(sizes.size, np.float32)
    stays[smallest] = 0
    mask = np.repeat(stays.reshape(sizes.shape), 2, axis=1)[:, :inputs]
    return np.ascontiguousarray(mask).reshape(kernel.shape)


class PrunePairs(keras.callbacks.Callback):  # type: ignore[misc]
    """Set more and more pairs to zero, and keep them there.

    Over the first `ramp` steps the share of zeros rises to `sparsity`, fast at first:
    sparsity · (1 − (1 − step / ramp)³), chosen anew every `every` steps.
    """

    def __init__(self, sparsity: float, ramp: int, every: int) -> None:
        super().__init__()
        self.sparsity, self.ramp, self.every = sparsity, ramp, every
        self.step = 0
        self.kernels: list[tuple[Any, NDArray[np.float32]]] = []

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        """Find the kernels; nothing is pruned yet."""
        found = [w for w in self.model.trainable_weights if len(w.shape) > 1]
        self.kernels = [(kernel, np.ones(kernel.shape, np.float32)) for kernel in found]

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Choose anew where it is time; take back what the optimizer gave to zeros."""
        if self.step <= self.ramp and (self.step % self.every == 0 or self.step == self.ramp):
            share = self.sparsity * (1 - (1 - self.step / max(self.ramp, 1)) ** 3)
            self.kernels = [(k, pair_mask(k.numpy(), share)) for k, _ in self.kernels]
        self.step += 1
        for kernel, mask in self.kernels:
            kernel.assign(kernel * mask)
