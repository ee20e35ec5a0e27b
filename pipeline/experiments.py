"""Where quantization loses accuracy, by experiment: one layer at a time in the float model.

A tensor's quantization belongs to the layer that writes it. "Quantized" here is what the int8 file
does: its own int8 weights dequantized in the place of the float ones, and outputs rounded to and
clamped at its own scales. Accumulators stay exact, so that the sum of all is near the int8 model
and not equal to it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pipeline.float_interp import F32, MOVING, Changes, UnknownOperatorError, run
from pipeline.ir import Graph, Op, Tensor
from pipeline.ops.lstm import GATES, INPUT_WEIGHTS, RECURRENT_WEIGHTS

#: Operators whose output has its input's scale, or a fixed one: they have no quantization to blame.
INHERITING: Final = (*MOVING, "MAX_POOL_2D", "SOFTMAX")
#: Values beyond these quantiles of the calibration windows are cut off by the remedy "clip".
CLIP: Final = (0.0005, 0.9995)


@dataclass(frozen=True)
class Outcome:
    """Windows right, and the rms difference of the logits over the float logits' deviation."""

    right: int
    logit_error: float


@dataclass(frozen=True)
class Layer:
    """One layer's experiments; see hil/record/experiments.py for the fields."""

    only_weights: Outcome | None
    only_output: Outcome
    only: Outcome
    all_but: Outcome
    all_but_weights: Outcome | None
    all_but_output: Outcome
    saturation: float
    calibration: float
    outlier: float
    rounding: float
    used_range: float
    outlier_ratio: float
    remedies: dict[str, Outcome]
    gates: dict[str, tuple[Outcome, Outcome]]
    largest_weight: int | None


@dataclass(frozen=True)
class Experiments:
    """Nothing and everything quantized; layers: int8 tensor → the layer that writes it."""

    nothing: Outcome
    everything: Outcome
    layers: dict[int, Layer]


@dataclass(frozen=True)
class _Pair:
    """A layer in both models; `weights`: float tensor index → the int8 file's values.

    gates: of an LSTM, name → the float tensors of its weights. largest_weight: of their codes.
    """

    target: Tensor
    index: int
    weights: dict[int, F32] = field(default_factory=dict)
    gates: dict[str, list[int]] = field(default_factory=dict)
    largest_weight: int | None = None

    def output(self, x: F32) -> F32:
        """Return an output as the int8 file has it."""
        return fake_quantize(x, float(self.target.scale), self.target.zero_point, self.target.dtype)


def fake_quantize(x: F32, scale: float, zero_point: int, dtype: str = "int8") -> F32:
    """Return values rounded to and clamped at a type's codes, as real values again."""
    info = np.iinfo(dtype)
    codes = np.clip(np.rint(x / scale) + zero_point, info.min, info.max)
    real: F32 = ((codes - zero_point) * scale).astype(np.float32)
    return real


def experiments(  # noqa: PLR0913, PLR0917 - two models, what pairs them, and the windows
    int8: Graph,
    floats: Graph,
    pairs: Sequence[tuple[int, int]],
    inputs: F32,
    calibration: F32 | None,
    labels: NDArray[Any],
) -> Experiments | None:
    """Return all experiments on `inputs` [N, …]; None for a float model with unknown operators.

    pairs: (int8 tensor, float tensor) of each layer's output. calibration: further windows for the
    remedies that calibrate anew. labels: class of each window, -1 where unknown.
    """
    own = [p for p in pairs if _writer(int8, p[0]).name not in INHERITING]
    lab = _Laboratory(int8, floats, [_pair(int8, floats, *p) for p in own], inputs, labels)
    try:
        return lab.all(calibration)
    except UnknownOperatorError:
        return None


def _pair(int8: Graph, floats: Graph, ours: int, theirs: int) -> _Pair:
    op, other = _writer(int8, ours), _writer(floats, theirs)
    weights, largest = {}, None
    for place, index in enumerate(other.inputs):
        tensor = int8.input_of(op, place) if index >= 0 else None
        if tensor is None or tensor.data is None or tensor.dtype != "int8":
            continue
        if tensor.shape == floats.tensors[index].shape:
            weights[index] = dequantized(tensor)
            largest = max(largest or 0, int(np.abs(tensor.data.astype(np.int64)).max()))
    return _Pair(int8.tensors[ours], theirs, weights, _gates(other), largest)


def _gates(op: Op) -> dict[str, list[int]]:
    if op.name != "UNIDIRECTIONAL_SEQUENCE_LSTM":
        return {}
    places = {g: (INPUT_WEIGHTS[g], RECURRENT_WEIGHTS[g]) for g in GATES}
    return {g: [op.inputs[p] for p in both] for g, both in places.items()}


def _writer(graph: Graph, tensor: int) -> Op:
    return next(op for op in graph.ops if tensor in op.outputs)


def dequantized(tensor: Tensor) -> F32:
    """Return a quantized constant's real numbers, in its shape."""
    quantization = tensor.quantization
    assert tensor.data is not None
    assert quantization is not None
    shape = [1] * len(tensor.shape)
    if len(quantization.scale) > 1:
        shape[quantization.axis] = -1
    scale, zero = (q.reshape(shape) for q in (quantization.scale, quantization.zero_point))
    real: F32 = ((tensor.data.astype(np.float32) - zero) * scale).astype(np.float32)
    return real


class _Laboratory:
    """Runs the float model with chosen tensors quantized."""

    def __init__(
        self, int8: Graph, floats: Graph, pairs: list[_Pair], inputs: F32, labels: NDArray[Any]
    ) -> None:
        self.floats, self.pairs, self.inputs, self.labels = floats, pairs, inputs, labels
        source = int8.tensors[int8.inputs[0]]
        self.coarse = fake_quantize(inputs, float(source.scale), source.zero_point)
        last = floats.ops[-1]
        self.logits = last.inputs[0] if last.name == "SOFTMAX" else last.outputs[0]
        self.plain: dict[int, F32] = {}

    def all(self, calibration: F32 | None) -> Experiments:
        self.plain = run(self.floats, self.inputs)
        every = list(range(len(self.pairs)))
        layers = [self._layer(i) for i in every]
        worst = max(every, key=lambda i: layers[i].only.logit_error, default=None)
        if worst is not None:
            layers[worst].remedies.update(self._remedies(worst, calibration))
        named = {p.target.index: layer for p, layer in zip(self.pairs, layers, strict=True)}
        return Experiments(self._try([], []), self._try(every, every, self.coarse), named)

    def _layer(self, i: int) -> Layer:
        pair = self.pairs[i]
        every = range(len(self.pairs))
        others = [j for j in every if j != i]
        return Layer(
            only_weights=self._try([i], []) if pair.weights else None,
            only_output=self._try([], [i]),
            only=self._try([i], [i]),
            all_but=self._try(others, others, self.coarse),
            all_but_weights=self._try(others, every, self.coarse) if pair.weights else None,
            all_but_output=self._try(every, others, self.coarse),
            **self._shape_of_error(pair),
            remedies={},
            gates={g: self._gate(i, g) for g in pair.gates},
            largest_weight=pair.largest_weight,
        )

    def _gate(self, i: int, gate: str) -> tuple[Outcome, Outcome]:
        """Return what only one gate's weights quantized do, and everything but them."""
        pair, every = self.pairs[i], range(len(self.pairs))
        inside = set(pair.gates[gate])
        own = {k: v for k, v in pair.weights.items() if k in inside}
        rest = {k: v for k, v in pair.weights.items() if k not in inside}
        others = [j for j in every if j != i]
        return (
            self._try([], [], constants=own),
            self._try(others, every, self.coarse, constants=rest),
        )

    def _try(
        self,
        weights: Sequence[int],
        outputs: Sequence[int],
        inputs: F32 | None = None,
        other: dict[int, Callable[[F32], F32]] | None = None,
        constants: dict[int, F32] | None = None,
    ) -> Outcome:
        """Return what the model does with these layers' weights and outputs quantized.

        other, constants: what is done to further outputs, and in the place of constants.
        """
        changes = Changes(
            {
                **{k: v for i in weights for k, v in self.pairs[i].weights.items()},
                **(constants or {}),
            },
            {**{self.pairs[i].index: self.pairs[i].output for i in outputs}, **(other or {})},
        )
        values = run(self.floats, self.inputs if inputs is None else inputs, changes)
        return self._outcome(values)

    def _outcome(self, values: dict[int, F32]) -> Outcome:
        right, ours = self.plain[self.logits], values[self.logits]
        error = float(np.sqrt(((ours - right) ** 2).mean()) / max(float(right.std()), 1e-12))
        known = self.labels >= 0
        predicted = ours.reshape(len(ours), -1).argmax(axis=1)
        return Outcome(int((predicted == self.labels)[known].sum()), float(f"{error:.6g}"))

    def _shape_of_error(self, pair: _Pair) -> dict[str, float]:
        """Return how the output's own error comes about.

        Its squared error, each channel's over that channel's variance (a channel that is small is
        not unimportant), is split by what would take a part of it away: values beyond the range
        (saturation), a range fitted to the values (calibration), the widest channel left out of it
        (outlier); what remains is rounding.
        """
        x, target = self.plain[pair.index], pair.target
        info, scale = np.iinfo(target.dtype), float(target.scale)
        low, high = ((r - target.zero_point) * scale for r in (info.min, info.max))
        weight = _channel_weights(x)
        error = (pair.output(x) - x).astype(np.float64) ** 2 * weight
        # Half a step beyond the last code is still rounding.
        beyond = (x < low - scale / 2) | (x > high + scale / 2)
        widths = np.ptp(x.reshape(-1, x.shape[-1]), axis=0)
        median, whole = float(np.median(widths)), max(float(error.sum()), 1e-30)
        inside = float(error[~beyond].sum())
        fitted = min(inside, _fitted_error(x, weight, target.dtype))
        widest = [int(widths.argmax())] if len(widths) > 1 else []
        others, theirs = np.delete(x, widest, axis=-1), np.delete(weight, widest, axis=-1)
        even = min(fitted, _fitted_error(others, theirs, target.dtype) * x.size / others.size)
        return {
            "saturation": _rounded(float(error[beyond].sum()) / whole),
            "calibration": _rounded((inside - fitted) / whole),
            "outlier": _rounded((fitted - even) / whole),
            "rounding": _rounded(even / whole),
            "used_range": _rounded(float(np.ptp(np.clip(x, low, high)) / (high - low))),
            "outlier_ratio": _rounded(float(widths.max()) / median) if median > 0 else 1.0,
        }

    def _remedies(self, i: int, calibration: F32 | None) -> dict[str, Outcome]:
        """Try what could be done about one layer, everything else staying quantized."""
        every, pair = list(range(len(self.pairs))), self.pairs[i]
        widest = float(np.abs(self.plain[pair.index]).max()) or 1.0
        tries: dict[str, Callable[[F32], F32]] = {
            "int16": lambda x: fake_quantize(x, widest / 32767, 0, "int16")
        }
        if calibration is not None and pair.target.dtype == "int8":
            seen = run(self.floats, calibration)[pair.index]
            tries["recalibrate"] = _ranged(float(seen.min()), float(seen.max()))
            low, high = np.quantile(seen, CLIP)
            tries["clip"] = _ranged(float(low), float(high))
        made = {n: self._try(every, every, self.coarse, {pair.index: f}) for n, f in tries.items()}
        if pair.weights:
            per_channel = {k: self._per_channel(k) for k in pair.weights}
            made["per-channel"] = self._try(every, every, self.coarse, constants=per_channel)
        return made

    def _per_channel(self, weights: int) -> F32:
        """Return float weights in int8 steps of their own for every row (output channel)."""
        values = self.floats.tensors[weights].data
        assert values is not None
        rows = values.reshape(len(values), -1)
        scale = np.maximum(np.abs(rows).max(axis=1, keepdims=True) / 127, 1e-12)
        made: F32 = (np.rint(rows / scale) * scale).reshape(values.shape).astype(np.float32)
        return made


def _channel_weights(x: F32) -> NDArray[np.float64]:
    """Return one over each channel's (last axis's) variance; 0 for one that never changes."""
    variance = x.reshape(-1, x.shape[-1]).var(axis=0, dtype=np.float64)
    return np.where(variance > 0, 1 / np.where(variance > 0, variance, 1), 0.0)


def _fitted_error(x: F32, weight: NDArray[np.float64], dtype: str) -> float:
    """Return the weighted squared error of values in steps of a range fitted to them."""
    fitted = _ranged(float(x.min()), float(x.max()), dtype)
    return float(((fitted(x) - x).astype(np.float64) ** 2 * weight).sum())


def _ranged(low: float, high: float, dtype: str = "int8") -> Callable[[F32], F32]:
    """Return a quantization whose range is that (with 0 in it, as TFLite's has)."""
    info = np.iinfo(dtype)
    low, high = min(low, 0.0), max(high, 0.0)
    scale = max((high - low) / (info.max - info.min), 1e-12)
    return lambda x: fake_quantize(x, scale, round(info.min - low / scale), dtype)


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")
