"""A quantization spoilt in one layer is found in that layer, and mended by the right remedy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hil.board import PROJECT_DIR
from hil.model_folder import ModelFolder, load_model_folder
from hil.vectors import load_vectors
from pipeline.experiments import Experiments, experiments, fake_quantize
from pipeline.float_interp import run
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


def made(graph: Graph, floats: Graph = FLOAT, folder: ModelFolder = FOLDER) -> Experiments:
    pairs = [
        (p.int8_tensor, p.float_tensor)
        for p in folder.manifest.layers
        if p.float_tensor is not None
    ]
    windows, labels = prepared("vectors")
    some, _ = prepared("training")
    result = experiments(
        graph, floats, [p for p in pairs if p[1] is not None], windows, some, labels
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
    # Weights are scaled by their largest one: it has the largest code.
    assert {layer.largest_weight for layer in result.layers.values()} == {127, None}


@pytest.mark.parametrize("name", ["conv2", "dense1"])
def test_a_range_too_narrow_saturates_and_calibrating_anew_mends_it(name: str) -> None:
    result = made(spoilt(0.1, TENSOR[name]))
    assert worst(result) == TENSOR[name]
    layer = result.layers[TENSOR[name]]
    assert layer.saturation > 0.9
    assert layer.all_but.logit_error < 0.3 * result.everything.logit_error
    assert layer.remedies["recalibrate"].logit_error < 0.3 * result.everything.logit_error
    assert layer.remedies["int16"].logit_error < 0.3 * result.everything.logit_error
    assert layer.remedies["per-channel"].logit_error > 0.8 * result.everything.logit_error
    assert layer.all_but_output.logit_error < 0.3 * result.everything.logit_error
    assert layer.all_but_weights is not None
    assert layer.all_but_weights.logit_error > 0.8 * result.everything.logit_error


def test_a_range_too_wide_leaves_codes_unused() -> None:
    result = made(spoilt(12.0, TENSOR["conv3"]))
    assert worst(result) == TENSOR["conv3"]
    assert result.layers[TENSOR["conv3"]].saturation == 0
    assert result.layers[TENSOR["conv3"]].used_range < 0.1
    assert result.layers[TENSOR["conv3"]].calibration > 0.98


def test_an_error_is_split_into_parts_that_make_up_the_whole() -> None:
    for layer in made(INT8).layers.values():
        parts = (layer.saturation, layer.calibration, layer.outlier, layer.rounding)
        assert min(parts) >= 0
        assert sum(parts) == pytest.approx(1, abs=1e-3)


def test_one_wide_channel_is_told_from_a_wide_range() -> None:
    """The float twin's widest channel a hundred times as wide, and the scale fitted to it."""
    pair = next(p for p in FOLDER.manifest.layers if p.name == "conv2")
    assert pair.float_tensor is not None
    writer = next(op for op in FLOAT.ops if pair.float_tensor in op.outputs)
    outputs = run(FLOAT, prepared("vectors")[0])[pair.float_tensor]
    widest = int(np.ptp(outputs.reshape(-1, outputs.shape[-1]), axis=0).argmax())
    tensors = list(FLOAT.tensors)
    for place in (1, 2):  # weights and bias
        old = tensors[writer.inputs[place]]
        assert old.data is not None
        values = old.data.copy()
        values[widest] *= 100
        tensors[old.index] = replace(old, data=values)
    result = made(spoilt(100.0, TENSOR["conv2"]), replace(FLOAT, tensors=tuple(tensors)))
    layer = result.layers[TENSOR["conv2"]]
    assert layer.outlier > max(0.5, layer.calibration, layer.saturation)
    assert layer.outlier_ratio > 20


def test_the_lstm_is_one_layer_with_its_gates_inside() -> None:
    folder = load_model_folder(PROJECT_DIR / "test_vectors" / "models" / "lstm")
    result = made(read_verified(folder.int8), read_tflite(folder.path / "pruned.tflite"), folder)
    (layer,) = [found for found in result.layers.values() if found.gates]
    assert set(layer.gates) == {"input", "forget", "cell", "output"}
    assert layer.only_weights is not None
    for only, rest in layer.gates.values():
        assert 0 < only.logit_error < layer.only_weights.logit_error * 1.5
        assert rest.logit_error > 0


def test_fake_quantization_is_rounding_and_clamping() -> None:
    values = np.array([-100, -0.26, -0.24, 0.0, 0.26, 100], np.float32)
    assert fake_quantize(values, 0.5, 10).tolist() == [-69.0, -0.5, 0.0, 0.0, 0.5, 58.5]
