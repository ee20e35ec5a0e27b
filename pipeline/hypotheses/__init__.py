"""One layer computed again under named wrong rules: which of them explains what a device gave?

A rule explains a layer when it gives every byte of every window, so that none is named by
resemblance (but an LSTM's unknown constants, asked for last, are fitted). The families:

    sums.py         what follows the sum of products: rounding, clamping, zero points, bias, width
    constants.py    weights, biases and gates read in another order, or from another place
    overlap.py      outputs written over the inputs that are still being read
    unwritten.py    outputs not written, where the memory holds what the input left
    lstm.py         units of an LSTM with other constants, which are fitted: near every byte

recover.py asks the other way round: what constants did the device compute with?
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pipeline.hypotheses import constants, lstm, overlap, sums, unwritten
from pipeline.hypotheses.layer import Guess, Layer
from pipeline.ir import Graph

FAMILIES: Final[tuple[Callable[[Layer], Iterator[Guess]], ...]] = (
    sums.guesses,
    constants.guesses,
    overlap.guesses,
    unwritten.guesses,
    lstm.guesses,
)


def explain(
    graph: Graph, tensor: int, inputs: dict[int, NDArray[Any]], actual: NDArray[Any]
) -> tuple[str, str] | None:
    """Return the rule that gives `actual`, and what it says in words; None where none does.

    tensor: what the layer writes. inputs: tensor index → codes [N, *shape], as the definition has
    them. actual: codes [N, *shape] that the device gave.
    """
    op = next((o for o in graph.ops if tensor in o.outputs), None)
    if op is None or actual.dtype != np.int8:
        return None
    whole = Layer(graph, op, inputs, actual.reshape(len(actual), -1))
    # One window refutes nearly all, at a fraction of the work.
    first = whole.window(0)
    for family in FAMILIES:
        for guess in family(first):
            if (guess.whole or guess.explains(first)) and guess.explains(whole):
                return guess.rule, guess.text
    return None
