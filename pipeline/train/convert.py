"""Keras to .tflite: float, int8 after training, int8 of a quantization-aware model.

Each model is traced once for a batch of exactly one window: with an open batch the LSTM does not
convert and the others gain shape arithmetic. Tracing it here also spares the export of the whole
Keras object, which takes most of a conversion's time and gives the same tensors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.train.runtime import quiet, tf

Windows = Iterator[list[NDArray[np.float32]]]


def to_float(model: Any) -> bytes:
    """Return `model` as a float .tflite."""
    return _convert(_converter(model))


def to_int8(model: Any, representative: NDArray[np.float32]) -> bytes:
    """Return `model` quantized after training; ranges come from `representative` [N, 50, 6]."""

    def windows() -> Windows:
        for window in representative:
            yield [window[np.newaxis]]

    return _convert(_int8(_converter(model), windows))


def aware_to_int8(model: Any) -> bytes:
    """Return a quantization-aware model as int8; its ranges were learnt."""
    return _convert(_int8(_converter(model), None))


def _converter(model: Any) -> Any:
    shape = tf.TensorSpec((1, *model.input_shape[1:]), tf.float32, name="window")
    infer = tf.function(lambda window: model(window, training=False), input_signature=[shape])
    owner = tf.Module()
    owner.weights = model.variables  # what keeps the traced function's variables alive
    return tf.lite.TFLiteConverter.from_concrete_functions([infer.get_concrete_function()], owner)


def _int8(converter: Any, representative: Callable[[], Windows] | None) -> Any:
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    if representative is not None:
        converter.representative_dataset = representative
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    return converter


def _convert(converter: Any) -> bytes:
    with quiet():
        return bytes(converter.convert())
