"""An LSTM whose units compute with other constants than the model's: told unit by unit.

Given the outputs that the device made itself as the state of the step before, a unit depends on no
other one. Units that then follow the definition to the byte are right. Of each of the others it is
asked whether other constants in one of its gates give its outputs: they are fitted, by damped
least squares (K. Levenberg, "A Method for the Solution of Certain Non-Linear Problems in Least
Squares", Quarterly of Applied Mathematics 2 (1944) 164), to many times as many outputs, in real
numbers; so they must come near the codes, not equal them. Inputs that are left out are weights of
0, and told as other weights.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pipeline.hypotheses.layer import Guess, Layer
from pipeline.ops.lstm import GATE_SCALE, GATES, Lstm, lstm_of, saturate16
from pipeline.quant import requantize, sigmoid, tanh

LSTM: Final = "UNIDIRECTIONAL_SEQUENCE_LSTM"
F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

#: Outputs of a unit for each constant that is fitted: fewer would fit anything.
EQUATIONS: Final = 4
ITERATIONS: Final = 20
#: Of the units that are wrong. A fit may end in a dip that is not the deepest; of units that do
#: something else than such a unit does, none is fitted.
MOST: Final = 3 / 4
#: Of a fit, in codes: one rounding has a deviation of 0.29, integer gates and cells about as much.
NEAR_RMS, NEAR_MOST = 0.6, 3.0
#: Of Q3.12, in which a gate's sum is held.
GATE_LIMIT: Final = 8.0


def guesses(layer: Layer) -> Iterator[Guess]:
    """Yield the rule, which needs all windows."""
    if layer.op.name == LSTM:
        text = "other weights or biases in some units, each in one of its gates"
        yield Guess("other constants", text, _explains, whole=True)


def _explains(layer: Layer) -> bool:
    given = _given(layer)
    wrong = np.flatnonzero((_forced(given) != given.made).any(axis=(0, 1)))
    left = wrong
    for kind in (given.inputs, given.states):
        for gate in GATES:
            if left.size and kind[..., 0].size >= EQUATIONS * kind.shape[-1]:
                left = left[~_fitted(given, gate, kind, left)]
    # None wrong: each unit follows, and it is the state that is passed on wrongly.
    return bool(wrong.size) and len(wrong) - len(left) >= MOST * len(wrong)


@dataclass(frozen=True, eq=False)
class _Given:
    """made: the device's codes [N, T, units]. sums: gate → Q3.12 of the model's constants on the
    device's own outputs. inputs, states: what constants are multiplied by, [N, T, k], 1 the last.
    """

    lstm: Lstm
    made: I64
    scale: float
    cell_scale: float
    sums: dict[str, I64]
    inputs: F64
    states: F64


def _given(layer: Layer) -> _Given:
    lstm = lstm_of(layer.graph, layer.op)
    source, target = layer.graph.need(layer.op, 0), layer.graph.output_of(layer.op)
    x = layer.inputs[source.index].reshape(-1, lstm.steps, lstm.depth)
    made = layer.actual.reshape(-1, lstm.steps, lstm.units)
    start = np.full((len(made), 1, lstm.units), lstm.hidden_zero_point, np.int8)
    before = np.concatenate([start, made[:, :-1].astype(np.int8)], axis=1)
    sums = {}
    for g in GATES:
        parts = [
            m.apply(v.reshape(-1, v.shape[-1]))
            for m, v in ((lstm.input[g], x), (lstm.recurrent[g], before))
        ]
        sums[g] = saturate16(parts[0] + parts[1]).reshape(made.shape)
    inputs, states = (
        _with_one((v.astype(np.float64) - t.zero_point) * float(t.scale))
        for v, t in ((x, source), (before, target))
    )
    cell_scale = 2.0 ** (lstm.cell_shift - 12)
    return _Given(
        lstm, made.astype(np.int64), float(target.scale), cell_scale, sums, inputs, states
    )


def _with_one(values: F64) -> F64:
    return np.concatenate([values, np.ones((*values.shape[:-1], 1))], axis=-1)


def _forced(given: _Given) -> I64:
    """Return the definition's codes, each step's state being what the device made before it."""
    lstm, sums = given.lstm, given.sums
    cell, out = np.zeros(given.made[:, 0].shape, np.int64), np.empty_like(given.made)
    for t in range(lstm.steps):
        kept = saturate16(requantize(sigmoid(sums["forget"][:, t]) * cell, *lstm.forget))
        fresh = sigmoid(sums["input"][:, t]) * tanh(sums["cell"][:, t], 0)
        cell = saturate16(kept + saturate16(requantize(fresh, *lstm.update)))
        if lstm.cell_clip > 0:
            cell = np.clip(cell, -lstm.cell_clip, lstm.cell_clip)
        product = tanh(cell, lstm.cell_shift) * sigmoid(sums["output"][:, t])
        codes = requantize(product, *lstm.hidden) + lstm.hidden_zero_point
        out[:, t] = np.clip(codes, -128, 127)
    return out


def _fitted(given: _Given, gate: str, values: F64, units: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Return of which units constants of a gate, times `values`, give the device's outputs."""
    wanted = given.made[..., units].astype(np.float64)
    constants = np.zeros((len(units), values.shape[-1]))
    damping = np.full(len(units), 1e-2)
    made = _real(given, gate, values, units, constants)
    for _ in range(ITERATIONS):
        step = _step(given, gate, values, units, constants, made - wanted, made, damping)
        tried = _real(given, gate, values, units, constants + step)
        better = _square(tried - wanted) < _square(made - wanted)
        constants[better] += step[better]
        made = np.where(better, tried, made)
        damping = np.clip(np.where(better, damping / 5, damping * 4), 1e-9, 1e9)
    off = made - wanted
    near = np.sqrt(_square(off) / off[..., 0].size) <= NEAR_RMS
    return np.asarray(near & (np.abs(off).max(axis=(0, 1)) <= NEAR_MOST), np.bool_)


def _square(off: F64) -> F64:
    total: F64 = (off**2).sum(axis=(0, 1))
    return total


def _step(  # noqa: PLR0913, PLR0917 - one step of the fit takes all of it
    given: _Given, gate: str, values: F64, units: NDArray[Any], constants: F64, off: F64, made: F64,
    damping: F64,
) -> F64:  # fmt: skip
    """Return the change of each unit's constants [units, k] that damped least squares takes."""
    small, count = 1e-5, values.shape[-1]
    slopes = np.empty((count, *made.shape))
    for k in range(count):
        moved = constants.copy()
        moved[:, k] += small
        slopes[k] = (_real(given, gate, values, units, moved) - made) / small
    flat = slopes.reshape(count, -1, len(units)).transpose(2, 1, 0)
    normal = flat.transpose(0, 2, 1) @ flat
    size = np.einsum("ukk->uk", normal) + 1e-9
    normal = normal + damping[:, None, None] * (np.eye(count) * size[:, None, :])
    right = flat.transpose(0, 2, 1) @ off.reshape(-1, len(units)).T[..., None]
    step: F64 = -np.linalg.solve(normal, right)[..., 0]
    return step


def _real(given: _Given, gate: str, values: F64, units: NDArray[Any], constants: F64) -> F64:
    """Return the codes of some units in real numbers, `constants` added to one of their gates."""
    sums = {g: given.sums[g][..., units] * GATE_SCALE for g in GATES}
    sums[gate] = np.clip(sums[gate] + values @ constants.T, -GATE_LIMIT, GATE_LIMIT)
    forget, update, output = (1 / (1 + np.exp(-sums[g])) for g in ("forget", "input", "output"))
    update = update * np.tanh(sums["cell"])
    most = 32767 * given.cell_scale
    if given.lstm.cell_clip > 0:
        most = min(most, given.lstm.cell_clip * given.cell_scale)
    cell, made = np.zeros(update[:, 0].shape), np.empty(update.shape)
    for t in range(update.shape[1]):
        cell = np.clip(forget[:, t] * cell + update[:, t], -most, most)
        made[:, t] = np.tanh(cell) * output[:, t]
    codes: F64 = np.clip(made / given.scale + given.lstm.hidden_zero_point, -128, 127)
    return codes
