"""Training again from a .tflite: the same model in Keras, and weights rounded in passing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hil.errors import InputError
from hil.model_folder import load_model_folder
from hil.vectors import load_vectors
from pipeline.preprocess import Preprocessing
from pipeline.tflite import read_tflite

pytest.importorskip("tensorflow", reason="training needs tensorflow: pip install -e '.[train]'")

from pipeline.train import convert
from pipeline.train.from_tflite import keras_model
from pipeline.train.rounded import GATES, RoundedWeights, rounded
from pipeline.train.runtime import keras, seed_everything

MODELS = Path(__file__).resolve().parents[2] / "test_vectors" / "models"
pytestmark = pytest.mark.train


def windows(arch: str, count: int) -> np.ndarray:
    folder = load_model_folder(MODELS / arch)
    constants = folder.manifest.preprocessing
    assert constants is not None
    made = Preprocessing(constants.mean, constants.std)
    return made.normalise(load_vectors(folder.path / "vectors.npz").raw[:count])


def constants(path: Path) -> list[bytes]:
    """Return every float constant of a .tflite."""
    found = [t.data for t in read_tflite(path).tensors if t.data is not None]
    return sorted(c.tobytes() for c in found if c.dtype == np.float32)


@pytest.mark.parametrize("arch", ["cnn", "lstm", "dense"])
def test_a_float_file_becomes_the_model_it_came_from(arch: str, tmp_path: Path) -> None:
    """The architecture is told by its weights alone; converted again, it has the same."""
    path = MODELS / arch / "pruned.tflite"
    found, model = keras_model(path, 3, windows(arch, 20))
    assert found == arch
    again = tmp_path / "again.tflite"
    again.write_bytes(convert.to_float(model))
    assert constants(again) == constants(path)


def test_another_model_is_refused_with_what_is_known(tmp_path: Path) -> None:
    other = keras.Sequential(
        [keras.layers.Input((50, 6)), keras.layers.Flatten(), keras.layers.Dense(3)]
    )
    path = tmp_path / "other.tflite"
    path.write_bytes(convert.to_float(other))
    with pytest.raises(InputError, match="knows the architectures cnn, lstm, dense") as told:
        keras_model(path, 3, windows("dense", 2))
    assert "\n" not in str(told.value)


def test_shapes_alone_do_not_make_it_the_same_model(tmp_path: Path) -> None:
    """Sigmoids for ReLUs: the same weights, other answers."""
    layers = keras.layers
    body = [layers.Dense(48, "sigmoid"), layers.Dense(16, "sigmoid"), layers.Dense(3, "softmax")]
    other = keras.Sequential([layers.Input((50, 6)), layers.Flatten(), *body])
    path = tmp_path / "other.tflite"
    path.write_bytes(convert.to_float(other))
    with pytest.raises(InputError, match="none of them"):
        keras_model(path, 3, windows("dense", 20))


def test_rounding_is_the_converters() -> None:
    """What int8 has of the LSTM's matrices is what `rounded` makes of the float ones."""
    _, model = keras_model(MODELS / "lstm" / "pruned.tflite", 3, windows("lstm", 2))
    kernel, recurrent = (w.numpy() for w in model.get_layer("lstm").trainable_weights[:2])
    steps = {}
    for tensor in read_tflite(MODELS / "lstm" / "int8.tflite").tensors:
        if tensor.data is not None and tensor.dtype == "int8" and len(tensor.shape) == 2:
            steps[tensor.shape] = [
                *steps.get(tensor.shape, []),
                (tensor.data * np.asarray(tensor.quantization.scale).reshape(-1, 1)).T,
            ]
    for matrix in (kernel, recurrent):
        depth = len(matrix)
        gates = np.split(rounded(matrix, GATES), GATES, axis=1)
        stored = steps[matrix.shape[1] // GATES, depth]
        assert len(stored) == GATES
        for gate in gates:
            # A step of 1/127 of the largest weight; the file's scale is a float32.
            assert min(np.abs(gate - s).max() for s in stored) < 1e-6


def test_each_part_has_a_step_of_its_own() -> None:
    kernel = np.asarray([[1.0, 0.004, 0.0], [0.003, -0.127, 0.0]], np.float32)
    made = rounded(kernel, 3)
    assert made[:, 0] == pytest.approx([1.0, 0.0])  # a step of 1/127
    assert made[:, 1] == pytest.approx([0.004, -0.127])
    assert not made[:, 2].any()
    assert rounded(kernel, 1)[0, 1] == pytest.approx(1 / 127)


def test_the_exact_weights_learn_what_the_rounded_ones_are_told() -> None:
    """One batch by hand: the gradient is taken at the rounded weights, zeros stay, rest adds up."""
    seed_everything(1)
    model = keras.Sequential([keras.layers.Input((2,)), keras.layers.Dense(1, use_bias=False)])
    exact = np.asarray([[1.0], [0.0]], np.float32)
    exact[0] = 0.3017
    model.set_weights([exact])
    model.compile(keras.optimizers.SGD(0.1), "mse")
    seen: list[np.ndarray] = []

    class Spy(keras.callbacks.Callback):  # type: ignore[misc]
        def on_train_batch_begin(self, batch: int, logs: object = None) -> None:
            seen.append(self.model.get_weights()[0])

        def on_test_batch_begin(self, batch: int, logs: object = None) -> None:
            seen.append(self.model.get_weights()[0])

    x, y = np.asarray([[2.0, 1.0]], np.float32), np.asarray([[0.0]], np.float32)
    model.fit(
        x, y, epochs=1, verbose=0, validation_data=(x, y), callbacks=[RoundedWeights(), Spy()]
    )
    (after,) = model.get_weights()
    assert seen[0] == pytest.approx(rounded(exact, 1))
    # d/dw (2w)² = 8w at the rounded weight.
    expected = exact[0] - 0.1 * 8 * seen[0][0]
    assert after[0] == pytest.approx(expected, rel=1e-5)
    assert after[1] == 0, "a pruned weight has grown"
    assert seen[1] == pytest.approx(rounded(after, 1)), "validated with exact weights"
