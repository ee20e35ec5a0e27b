"""Layers recomputed under wrong rules: the same sums as the definition, and other bytes."""

from __future__ import annotations

import numpy as np
import pytest

from hil.board import PROJECT_DIR
from pipeline.hypotheses import RULES, _sums, recompute
from pipeline.interp import run_layers
from pipeline.verify import read_verified

MODELS = PROJECT_DIR / "test_vectors" / "models"
WINDOWS = np.random.default_rng(3).integers(-128, 128, (40, 300)).astype(np.int8)


@pytest.mark.parametrize("name", ["cnn", "dense", "lstm"])
def test_the_sums_are_the_definitions(name: str) -> None:
    graph = read_verified(MODELS / name / "int8.tflite")
    values = run_layers(graph, WINDOWS)
    seen = 0
    for op in graph.ops:
        if op.name not in ("CONV_2D", "FULLY_CONNECTED"):
            assert recompute(graph, op.outputs[0], values) == {}
            continue
        seen += 1
        sums = _sums(graph, op, values)
        right = values[op.outputs[0]]
        assert (sums.codes(sums.requantized(sums.total)).reshape(right.shape) == right).all()
        made = recompute(graph, op.outputs[0], values)
        assert set(made) == set(RULES)
        assert all(m.shape == right.shape and m.dtype == np.int8 for m in made.values())
        # Half of all products are rounded up: a layer that never rounds shows it somewhere.
        assert (made["no rounding"] != right).any()
        # Roundings differ by one step, never more.
        for rule in ("single rounding", "no rounding", "float32 rounding"):
            assert np.abs(made[rule].astype(int) - right).max() <= 1
    assert seen
