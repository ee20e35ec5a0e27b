"""Rewrites a .tflite in place: weights, scales and zero points, all of them to fit one another.

Nothing moves in the file, so no writer of the format is needed: a constant or a scale is a piece of
the file's bytes, and new numbers of the same kind take their place.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pipeline.ir import Graph, Op, Tensor
from pipeline.tflite import parse_tflite

Floats = NDArray[np.float64]
Ranges = dict[int, tuple[float, float]]

WEIGHTED: Final = ("CONV_2D", "FULLY_CONNECTED")
#: Operators whose output has the scale of their input.
KEEPS_SCALE: Final = ("RESHAPE", "MAX_POOL_2D", "STRIDED_SLICE")
#: Operators whose output gets a range of its own.
RANGED: Final = (*WEIGHTED, "MEAN")
WEIGHTS, BIAS = 1, 2


class Rewriting:
    """A .tflite whose numbers can be replaced. `graph` is what it was read as."""

    def __init__(self, content: bytes, name: str) -> None:
        self._content = content
        self._base = np.frombuffer(content, np.uint8).ctypes.data
        self._out = bytearray(content)
        self.graph: Graph = parse_tflite(content, name)

    def put(self, old: NDArray[Any], new: NDArray[Any]) -> None:
        """Replace `old`, an array of the graph that lies in the file, by `new`."""
        start = old.ctypes.data - self._base
        assert 0 <= start <= len(self._content) - old.nbytes, "not an array of this file"
        data = np.ascontiguousarray(np.broadcast_to(new, old.shape)).astype(old.dtype).tobytes()
        self._out[start : start + len(data)] = data

    def result(self) -> bytes:
        """Return the file as it is now."""
        return bytes(self._out)


def weighted(graph: Graph) -> list[Op]:
    """Return the operators with a matrix of weights; in a float and an int8 model the same."""
    return [op for op in graph.ops if op.name in WEIGHTED]


def constant(tensor: Tensor | None) -> Floats:
    """Return a constant's values as stored."""
    assert tensor is not None
    assert tensor.data is not None
    return tensor.data.astype(np.float64)


def quantize_again(
    int8: bytes, floats: bytes, ranges: Ranges, bits: dict[str, int] | None = None
) -> bytes:
    """Return the int8 model of a float model's weights, activations in `ranges`.

    ranges: int8 tensor → (lowest, highest) real value, for the input and outputs whose range is
    another than it was. bits: layer → bits of its weights, where fewer than eight. An
    LSTM stays as it is.
    """
    made = Rewriting(int8, "int8")
    source = parse_tflite(floats, "float")
    scales: dict[int, tuple[float, int]] = {
        t.index: (float(t.scale), t.zero_point)
        for t in made.graph.tensors
        if t.quantization is not None and t.data is None and t.quantization.scale.size == 1
    }
    pairs = {a.index: b for a, b in zip(weighted(made.graph), weighted(source), strict=True)}
    for index in made.graph.inputs:
        if index in ranges:
            scales[index] = quantization_of(*ranges[index])
            _put_scale(made, made.graph.tensors[index], *scales[index])
    for op in made.graph.ops:
        target = made.graph.output_of(op)
        if op.name in KEEPS_SCALE:
            scales[target.index] = scales[op.inputs[0]]
        elif op.name in RANGED and target.index in ranges:
            scales[target.index] = quantization_of(*ranges[target.index])
        if op.name in RANGED + KEEPS_SCALE:
            _put_scale(made, target, *scales[target.index])
        if op.index in pairs:
            depth = (bits or {}).get(made.graph.layer_name(op), 8)
            _put_weights(made, op, source, pairs[op.index], scales[op.inputs[0]][0], depth)
    return made.result()


def quantization_of(low: float, high: float) -> tuple[float, int]:
    """Return (scale, zero point) of int8 codes for a range, widened to hold 0."""
    low, high = min(low, 0.0), max(high, 0.0, low + 1e-6)
    scale = (high - low) / 255
    return scale, int(np.clip(np.rint(-128 - low / scale), -128, 127))


def range_of(tensor: Tensor) -> tuple[float, float]:
    """Return the real values that a tensor's codes reach."""
    scale, zero_point = float(tensor.scale), tensor.zero_point
    return (-128 - zero_point) * scale, (127 - zero_point) * scale


def _put_scale(made: Rewriting, tensor: Tensor, scale: float, zero_point: int) -> None:
    assert tensor.quantization is not None
    made.put(tensor.quantization.scale, np.array([scale]))
    made.put(tensor.quantization.zero_point, np.array([zero_point]))


def _put_weights(  # noqa: PLR0913, PLR0917 - a layer of one file from a layer of another
    made: Rewriting, op: Op, source: Graph, float_op: Op, input_scale: float, bits: int
) -> None:
    weights, bias = made.graph.need(op, WEIGHTS), made.graph.need(op, BIAS)
    assert weights.quantization is not None
    assert bias.quantization is not None
    real = constant(source.need(float_op, WEIGHTS)).reshape(weights.shape[0], -1)
    top = 2 ** (bits - 1) - 1
    offset = constant(source.input_of(float_op, BIAS)) if len(float_op.inputs) > BIAS else 0.0
    # As the converter does: a bias must fit its 32 bits, however small the weights.
    least = np.abs(offset) / (input_scale * 2.0**29)
    scale = np.maximum(np.abs(real).max(axis=1) / top, np.maximum(least, 1e-6))
    if weights.quantization.scale.size == 1:
        scale = np.full_like(scale, scale.max())
    codes = np.clip(np.rint(real / scale[:, None]), -top, top)
    steps = scale * input_scale
    made.put(weights.data if weights.data is not None else codes, codes.reshape(weights.shape))
    made.put(weights.quantization.scale, scale[: weights.quantization.scale.size])
    made.put(bias.data if bias.data is not None else steps, np.rint(offset / steps))
    made.put(bias.quantization.scale, steps[: bias.quantization.scale.size])
