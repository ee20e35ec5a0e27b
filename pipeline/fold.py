"""Takes out what can be computed from constants alone: SHAPE, and what is made of it.

A model converted with an open batch asks for its input's shape, takes parts of it, multiplies and
packs them and reshapes to that; with the shapes in the file (a batch of 1) all of it is known. What
is not understood stays, and is refused by name by `pipeline/verify.py`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pipeline.ir import ABSENT, Graph, Op
from pipeline.ops import OPERATORS, RefusedError
from pipeline.options import GatherOptions, ReducerOptions

#: Operators on shapes. A shape has few elements: larger constants are not shapes.
FOLDABLE: Final = frozenset(
    {"STRIDED_SLICE", "SLICE", "SPLIT", "SPLIT_V", "UNPACK", "TRANSPOSE", "CONCATENATION"}
    | {"PACK", "RESHAPE", "SQUEEZE", "EXPAND_DIMS"}
)
MAX_ELEMENTS: Final = 64

Shape = NDArray[np.int64]


def fold(graph: Graph) -> Graph:
    """Return the graph with constant operators replaced by what they give."""
    kept: list[Op] = []
    for op in graph.ops:
        value = _value(graph, op)
        if value is None:
            kept.append(dataclasses.replace(op, index=len(kept)))
        else:
            graph = _with_constant(graph, op.outputs[0], value)
    return dataclasses.replace(graph, ops=tuple(kept))


def _value(graph: Graph, op: Op) -> NDArray[Any] | None:
    """Return an operator's output where it is known, else None."""
    if len(op.outputs) != 1 or op.outputs[0] in (*graph.inputs, *graph.outputs):
        return None
    target = graph.output_of(op)
    if target.dtype != "int32" or target.data is not None or target.elements > MAX_ELEMENTS:
        return None
    if op.name == "SHAPE":
        source = graph.input_of(op, 0)
        known = None if source is None else np.array(source.shape, np.int32)
        return known if known is not None and known.shape == target.shape else None
    if op.name in ON_SHAPES:
        return _computed(graph, op)
    return _evaluated(graph, op) if op.name in FOLDABLE else None


def _gather(options: Any, shape: Shape, places: Shape) -> Shape | None:
    plain = isinstance(options, GatherOptions) and (options.axis, options.batch_dims) == (0, 0)
    inside = shape.ndim == 1 and bool(((places >= 0) & (places < shape.size)).all())
    return shape[places] if plain and inside else None


def _product(options: Any, shape: Shape, axes: Shape) -> Shape | None:
    if not isinstance(options, ReducerOptions) or shape.ndim != 1 or set(axes.flat) - {0, -1}:
        return None
    return np.asarray(shape.prod(keepdims=options.keep_dims) if axes.size else shape)


#: Operators that are known on shapes alone: (options, two inputs) → output, None where not.
ON_SHAPES: Final[dict[str, Callable[[Any, Shape, Shape], Shape | None]]] = {
    "GATHER": _gather,
    "REDUCE_PROD": _product,
    "ADD": lambda _, a, b: a + b,
    "SUB": lambda _, a, b: a - b,
    "MUL": lambda _, a, b: a * b,
}


def _computed(graph: Graph, op: Op) -> NDArray[Any] | None:
    """Return the output of an operator that is known on shapes alone, None where it is not."""
    sources = [graph.input_of(op, place) for place in range(len(op.inputs))]
    stored = [t.data for t in sources if t is not None and t.data is not None]
    whole = all(t is not None and t.dtype == "int32" for t in sources)
    if not (whole and len(stored) == len(sources) == 2):
        return None
    if any(value.size > MAX_ELEMENTS for value in stored):
        return None
    known = [value.astype(np.int64) for value in stored]
    if any(np.abs(value).max(initial=0) >= 2**15 for value in known):
        return None
    try:
        result = ON_SHAPES[op.name](op.options, *known)
    except ValueError:  # shapes that do not go together
        return None
    if result is None or result.shape != graph.output_of(op).shape:
        return None
    return result.astype(np.int32) if np.abs(result).max(initial=0) < 2**31 else None


def _evaluated(graph: Graph, op: Op) -> NDArray[Any] | None:
    """Return the output of an operator on shapes where all its inputs are known, else None."""
    sources = [graph.tensors[i] for i in op.inputs if i != ABSENT]
    if not sources or any(t.data is None or t.elements > MAX_ELEMENTS for t in sources):
        return None
    try:
        OPERATORS[op.name].check(graph, op)
    except RefusedError:
        return None
    values = {t.index: t.data[None] for t in sources if t.data is not None}
    result: NDArray[Any] = OPERATORS[op.name].evaluate(graph, op, values)[0]
    return result


def _with_constant(graph: Graph, index: int, value: NDArray[Any]) -> Graph:
    tensors = list(graph.tensors)
    stored = np.ascontiguousarray(value)
    stored.flags.writeable = False
    tensors[index] = dataclasses.replace(tensors[index], data=stored)
    return dataclasses.replace(graph, tensors=tuple(tensors))
