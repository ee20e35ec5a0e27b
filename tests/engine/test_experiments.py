"""A quantization spoilt in one layer is found in that layer, and mended by the right remedy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hil.board import PROJECT_DIR
from hil.model_folder import load_model_folder
from hil.vectors import load_vectors
from pipeline.experiments import Experiments, experiments, fake_quantize
from pipeline.ir import Graph, Quantization
from pipeline.preprocess import Preprocessing
from pipeline.tflite import read_tflite
from pipeline.verify import read_verified

FOLDER = load_model_folder(PROJECT_DIR / "test_vectors" / "models" / "cnn")
INT8, FLOAT = read_verified(FOLDER.int8), read_tflite(FOLDER.path / "pruned.tflite")
TENSOR = {pair.name: pair.int8_tensor for pair in FOLDER.manifest.layers}


def prepared(name: str) -> tuple[np.ndarray, np.ndarray]:
    vectors, constants = load_vectors(FOLDER.path / f"{name}.npz"), FOLDER.manifest.preprocessing
    assert constants is not None
    windows = Preprocessing(constants.mean, constants.std).normalise(vectors.raw)
    return windows[:200], vectors.label[:200]


def spoilt(scale: float, tensor: int) -> Graph:
    """Return the int8 model with one output's scale multiplied."""
    old = INT8.tensors[tensor]
    assert old.quantization is not None
    changed = Quantization(
        (old.quantization.scale * scale).astype(np.float32), old.quantization.zero_point, 0
    )
    tensors = list(INT8.tensors)
    tensors[tensor] = replace(old, quantization=changed)
    return replace(INT8, tensors=tuple(tensors))


def made(graph: Graph) -> Experiments:
    pairs = [
        (p.int8_tensor, p.float_tensor)
        for p in FOLDER.manifest.layers
        if p.float_tensor is not None
    ]
    windows, labels = prepared("vectors")
    some, _ = prepared("training")
    result = experiments(
        graph, FLOAT, [p for p in pairs if p[1] is not None], windows, some, labels
    )  # type: ignore[misc]
    assert result is not None
    return result


def worst(result: Experiments) -> int:
    return max(result.layers, key=lambda t: result.layers[t].only.logit_error)


def test_a_good_model_loses_little_and_layers_that_keep_a_scale_are_left_out() -> None:
    result = made(INT8)
    assert result.nothing.logit_error == 0
    assert 0 < result.everything.logit_error < 0.05
    assert abs(result.everything.right - result.nothing.right) <= 4
    names = {n for n, t in TENSOR.items() if t in result.layers}
    assert names == {"conv1", "conv2", "conv3", "average", "dense1", "scores"}
    assert all(layer.only.logit_error < result.everything.logit_error
               for layer in result.layers.values())  # fmt: skip


@pytest.mark.parametrize("name", ["conv2", "dense1"])
def test_a_range_too_narrow_saturates_and_calibrating_anew_mends_it(name: str) -> None:
    result = made(spoilt(0.1, TENSOR[name]))
    assert worst(result) == TENSOR[name]
    layer = result.layers[TENSOR[name]]
    assert layer.saturation > 0.9
    assert layer.all_but.logit_error < 0.3 * result.everything.logit_error
    assert layer.remedies["recalibrate"].logit_error < 0.3 * result.everything.logit_error
    assert layer.remedies["int16"].logit_error < 0.3 * result.everything.logit_error
    assert layer.remedies["float-weights"].logit_error > 0.8 * result.everything.logit_error


def test_a_range_too_wide_leaves_codes_unused() -> None:
    result = made(spoilt(12.0, TENSOR["conv3"]))
    assert worst(result) == TENSOR["conv3"]
    assert result.layers[TENSOR["conv3"]].saturation == 0
    assert result.layers[TENSOR["conv3"]].used_range < 0.1


def test_fake_quantization_is_rounding_and_clamping() -> None:
    values = np.array([-100, -0.26, -0.24, 0.0, 0.26, 100], np.float32)
    assert fake_quantize(values, 0.5, 10).tolist() == [-69.0, -0.5, 0.0, 0.0, 0.5, 58.5]
