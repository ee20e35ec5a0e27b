"""The windows under test against the training windows: what can be told before any model runs.

Without labels, wrong units, clipping, exchanged sensors, a mounting turned by 90° and a mirrored
one are told reliably, the last three only where classes and arms are mixed as in training. A small
bias or a clock that is some per cent off are not: they need a still pose or time stamps.

The distance is the squared maximum mean discrepancy (A. Gretton et al., "A Kernel Two-Sample Test",
JMLR 13, 2012, 723–773) with a Gaussian kernel on each window's means and signed covariances: the
sign of a covariance is what a mirrored mounting turns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations, product
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from hil.record import ChannelShift
from hil.vectors import Vectors

F64 = NDArray[np.float64]
Kind = Literal["mirrored", "rotated", "swapped-sensors", "unit"]

#: The earth's pull on a moving arm stays well within these (g); outside, the unit is another one.
GRAVITY_G: Final = (0.3, 3.0)
#: No arm turns faster than this on average (rad/s).
MAX_GYRO_RMS: Final = 15.0
#: Windows of each set that are compared: a distance over 300 is told apart well enough.
WINDOWS: Final = 300
#: Rearrangements of the recordings behind a p-value: the smallest is 1 / 1000.
REARRANGEMENTS: Final = 999
SENSORS: Final = ("g", "g", "g", "rad/s", "rad/s", "rad/s")


@dataclass(frozen=True)
class Change:
    """A signed permutation: channel i becomes sign[i] · factor[i] · channel source[i]."""

    kind: Kind
    source: tuple[int, ...]
    sign: tuple[int, ...]
    factor: tuple[float, ...]

    def apply(self, raw: NDArray[Any]) -> F64:
        """Return changed windows [N, T, C], float64, not rounded."""
        changed: F64 = raw[..., self.source] * (np.array(self.sign) * np.array(self.factor))
        return changed


def physical(vectors: Vectors) -> F64:
    """Return the windows in their units, float64 [N, T, C]."""
    values: F64 = vectors.raw * np.array(vectors.manifest.unit_per_count)
    return values


def mounting_changes() -> list[Change]:
    """Return every mounting by right angles, mirrored along axes or not, and exchanged sensors.

    A rate of rotation is a pseudovector: under R it becomes det(R) · R · ω.
    """
    ones, changes = (1.0,) * 6, []
    for order in permutations(range(3)):
        even = _parity(order)
        for signs in product((1, -1), repeat=3):
            det = even * signs[0] * signs[1] * signs[2]
            # Mirrored and turned at once is left out: no arm does that, and it costs certainty.
            if (order, signs) == ((0, 1, 2), (1, 1, 1)) or (det < 0 and order != (0, 1, 2)):
                continue
            source = (*order, *(3 + i for i in order))
            kind: Kind = "mirrored" if det < 0 else "rotated"
            changes.append(Change(kind, source, (*signs, *(det * s for s in signs)), ones))
    return changes


def _parity(order: Sequence[int]) -> int:
    swaps = sum(a > b for i, a in enumerate(order) for b in order[i + 1 :])
    return -1 if swaps % 2 else 1


def swapped_sensors(unit_per_count: Sequence[float]) -> list[Change]:
    """Return the sensors exchanged back, as numbers in their units and as counts."""
    source, sign = (3, 4, 5, 0, 1, 2), (1,) * 6
    counts = tuple(unit_per_count[i] / unit_per_count[s] for i, s in enumerate(source))
    return [
        Change("swapped-sensors", source, sign, (1.0,) * 6),
        Change("swapped-sensors", source, sign, counts),
    ]


def features(values: F64) -> F64:
    """Return per window [N, F]: the mean of each channel and the upper triangle of covariances."""
    mean = values.mean(axis=1)
    centred = values - mean[:, None]
    covariance = np.einsum("ntc,ntd->ncd", centred, centred) / values.shape[1]
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


def permutation_p(
    distance: Distance, target: F64, groups: NDArray[Any], target_groups: NDArray[Any]
) -> float:
    """P-value of the distance when whole recordings are exchanged between the two sets.

    groups, target_groups: the recording of each window. Windows of one recording stay together:
    they are alike, and exchanged one by one they would make any difference look sure.
    """
    rows = np.vstack([distance.training, distance.scaled(target)])
    labels = np.concatenate([groups, target_groups + groups.max() + 1])
    names, place, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    member = np.eye(len(names))[place]
    blocks = member.T @ distance.kernel(rows, rows) @ member
    first = len(np.unique(groups))

    def statistic(order: NDArray[Any]) -> float:
        one = np.isin(np.arange(len(names)), order[:first]).astype(float)
        weight = one / (one @ sizes) - (1 - one) / ((1 - one) @ sizes)
        return float(weight @ blocks @ weight)

    random = np.random.default_rng(0)  # repeatable: the same run gives the same verdict
    seen = statistic(np.arange(len(names)))
    larger = sum(statistic(random.permutation(len(names))) >= seen for _ in range(REARRANGEMENTS))
    return (larger + 1) / (REARRANGEMENTS + 1)


def channel_shifts(training: Vectors, target: Vectors) -> tuple[ChannelShift, ...]:
    """Return every channel side by side."""
    a, b = physical(training), physical(target)
    subjects = np.unique(training.subject)
    spread = np.array([np.log(a[training.subject == s].std(axis=(0, 1)) + 1e-12) for s in subjects])
    made = []
    for c, (name, unit) in enumerate(
        zip(target.manifest.channels, target.manifest.units, strict=True)
    ):
        between = float(spread[:, c].std(ddof=1)) if len(subjects) >= 3 else 0.0
        off = float(np.log(b[..., c].std() + 1e-12) - spread[:, c].mean())
        made.append(
            ChannelShift(
                name, unit, *_moments(a[..., c]), *_moments(b[..., c]),
                _rounded(off / between) if between > 0 else None,
                rail_share(training.raw[..., c]), rail_share(target.raw[..., c]),
                spectrum(a[..., c], target.manifest.rate_hz),
                spectrum(b[..., c], target.manifest.rate_hz),
            )
        )  # fmt: skip
    return tuple(made)


def rail_share(raw: NDArray[np.int16]) -> float:
    """Return the share of samples at an end of int16."""
    return round(float(np.isin(raw, (-32768, 32767)).mean()), 6)


def _moments(x: F64) -> tuple[float, float]:
    return _rounded(float(x.mean())), _rounded(float(x.std()))


def _rounded(value: float) -> float:
    return float(f"{value:.6g}")


def spectrum(x: F64, rate_hz: float) -> tuple[float, ...]:
    """Return the power spectral density of windows [N, T], one-sided, Hann window, mean removed."""
    taper = np.hanning(x.shape[1])
    lines = np.abs(np.fft.rfft((x - x.mean(axis=1, keepdims=True)) * taper, axis=1)) ** 2
    density = 2 * lines.mean(axis=0) / (rate_hz * (taper**2).sum())
    return tuple(_rounded(float(v)) for v in density)


def gravity_norm(values: F64) -> float:
    """Return the median length of a window's mean acceleration (first three channels)."""
    return _rounded(float(np.median(np.linalg.norm(values[..., :3].mean(axis=1), axis=1))))


def gyro_rms(values: F64) -> float:
    """Return the root mean square of the angular rate's length (last three channels)."""
    return _rounded(float(np.sqrt((values[..., 3:] ** 2).sum(axis=2).mean())))


def rotation_deg(training: F64, target: F64) -> float:
    """Return the angle between the mean directions of gravity of two sets, in degrees."""
    a, b = (v[..., :3].mean(axis=(0, 1)) for v in (training, target))
    cosine = a @ b / max(float(np.linalg.norm(a) * np.linalg.norm(b)), 1e-12)
    return _rounded(float(np.degrees(np.arccos(np.clip(cosine, -1, 1)))))
