"""What constants did a device compute a layer with? Told from its answers to random inputs.

A CONV_2D or FULLY_CONNECTED is affine in its inputs, but for rounding and clamping. Enough random
inputs give its weights by least squares, row by row, so exactly that a wrong one is seen: it shows
whether the layer does its arithmetic right, on other constants, or other arithmetic.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pipeline.hypotheses.layer import Layer
from pipeline.hypotheses.sums import MATRIX, Sums, sums_of, under_rows
from pipeline.ir import Graph, Op

#: Equations per unknown: rows whose output is clamped half of the time are still overdetermined.
EQUATIONS: Final = 3
#: Bytes that are sent at most: 28 s of a 115,200-baud line.
MAX_BYTES: Final = 320 * 1024
#: Deviation of the outputs that probes aim at, in codes: wide against rounding, not against int8.
AIM: Final = 40.0
#: Rows whose extremes are asked, two probes each.
EXTREME_ROWS: Final = 8
#: Shares of a probe's inputs that are not the zero point: some rows are clamped by dense ones.
DENSITIES: Final = (1.0, 0.3, 0.1)
SEED: Final = 4
#: Two roundings leave at most 0.5 + 2^-31 codes, a fit to them at most as much again.
AFFINE: Final = 1.0
#: A weight is another one where it is off by most of a step, and by so many standard errors.
WRONG_STEPS, WRONG_ERRORS = 0.6, 6.0


@dataclass(frozen=True)
class Recovered:
    """The constants of a layer's rows as they were told.

    rows: of the layer. told: those that could be told; the others are clamped too often. affine:
    of these, the rows that are affine at all. other_rows: affine rows with other weights or another
    bias. other_weights: of `weights` in all affine rows. lost: other weights that are 0.
    """

    rows: int
    told: int
    affine: int
    other_rows: int
    other_weights: int
    other_biases: int
    lost: int
    weights: int


def probes(graph: Graph, tensor: int) -> NDArray[np.int8] | None:
    """Return inputs [N, *shape] to ask the layer that writes `tensor`; None where it is not affine
    in one input, or would take too many.
    """
    op = next((o for o in graph.ops if tensor in o.outputs), None)
    if op is None or op.name not in MATRIX:
        return None
    source, depth = graph.need(op, 0), _depth(graph, op)
    places = graph.output_of(op).elements // graph.need(op, 1).shape[0]
    count = math.ceil(EQUATIONS * (depth + 32) / places)
    if count * source.elements > MAX_BYTES:
        return None
    random = np.random.default_rng(SEED)
    shape = (count, *source.shape)
    density = np.resize(DENSITIES, count).reshape(-1, *[1] * len(source.shape))
    reach = np.minimum(_amplitude(graph, op) / np.sqrt(density), 255)
    steps = np.rint(random.uniform(-1, 1, shape) * reach) * (random.random(shape) < density)
    codes: NDArray[np.int8] = np.clip(source.zero_point + steps, -128, 127).astype(np.int8)
    return np.concatenate([codes, _extremes(graph, op)])


def _extremes(graph: Graph, op: Op) -> NDArray[np.int8]:
    """Return inputs that give single rows their largest and their smallest sums.

    Random sums stay near their mean; what a layer does past its rails only these show.
    """
    source, weights = graph.need(op, 0), graph.need(op, 1).data
    assert weights is not None
    made = []
    for row in weights[:EXTREME_ROWS]:
        # A convolution's kernel lies side by side all over its input, and is met where it lies.
        shape = source.shape[-row.ndim :] if row.ndim > 1 else (source.elements,)
        times = [-(-size // part) for size, part in zip(shape, row.shape, strict=True)]
        whole = np.tile(row, times)[tuple(slice(size) for size in shape)]
        made += [np.where(sign * whole > 0, 127, -128).reshape(source.shape) for sign in (1, -1)]
    codes: NDArray[np.int8] = np.array(made, np.int8)
    return codes


def _depth(graph: Graph, op: Op) -> int:
    return math.prod(graph.need(op, 1).shape[1:])


def _amplitude(graph: Graph, op: Op) -> float:
    """Return the largest step of uniform inputs that gives outputs a deviation of AIM."""
    source = graph.need(op, 0)
    blank = np.full((1, *source.shape), source.zero_point, np.int8)
    s = sums_of(Layer(graph, op, {source.index: blank}, blank))
    weights = graph.need(op, 1).data
    assert weights is not None
    size = np.sqrt((weights.reshape(len(weights), -1).astype(float) ** 2).sum(axis=1))
    deviation = float(np.median(size * s.multiplier * np.exp2(s.shift - 31.0))) / math.sqrt(3)
    return float(np.clip(AIM / max(deviation, 1e-9), 4, 255))


def recover(
    graph: Graph, tensor: int, inputs: NDArray[np.int8], actual: NDArray[Any]
) -> Recovered | None:
    """Return what the answers `actual` [N, …] to the probes `inputs` tell; None: nothing."""
    op = next(o for o in graph.ops if tensor in o.outputs)
    source, weights = graph.need(op, 0), graph.need(op, 1).data
    assert weights is not None
    # The extremes weigh so much in a fit that their rounding alone would move it.
    random = len(inputs) - 2 * min(EXTREME_ROWS, len(weights))
    inputs, actual = inputs[:random], actual[:random]
    s = sums_of(Layer(graph, op, {source.index: inputs}, actual))
    depth = _depth(graph, op)
    x = inputs.astype(np.int64) - source.zero_point
    under = under_rows(graph, op, x, depth).reshape(-1, depth).astype(np.float64)
    codes = actual.reshape(len(under), -1).astype(np.float64)
    told = [_row(s, under, codes[:, r], weights[r].reshape(-1), r) for r in range(len(weights))]
    known = [row for row in told if row is not None]
    if not known:
        return None
    affine = [row for row in known if row.affine]
    other = [row for row in affine if row.weights or row.bias]
    return Recovered(
        rows=len(weights),
        told=len(known),
        affine=len(affine),
        other_rows=len(other),
        other_weights=sum(row.weights for row in other),
        other_biases=sum(int(row.bias) for row in other),
        lost=sum(row.lost for row in other),
        weights=depth * len(affine),
    )


@dataclass(frozen=True)
class _Row:
    affine: bool
    weights: int
    bias: bool
    lost: int


def _row(
    s: Sums, under: NDArray[np.float64], codes: NDArray[np.float64], right: NDArray[Any], r: int
) -> _Row | None:
    """Fit one row to the answers that are not clamped."""
    inside = (codes > s.low) & (codes < s.high)
    matrix = np.hstack([under[inside], np.ones((int(inside.sum()), 1))])
    unknown = matrix.shape[1]
    if len(matrix) < unknown + 16:
        return None
    fit, _, rank, _ = np.linalg.lstsq(matrix, codes[inside] - s.zero_point, rcond=None)
    if rank < unknown:
        return None
    rest = np.abs(matrix @ fit - (codes[inside] - s.zero_point))
    # From codes to steps of the accumulator; rounding is uniform: its deviation is 1/√12.
    step = float(s.multiplier[r] * np.exp2(s.shift[r] - 31.0))
    error = np.sqrt(np.diag(np.linalg.inv(matrix.T @ matrix)) / 12) / step
    off = fit / step - np.append(right.astype(np.float64), float(s.bias[r]))
    wrong = np.abs(off) > np.maximum(WRONG_STEPS, WRONG_ERRORS * error)
    zero = np.abs(fit[:-1] / step) < np.maximum(WRONG_STEPS, WRONG_ERRORS * error[:-1])
    # Half a code of the output is no sign of another bias, however many steps of a sum it is.
    bias = bool(wrong[-1] and abs(off[-1]) * step > 1)
    lost = int((wrong[:-1] & zero & (right != 0)).sum())
    return _Row(bool(rest.max() <= AFFINE), int(wrong[:-1].sum()), bias, lost)
