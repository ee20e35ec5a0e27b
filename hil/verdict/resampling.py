"""Uncertainty where windows are alike: recordings are resampled, never windows. Pure.

Windows cut from one recording share its person, its mounting and its movement. Intervals here come
from drawing whole recordings with replacement (a cluster bootstrap, by percentiles) and p-values
from exchanging whole recordings, both by scipy. With few recordings the bootstrap alone is too
narrow (it cannot see what it did not draw), so that `widest` joins it with the interval that takes
windows for independent, which is too narrow for another reason. Random numbers are seeded: a record
has one verdict.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import stats as sp

from hil.verdict.stats import CONFIDENCE, Interval

#: Draws behind an interval: its ends then move by less than a tenth of its width.
DRAWS: Final = 1999
#: Rearrangements behind a p-value: the smallest is 1 / 10,000, a hundredth of the family's error.
REARRANGEMENTS: Final = 9999


@dataclass(frozen=True)
class Recordings:
    """Windows summed up by recording: `total[r]`, the sum over its `count[r]` windows."""

    total: NDArray[np.float64]
    count: NDArray[np.float64]

    @property
    def mean(self) -> float:
        """The mean over all windows."""
        return float(self.total.sum() / self.count.sum())

    def __len__(self) -> int:
        return len(self.count)

    def key(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Return the same as what can be looked up."""
        return tuple(self.total.tolist()), tuple(self.count.tolist())


def by_recording(values: NDArray[Any], recordings: NDArray[Any]) -> Recordings:
    """Sum `values` [N] up by `recordings` [N], numbers or names of any kind."""
    _, place = np.unique(recordings, return_inverse=True)
    total, count = np.bincount(place, values), np.bincount(place)
    return Recordings(total.astype(np.float64), count.astype(np.float64))


def resampled(group: Recordings) -> Interval | None:
    """Return the mean with its interval over resampled recordings; None for fewer than two."""
    return _resampled(*group.key()) if len(group) >= 2 else None


@lru_cache(128)  # several findings tell of the same numbers
def _resampled(*sums: tuple[float, ...]) -> Interval:
    (group,) = _of(sums)
    return _interval(group.mean, (np.arange(len(group)),), lambda i, axis: _mean(group, i, axis))


def resampled_difference(first: Recordings, second: Recordings) -> Interval | None:
    """Return mean(first) − mean(second) of different recordings, each side drawn by itself."""
    if min(len(first), len(second)) < 2:
        return None
    return _resampled_difference(*first.key(), *second.key())


@lru_cache(32)
def _resampled_difference(*sums: tuple[float, ...]) -> Interval:
    first, second = _of(sums)
    return _interval(
        first.mean - second.mean,
        (np.arange(len(first)), np.arange(len(second))),
        lambda i, j, axis: _mean(first, i, axis) - _mean(second, j, axis),
    )


def exchanged_p(first: Recordings, second: Recordings) -> float:
    """P-value of mean(first) − mean(second) when whole recordings are exchanged between both.

    1 where one side is a single recording: that tells nothing of others.
    """
    if min(len(first), len(second)) < 2:
        return 1.0
    return _exchanged_p(*first.key(), *second.key())


@lru_cache(32)
def _exchanged_p(*sums: tuple[float, ...]) -> float:
    first, second = _of(sums)
    both = Recordings(
        np.concatenate([first.total, second.total]), np.concatenate([first.count, second.count])
    )
    places = np.arange(len(both))
    found = sp.permutation_test(
        (places[: len(first)], places[len(first) :]),
        lambda i, j, axis: _mean(both, i, axis) - _mean(both, j, axis),
        permutation_type="independent",
        vectorized=True,
        n_resamples=REARRANGEMENTS,
        rng=np.random.default_rng(0),
    )
    return float(found.pvalue)


def _of(sums: tuple[tuple[float, ...], ...]) -> list[Recordings]:
    """Return the groups whose keys were joined."""
    pairs = zip(sums[::2], sums[1::2], strict=True)
    return [Recordings(np.array(total), np.array(count)) for total, count in pairs]


def _mean(group: Recordings, index: NDArray[Any], axis: int) -> NDArray[np.float64]:
    mean: NDArray[np.float64] = group.total[index].sum(axis) / group.count[index].sum(axis)
    return mean


def _interval(value: float, data: tuple[NDArray[Any], ...], statistic: Any) -> Interval:
    bounds = sp.bootstrap(
        data,
        statistic,
        vectorized=True,
        method="percentile",
        confidence_level=CONFIDENCE,
        n_resamples=DRAWS,
        rng=np.random.default_rng(0),
    ).confidence_interval
    return Interval(value, float(bounds.low), float(bounds.high))


def widest(first: Interval, second: Interval | None) -> Interval:
    """Return `first`, reaching as far as the wider of both does on either side."""
    if second is None:
        return first
    return Interval(first.value, min(first.low, second.low), max(first.high, second.high))
