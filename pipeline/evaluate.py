"""Class scores of a .tflite over many windows, for the figures a model folder states.

The float models run on LiteRT's own kernels. The int8 models run on the definition, TFLite Micro's
reference kernels, as PyPI's tflite-micro has them; where that wheel does not exist,
`pipeline/interp.py` stands in, which is proved equal to it.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline import interp
from pipeline.preprocess import Preprocessing
from pipeline.tflite import read_tflite
from pipeline.verify import read_verified


def float_scores(path: Path, windows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return [N, classes] of a float .tflite for normalised windows [N, T, C]."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    interpreter = Interpreter(
        str(path), experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    )
    interpreter.allocate_tensors()
    where = interpreter.get_input_details()[0]["index"]
    result = interpreter.get_output_details()[0]["index"]
    scores = []
    for window in windows:
        interpreter.reset_all_variables()
        interpreter.set_tensor(where, window[np.newaxis])
        interpreter.invoke()
        scores.append(interpreter.get_tensor(result)[0])
    return np.stack(scores)


def int8_scores(
    path: Path, raw: NDArray[np.int16], preprocessing: Preprocessing
) -> NDArray[np.int8]:
    """Return [N, classes], quantized, of an int8 .tflite for raw windows [N, T, C]."""
    graph = read_verified(path)
    tensor = graph.tensors[graph.inputs[0]]
    codes = preprocessing.quantize(raw, float(tensor.scale), tensor.zero_point)
    if find_spec("tflite_micro") is None:
        return interp.run(graph, codes[:, np.newaxis])[:, 0]
    return _tflite_micro(path, codes)


def _tflite_micro(path: Path, codes: NDArray[np.int8]) -> NDArray[np.int8]:
    from tflite_micro.python.tflite_micro import runtime

    interpreter = runtime.Interpreter.from_file(str(path))
    scores = []
    for window in codes:
        interpreter.reset()
        interpreter.set_input(window[np.newaxis], 0)
        interpreter.invoke()
        scores.append(interpreter.get_output(0)[0])
    return np.stack(scores)


def accuracy(scores: NDArray[np.generic], label: NDArray[np.int16]) -> float:
    """Return the share of windows whose highest score (the first of equals) is the label's."""
    return float(np.mean(np.argmax(scores, axis=1) == label))


def weight_sparsity(path: Path) -> float:
    """Return the share of zeros among a .tflite's weights: constants with two axes or more.

    int8 weights are symmetric (zero point 0), so a zero code is a zero.
    """
    constants = [t.data for t in read_tflite(path).tensors if t.data is not None]
    weights = [c for c in constants if c.ndim >= 2 and c.dtype in (np.float32, np.int8)]
    return sum(int(np.count_nonzero(w == 0)) for w in weights) / sum(w.size for w in weights)
