"""A float .tflite back as the Keras model that it was converted from, to be trained on.

A model folder keeps no Keras file. Its float model holds the same weights; which architecture they
belong to is not asked of a name but told by their shapes, and then held against the file: both
must answer windows alike.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hil.errors import InputError, clean
from pipeline.evaluate import float_scores
from pipeline.ir import Graph, Op
from pipeline.ops.lstm import BIAS, INPUT_WEIGHTS, RECURRENT_WEIGHTS
from pipeline.tflite import read_tflite
from pipeline.train.architectures import ARCHITECTURES, build

F32 = NDArray[np.float32]

#: Keras's order of an LSTM's gates.
KERAS_GATES = ("input", "forget", "cell", "output")
#: Place of a convolution's and a dense layer's bias.
PLAIN_BIAS = 2


def keras_model(path: Path, classes: int, windows: F32) -> tuple[str, Any]:
    """Return the architecture's name and the model, with the file's weights.

    windows [N, 50, 6]: normalised; both are compared on them. Raises InputError where the file is
    none of the architectures that are trained here.
    """
    weights = list(_weights(read_tflite(path)))
    for arch, known in ARCHITECTURES.items():
        model = build(arch, classes)
        if [w.shape for w in model.get_weights()] != [w.shape for w in weights]:
            continue
        model.set_weights(weights)
        answers = model.predict(windows, batch_size=256, verbose=0)
        if np.abs(answers - float_scores(path, windows)).max() <= known.agreement:
            return arch, model
    raise InputError(
        f"{clean(str(path))}: --retrain knows the architectures {', '.join(ARCHITECTURES)} of "
        "`tinyhil train`, and this is none of them: train it quantization-aware where it was "
        "trained, and import the result"
    )


def _weights(graph: Graph) -> Iterator[F32]:
    """Yield the layers' weights in Keras's order and layout; nothing of operators without."""
    for op in graph.ops:
        if op.name == "UNIDIRECTIONAL_SEQUENCE_LSTM":
            for places in (INPUT_WEIGHTS, RECURRENT_WEIGHTS, BIAS):
                # [units, depth] and [units], gate by gate, become columns.
                yield np.concatenate([_constant(graph, op, places[g]) for g in KERAS_GATES]).T
        elif op.name == "CONV_2D":
            yield _constant(graph, op, 1).transpose(1, 2, 3, 0)
            yield _constant(graph, op, PLAIN_BIAS)
        elif op.name == "FULLY_CONNECTED":
            yield _constant(graph, op, 1).T
            yield _constant(graph, op, PLAIN_BIAS)


def _constant(graph: Graph, op: Op, place: int) -> F32:
    """Return a constant input; empty, which fits no architecture, where it is none."""
    tensor = graph.input_of(op, place) if place < len(op.inputs) else None
    if tensor is None or tensor.data is None:
        return np.empty((0,) * 4, np.float32)
    return tensor.data.astype(np.float32)
