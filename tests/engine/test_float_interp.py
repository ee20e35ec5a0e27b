"""The float interpreter against LiteRT, tensor by tensor."""

from __future__ import annotations

import numpy as np
import pytest

from hil.board import PROJECT_DIR
from hil.reference.columns import FLOAT_KERNELS
from hil.reference.runtimes import LiteRt
from pipeline.float_interp import Changes, run
from pipeline.tflite import read_tflite

MODELS = PROJECT_DIR / "test_vectors" / "models"
WINDOWS = np.random.default_rng(2).normal(size=(12, 1, 50, 6)).astype(np.float32)


@pytest.mark.parametrize("name", ["cnn", "dense", "lstm"])
def test_every_tensor_is_litert_s(name: str) -> None:
    path = MODELS / name / "pruned.tflite"
    graph = read_tflite(path)
    model = LiteRt(path, *FLOAT_KERNELS, keep=True)
    values = run(graph, WINDOWS)
    for i, window in enumerate(WINDOWS):
        model.run(window)
        for op in graph.ops:
            index = op.outputs[0]
            # Sums of a few hundred float32 products in another order: some 1e-5 of their size.
            assert np.allclose(values[index][i], model.tensor(index), rtol=1e-4, atol=1e-4)


def test_a_change_reaches_what_comes_after_it_and_nothing_before() -> None:
    graph = read_tflite(MODELS / "cnn" / "pruned.tflite")
    plain = run(graph, WINDOWS)
    third, fifth = graph.ops[3].outputs[0], graph.ops[5].outputs[0]
    changed = run(graph, WINDOWS, Changes(outputs={third: lambda x: x + 1}))
    assert (changed[third] == plain[third] + 1).all()
    assert not np.allclose(changed[fifth], plain[fifth])
    assert (changed[graph.ops[1].outputs[0]] == plain[graph.ops[1].outputs[0]]).all()
    weights = graph.ops[1].inputs[1]
    zero = np.zeros(graph.tensors[weights].shape, np.float32)
    silent = run(graph, WINDOWS, Changes(constants={weights: zero}))[graph.ops[1].outputs[0]]
    assert np.ptp(silent, axis=0).max() == 0  # only the bias is left
