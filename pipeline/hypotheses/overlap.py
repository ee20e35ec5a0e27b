"""A layer whose output lies over its input: what is written early is read late as an input.

The device's own output says what it had written by then, so that nothing needs to be simulated:
under each place of overlap every sum can be taken at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pipeline.hypotheses.layer import Guess, Layer
from pipeline.hypotheses.sums import MATRIX, Sums, sums_of, under_rows

#: Of inputs gathered for every sum at once: bounds memory and time.
MAX_GATHERED: Final = 2**20
#: Bytes between the begins of input and output: what is meant to be one buffer, or nearly.
MAX_OFFSET: Final = 64


def guesses(layer: Layer) -> Iterator[Guess]:
    """Yield every place at which the output may begin, in bytes behind the input's begin."""
    if layer.op.name not in MATRIX:
        return
    source, target = layer.graph.need(layer.op, 0), layer.graph.output_of(layer.op)
    depth = layer.graph.need(layer.op, 1).elements // layer.graph.need(layer.op, 1).shape[0]
    if target.elements * depth > MAX_GATHERED:
        return
    least, most = max(1 - target.elements, -MAX_OFFSET), min(source.elements - 1, MAX_OFFSET)
    offsets = range(least, most + 1)
    for offset in sorted(offsets, key=abs):
        text = (
            f"its output written {offset} bytes behind the begin of its input"
            if offset
            else ("its output written over its input")
        )
        yield Guess("overlap", text, partial(_overlapped, offset=offset))


def _overlapped(layer: Layer, offset: int) -> bool:
    """Whether the layer, one output after the other, gives its bytes with the memory shared."""
    s = sums_of(layer)
    return all(_window(layer.window(i), s, i, offset) for i in range(len(layer.actual)))


def _window(layer: Layer, s: Sums, i: int, offset: int) -> bool:
    graph, op = layer.graph, layer.op
    source, weights = graph.need(op, 0), graph.need(op, 1)
    assert weights.data is not None
    rows = weights.data.reshape(len(weights.data), -1).astype(np.int64)
    places = np.arange(source.elements).reshape(1, *source.shape) + 1
    under = under_rows(graph, op, places, rows.shape[1]).reshape(-1, rows.shape[1]) - 1
    written = under - offset  # the output that lies on an input's place; -1 - offset: padding
    actual = layer.actual[0].astype(np.int64)
    x = layer.inputs[source.index].reshape(-1).astype(np.int64)
    order = np.arange(actual.size).reshape(len(under), len(rows))
    seen = np.where(under >= 0, x[under] - source.zero_point, 0)
    before = (under >= 0) & (written >= 0) & (written < actual.size)
    late = actual[np.clip(written, 0, actual.size - 1)] - source.zero_point
    # A sum at [position, row] sees what was written before it: outputs of a lower number.
    hit = before[:, None, :] & (written[:, None, :] < order[:, :, None])
    total = s.bias + (np.where(hit, late[:, None, :], seen[:, None, :]) * rows).sum(axis=2)
    codes: NDArray[Any] = s.finished(total)
    return layer.same(codes)
