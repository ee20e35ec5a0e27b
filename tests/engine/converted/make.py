"""Makes the .tflite files beside it: small models of the kinds that people deploy, as converted.

    python -m tests.engine.converted.make

Keras 2, converted for an open batch from the Keras model itself, as most people do: with what
converters leave behind then (EXPAND_DIMS, SHAPE arithmetic, split batch normalisation). Weights are
random, ranges come from random windows; tests/engine/test_converted.py runs them. Needs tensorflow.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pipeline.train.runtime import keras, quiet, seed_everything, tf

HERE: Final = Path(__file__).parent
L: Final = keras.layers


def _normalised(x: Any, most: float | None = None) -> Any:
    return L.ReLU(most)(L.BatchNormalization()(x))


def conv1d() -> Any:
    """Return a network over time with causal padding; Conv1D brings EXPAND_DIMS."""
    source = L.Input((64, 6))
    x = L.Conv1D(8, 5, activation="relu", padding="causal")(source)
    x = L.BatchNormalization()(L.MaxPooling1D(2)(x))
    x = L.SeparableConv1D(12, 3, activation="relu", padding="same")(x)
    x = L.GlobalMaxPooling1D()(x)
    return keras.Model(source, L.Dense(4, activation="softmax")(x))


def ds_cnn() -> Any:
    """Return a keyword spotter of separable convolutions."""
    source = L.Input((49, 10, 1))
    x = _normalised(L.Conv2D(8, (10, 4), strides=2, padding="same")(source))
    x = _normalised(L.DepthwiseConv2D(3, padding="same")(x))
    x = _normalised(L.Conv2D(8, 1)(x))
    x = L.Flatten()(L.AveragePooling2D((25, 5))(L.Dropout(0.4)(x)))
    return keras.Model(source, L.Dense(12, activation="softmax")(x))


def mobilenet_v2() -> Any:
    """Return inverted residuals with a padded stride of 2 and ReLU6."""
    source = L.Input((24, 24, 3))
    x = L.ZeroPadding2D(((0, 1), (0, 1)))(source)
    x = _normalised(L.Conv2D(8, 3, strides=2, use_bias=False)(x), 6.0)
    y = _normalised(L.Conv2D(16, 1, use_bias=False)(x), 6.0)
    y = _normalised(L.DepthwiseConv2D(3, padding="same", use_bias=False)(y), 6.0)
    x = L.Add()([x, L.BatchNormalization()(L.Conv2D(8, 1, use_bias=False)(y))])
    x = L.GlobalAveragePooling2D(keepdims=True)(x)
    return keras.Model(source, L.Softmax()(L.Reshape((5,))(L.Conv2D(5, 1)(x))))


def squeeze_excite() -> Any:
    """Return hard swish and a gate that is broadcast over the positions, as in MobileNetV3."""
    source = L.Input((12, 12, 4))
    x = L.Conv2D(8, 3, padding="same")(source)
    x = L.Multiply()([x, L.ReLU(6.0)(x + 3.0) * (1 / 6)])
    gate = L.Conv2D(4, 1, activation="relu")(L.GlobalAveragePooling2D(keepdims=True)(x))
    x = L.Multiply()([x, L.Conv2D(8, 1, activation="hard_sigmoid")(gate)])
    return keras.Model(source, L.Dense(3)(L.GlobalAveragePooling2D()(x)))


def branches() -> Any:
    """Return five branches that are joined, as in an Inception block, and LEAKY_RELU."""
    source = L.Input((10, 10, 4))
    parts = [L.Conv2D(4, k, padding="same", activation="relu")(source) for k in (1, 3, 5)]
    parts += [L.MaxPooling2D(3, 1, padding="same")(source)]
    parts += [L.LeakyReLU(0.1)(L.AveragePooling2D(3, 1, padding="same")(source))]
    x = L.GlobalAveragePooling2D()(L.Concatenate()(parts))
    return keras.Model(source, L.Dense(3)(x))


def recurrent() -> Any:
    """Return a simple recurrence, unrolled: UNPACK and a few layers for each step."""
    source = L.Input((6, 4), batch_size=1)
    x = L.SimpleRNN(5, unroll=True)(source)
    return keras.Model(source, L.Dense(3, activation="softmax")(x))


def slices() -> Any:
    """Return what TensorFlow's own functions become: SPLIT, MAXIMUM, SUB, PACK, RESHAPE."""
    source = L.Input((8, 12))
    a, b, c = tf.split(source, 3, axis=-1)
    x = tf.stack(tf.unstack(tf.maximum(a, b) - c, axis=1)[::2], axis=1)
    return keras.Model(source, L.Dense(2)(tf.reshape(x, (-1, 16))))


MODELS: Final[dict[str, Callable[[], Any]]] = {
    f.__name__: f
    for f in (conv1d, ds_cnn, mobilenet_v2, squeeze_excite, branches, recurrent, slices)
}
#: Models whose ends are also made uint8 and float32.
OTHER_ENDS: Final = {"ds_cnn": tf.uint8, "conv1d": tf.float32}


def _spread(model: Any, rng: np.random.Generator) -> None:
    """Give batch normalisation something to do: its constants are ones and zeros when new."""
    model.set_weights([
        w + 0.1 * rng.normal(size=w.shape).astype(np.float32) if w.ndim == 1 and (w >= 0).all()
        else w
        for w in model.get_weights()
    ])  # fmt: skip


def _convert(model: Any, ends: Any) -> bytes:
    windows = np.random.default_rng(0).normal(size=(40, *model.input_shape[1:]))

    def some() -> Iterator[list[NDArray[np.float32]]]:
        for window in windows.astype(np.float32):
            yield [window[np.newaxis]]

    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = some
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = ends
    with quiet():
        return bytes(converter.convert())


def main() -> None:
    """Write the files."""
    for name, make in MODELS.items():
        seed_everything(1)
        model = make()
        _spread(model, np.random.default_rng(1))
        (HERE / f"{name}.tflite").write_bytes(_convert(model, tf.int8))
        if name in OTHER_ENDS:
            ends = OTHER_ENDS[name]
            (HERE / f"{name}_{ends.name}.tflite").write_bytes(_convert(model, ends))


if __name__ == "__main__":
    main()
