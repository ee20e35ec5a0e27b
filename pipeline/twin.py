"""Is a float model the one that an int8 model was quantized from? By its layers with weights.

Those must be the same in both, in their order and the shapes of their weights. Then each layer's
weights are correlated: quantization alone moves them by half a step, training with quantization by
little more, pruning and training on by more, and a network that was trained from another start has
nothing in common with them. tests/engine/test_twin.py holds the figures below.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pipeline.experiments import dequantized
from pipeline.ir import Graph, Op, Tensor

#: The operators whose constants are weights; other layers follow from these.
WEIGHTED: Final = frozenset(
    {"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "SVDF", "UNIDIRECTIONAL_SEQUENCE_LSTM"}
)
#: Below this, surely, is another network. Of the reference models, a layer of which 80 % was pruned
#: away still has 0.69 or more with itself before; magnitudes of a normal distribution give 0.38
#: to the largest 2 %, and nobody prunes further. Other seeds reach 0.24, in a layer of 48 weights.
UNRELATED: Final = 0.3
#: Weights without relation have r near 0 with a deviation of 1/√n.
DEVIATIONS: Final = 3.0
#: Below this, more than quantization came between: quantized alone they have 0.999, trained with
#: quantization 0.995 and more; the reference LSTM, of which less was pruned, 0.91 with before.
ALIKE: Final = 0.95


@dataclass(frozen=True)
class Doubt:
    """What speaks against a twin. text: names the layer, with figures. sure: it cannot be one."""

    text: str
    sure: bool


def doubts(int8: Graph, reference: Graph) -> Iterator[Doubt]:
    """Yield what speaks against `reference` being the float twin of `int8`, in layers' order.

    Ends with the first that is sure.
    """
    pairs = itertools.zip_longest(_weighted(int8), _weighted(reference))
    for ours, theirs in pairs:
        doubt = _doubt(int8, ours, reference, theirs)
        if doubt is not None:
            yield doubt
            if doubt.sure:
                return


def _weighted(graph: Graph) -> list[Op]:
    return [op for op in graph.ops if op.name in WEIGHTED]


def _doubt(int8: Graph, ours: Op | None, reference: Graph, theirs: Op | None) -> Doubt | None:
    if ours is None or theirs is None:
        return Doubt(_lonely(int8, ours, reference, theirs), sure=True)
    mine, others = _weights(int8, ours), _weights(reference, theirs)
    if [_shape(t) for t in mine] != [_shape(t) for t in others]:
        text = f"{_told(int8, ours)}, in the float model {_told(reference, theirs)}"
        return Doubt(text, sure=True)
    return _unlike(int8.layer_name(ours), mine, others)


def _lonely(int8: Graph, ours: Op | None, reference: Graph, theirs: Op | None) -> str:
    graph, op = (int8, ours) if ours is not None else (reference, theirs)
    assert op is not None
    which = ("int8", "float") if ours is not None else ("float", "int8")
    return f"{_told(graph, op)} in the {which[0]} model and is not in the {which[1]} model"


def _told(graph: Graph, op: Op) -> str:
    shapes = ", ".join("×".join(map(str, t.shape)) for t in _weights(graph, op)[:1])
    return f"{graph.layer_name(op)} is {op.name} of {shapes or 'unknown'} weights"


def _weights(graph: Graph, op: Op) -> list[Tensor]:
    """Return an operator's weights; biases, which have one axis, are left out, and states."""
    given = (graph.input_of(op, place) for place in range(1, len(op.inputs)))
    return [t for t in given if t is not None and not t.variable and len(t.shape) > 1]


def _shape(tensor: Tensor) -> tuple[int, ...]:
    """Return the shape without axes of 1: a Conv1D and a Conv2D of one column are the same."""
    return tuple(n for n in tensor.shape if n != 1)


def _unlike(name: str, mine: list[Tensor], others: list[Tensor]) -> Doubt | None:
    count = sum(t.elements for t in mine)
    with np.errstate(all="ignore"):  # what a file has may be infinite or no number
        r = _correlation(_values(mine), _values(others))
    if r is None:
        return Doubt(f"{name}: its weights cannot be compared", sure=False)
    text = f"{name}: {count:,} weights that correlate with the float model's by {r:.2f}"
    if r + DEVIATIONS / math.sqrt(count) < UNRELATED:
        return Doubt(text, sure=True)
    return Doubt(text, sure=False) if r < ALIKE else None


def _values(tensors: list[Tensor]) -> NDArray[Any] | None:
    """Return all weights as real numbers, one after the other; None where they are not constant."""
    known = [_real(t) for t in tensors]
    whole = [value.ravel() for value in known if value is not None]
    return np.concatenate(whole) if whole and len(whole) == len(known) else None


def _real(tensor: Tensor) -> NDArray[Any] | None:
    if tensor.data is None:
        return None
    if tensor.dtype == "float32":
        return tensor.data
    known = tensor.dtype == "int8" and tensor.quantization is not None
    return dequantized(tensor) if known else None


def _correlation(a: NDArray[Any] | None, b: NDArray[Any] | None) -> float | None:
    """Return Pearson's r in double precision; None of what is unknown, constant or no number."""
    if a is None or b is None or not a.size:
        return None
    a, b = a - a.mean(dtype=np.float64), b - b.mean(dtype=np.float64)
    size = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / size if 0 < size < math.inf else None
