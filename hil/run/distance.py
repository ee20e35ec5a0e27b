"""How far a set of windows lies from the training windows, as one number with a p-value.

The squared maximum mean discrepancy (A. Gretton et al., "A Kernel Two-Sample Test", JMLR 13, 2012,
723–773) with a Gaussian kernel on each window's means and signed covariances: the sign of a
covariance is what a mirrored mounting turns.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import stats as sp

from hil.run.changes import F64
from hil.run.spread import Pairing, physical
from hil.verdict.resampling import REARRANGEMENTS

#: Windows of each set that are compared: a distance over 300 is told apart well enough.
WINDOWS: Final = 300


def features(values: F64) -> F64:
    """Return per window [N, F]: the mean of each channel and the upper triangle of covariances."""
    mean = values.mean(axis=1)
    centred = values - mean[:, None]
    covariance = centred.transpose(0, 2, 1) @ centred / values.shape[1]
    # Their signed roots: in the channels' units, as the means are.
    rooted = np.sign(covariance) * np.sqrt(np.abs(covariance))
    rows, columns = np.triu_indices(values.shape[2])
    made: F64 = np.hstack([mean, rooted[:, rows, columns]])
    return made


class Distance:
    """Squared maximum mean discrepancy to one set of training windows."""

    def __init__(self, training: F64) -> None:
        raw = features(training)
        self._mean, self._std = raw.mean(axis=0), raw.std(axis=0) + 1e-12
        self.training = (raw - self._mean) / self._std
        squares = _squares(self.training, self.training)
        self.width = float(np.median(squares[squares > 0])) if (squares > 0).any() else 1.0
        self._within = float(self.kernel(self.training, self.training).mean())

    def scaled(self, values: F64) -> F64:
        """Return the features of windows in training's standard deviations."""
        made: F64 = (features(values) - self._mean) / self._std
        return made

    def kernel(self, a: F64, b: F64) -> F64:
        """Return the kernel of every pair of rows."""
        made: F64 = np.exp(-_squares(a, b) / self.width)
        return made

    def to(self, values: F64) -> float:
        """Return the distance of windows [N, T, C] in physical units."""
        other = self.scaled(values)
        across = float(self.kernel(self.training, other).mean())
        return self._within + float(self.kernel(other, other).mean()) - 2 * across


def _squares(a: F64, b: F64) -> F64:
    squares = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1) - 2 * a @ b.T
    positive: F64 = np.maximum(squares, 0.0)
    return positive


class CellDistance:
    """The mean distance over cells of windows of one class and side: to choose a change by."""

    def __init__(self, pairs: Pairing) -> None:
        training = physical(pairs.training)
        self._cells = [
            (Distance(training[_some(ours)]), _some(theirs)) for ours, theirs in pairs.cells
        ]

    def to(self, values: F64) -> float:
        """Return the distance of the target's windows [N, T, C], changed or not."""
        return float(np.mean([distance.to(values[index]) for distance, index in self._cells]))


def _some(mask: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return at most WINDOWS of the chosen windows, evenly spread."""
    index = np.flatnonzero(mask)
    count = min(WINDOWS, len(index))
    chosen: NDArray[np.intp] = index[np.arange(count) * len(index) // count]
    return chosen


def permutation_p(
    distance: Distance, target: F64, groups: NDArray[Any], target_groups: NDArray[Any]
) -> float:
    """P-value of the distance when whole recordings are exchanged between the two sets.

    groups, target_groups: the recording of each window. Windows of one recording stay together:
    they are alike, and exchanged one by one they would make any difference look sure. 1 where one
    of the sets is a single recording, which tells nothing of others.
    """
    if min(len(np.unique(groups)), len(np.unique(target_groups))) < 2:
        return 1.0
    rows = np.vstack([distance.training, distance.scaled(target)])
    labels = np.concatenate([groups, target_groups + groups.max() + 1])
    names, place, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    member = np.eye(len(names))[place]
    blocks = member.T @ distance.kernel(rows, rows) @ member
    first = len(np.unique(groups))

    def statistic(one: NDArray[Any], _other: NDArray[Any], axis: int) -> NDArray[np.float64]:
        chosen = np.zeros((*one.shape[:-1], len(names)))
        np.put_along_axis(chosen, one, 1.0, axis)
        rest = 1 - chosen
        weight = chosen / (chosen @ sizes)[..., None] - rest / (rest @ sizes)[..., None]
        found: NDArray[np.float64] = ((weight @ blocks) * weight).sum(axis)
        return found

    places = np.arange(len(names))
    return float(
        sp.permutation_test(
            (places[:first], places[first:]),
            statistic,
            permutation_type="independent",
            alternative="greater",
            vectorized=True,
            n_resamples=REARRANGEMENTS,
            rng=np.random.default_rng(0),
        ).pvalue
    )
