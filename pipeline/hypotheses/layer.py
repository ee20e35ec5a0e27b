"""A layer with what it was given and what came out, and a guess at how that came about."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.ir import Graph, Op


@dataclass(frozen=True, eq=False)
class Layer:
    """inputs: tensor index → codes [N, *shape]. actual: int8 [N, size], what the device gave."""

    graph: Graph
    op: Op
    inputs: dict[int, NDArray[Any]]
    actual: NDArray[Any]

    def window(self, i: int) -> Layer:
        """Return the layer with this window only."""
        inputs = {k: v[i : i + 1] for k, v in self.inputs.items()}
        return Layer(self.graph, self.op, inputs, self.actual[i : i + 1])

    def same(self, codes: NDArray[Any]) -> bool:
        """Whether codes are the device's, all of them."""
        return bool((codes.reshape(self.actual.shape) == self.actual).all())


@dataclass(frozen=True)
class Guess:
    """A rule by its name (hil/verdict/rules/layer_causes.py gives each its cause), in words, and
    the test whether it gives a layer's bytes. whole: one window is too few for it.
    """

    rule: str
    text: str
    explains: Callable[[Layer], bool]
    whole: bool = False


def gives(rule: str, text: str, compute: Callable[[Layer], NDArray[np.int64]]) -> Guess:
    """Return the guess that a layer is what `compute` makes of it."""
    return Guess(rule, text, lambda layer: layer.same(compute(layer)))
