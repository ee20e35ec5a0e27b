"""The model in plain batched NumPy: the living definition of what a device must compute.

Each operator's `evaluate` (pipeline/ops) works on all windows at once; a stateful operator starts
fresh for every window. Proved equal to the `tflite-micro` wheel by tests/engine.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.ir import Graph
from pipeline.ops import OPERATORS

#: Windows computed at once, and multiply-accumulates of one layer: both bound the memory of a
#: convolution's gathered patches.
BATCH = 64
BATCH_MACS = 2**25


def run(graph: Graph, inputs: NDArray[Any]) -> NDArray[Any]:
    """Return the outputs [N, *output shape] for inputs [N, *input shape] of the model's dtypes.

    The model must have passed `pipeline.verify`. inputs may leave out axes of 1: [N, 50, 6] for a
    model whose input is [1, 50, 6].
    """
    output: NDArray[Any] = run_layers(graph, inputs)[graph.outputs[0]]
    return output


def run_layers(graph: Graph, inputs: NDArray[Any]) -> dict[int, NDArray[Any]]:
    """Return tensor index → values [N, *shape], of the input and of every operator's output."""
    parts = list(_batches(graph, inputs))
    return {i: np.concatenate([part[i] for part in parts]) for i in parts[0]}


def _batches(graph: Graph, inputs: NDArray[Any]) -> Iterator[dict[int, NDArray[Any]]]:
    source = graph.tensors[graph.inputs[0]]
    shaped = np.asarray(inputs, source.dtype).reshape(len(inputs), *source.shape)
    heaviest = max(OPERATORS[op.name].macs(graph, op) for op in graph.ops)
    batch = max(1, min(BATCH, BATCH_MACS // max(heaviest, 1)))
    for start in range(0, max(len(shaped), 1), batch):
        values: dict[int, NDArray[Any]] = {source.index: shaped[start : start + batch]}
        for op in graph.ops:
            values[op.outputs[0]] = OPERATORS[op.name].evaluate(graph, op, values)
        yield values
