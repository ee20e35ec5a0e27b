"""Keras to .tflite: float, int8 after training, int8 of a quantization-aware model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.train.architectures import build
from pipeline.train.fit import simulate_quantization
from pipeline.train.runtime import quiet, tf


def to_float(arch: str, classes: int, model: Any) -> bytes:
    """Return `model` as a float .tflite."""
    return _convert(_single(arch, classes, model))


def to_int8(arch: str, classes: int, model: Any, representative: NDArray[np.float32]) -> bytes:
    """Return `model` quantized after training; ranges come from `representative` [N, 50, 6]."""

    def windows() -> Iterator[list[NDArray[np.float32]]]:
        for window in representative:
            yield [window[np.newaxis]]

    return _convert(_single(arch, classes, model), int8=True, representative=windows)


def aware_to_int8(arch: str, classes: int, model: Any) -> bytes:
    """Return a quantization-aware model as int8; its ranges were learnt."""
    single = simulate_quantization(build(arch, classes, batch=1))
    single.set_weights(model.get_weights())
    return _convert(single, int8=True)


def _single(arch: str, classes: int, model: Any) -> Any:
    """Return the model for a batch of one: with any other batch the LSTM does not convert."""
    single = build(arch, classes, batch=1)
    single.set_weights(model.get_weights())
    return single


def _convert(model: Any, *, int8: bool = False, representative: Any = None) -> bytes:
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    if int8:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.inference_input_type = converter.inference_output_type = tf.int8
    if representative is not None:
        converter.representative_dataset = representative
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    with quiet():
        return bytes(converter.convert())
