"""A layer that does not write all of its output: the memory still holds what the input left there.

An arena lets an output lie over an input that is read by then, so that what is not written is a
piece of the input, byte for byte.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache, partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pipeline.hypotheses.layer import Guess, Layer
from pipeline.ops import OPERATORS

#: So many different bytes are no coincidence.
DISTINCT: Final = 4


def guesses(layer: Layer) -> Iterator[Guess]:
    """Yield every place of the output's begin in an input."""
    size = layer.actual.shape[1]
    for source in layer.graph.activations(layer.op):
        if source.dtype != "int8":
            continue
        for offset in range(1 - size, source.elements):
            text = "values left as they were: they are what its input held in that memory"
            yield Guess("unwritten", text, partial(_left, tensor=source.index, offset=offset), True)


def _left(layer: Layer, tensor: int, offset: int) -> bool:
    places, held = _wrong(layer), layer.inputs[tensor].reshape(len(layer.actual), -1)
    over = (places + offset >= 0) & (places + offset < held.shape[1])
    kept = held[:, places[over] + offset]
    # Beside the input lies what earlier calls left, the same for every window.
    beside = layer.actual[:, places[~over]]
    same = (layer.actual[:, places[over]] == kept).all() and (beside == beside[0]).all()
    return bool(same and len(np.unique(kept)) >= DISTINCT)


@lru_cache(maxsize=4)
def _wrong(layer: Layer) -> NDArray[np.intp]:
    """Return the places at which a value is not what the definition gives."""
    right: NDArray[Any] = OPERATORS[layer.op.name].evaluate(layer.graph, layer.op, layer.inputs)
    places: NDArray[np.intp] = np.flatnonzero(
        (layer.actual != right.reshape(layer.actual.shape)).any(axis=0)
    )
    return places
