"""Each channel of the windows under test against the training windows, and how natural that is.

A difference only means something beside what training subjects, and training recordings, differ in
among themselves: that is what an effect is stated in. Where both sets have labels, windows are
compared with those of the same class (and side, where it is known): a set with more of one exercise
is no shift. Gravity shows the mounting: its direction is the mean acceleration of a window.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hil.record import Effect
from hil.run.changes import F64
from hil.vectors import Vectors

#: A spread is estimated from at least so many.
ENOUGH: Final = 3

#: Windows [N, T, C] → one number a channel (or fewer).
Figure = Callable[[F64], F64]


def physical(vectors: Vectors) -> F64:
    """Return the windows in their units, float64 [N, T, C]."""
    values: F64 = vectors.raw * np.array(vectors.manifest.unit_per_count)
    return values


@dataclass(frozen=True)
class Pairing:
    """Training and target windows side by side, by cells of the same class and side.

    cells: (training windows, target windows), as masks. matched: whether labels made them.
    """

    training: Vectors
    target: Vectors
    cells: tuple[tuple[NDArray[np.bool_], NDArray[np.bool_]], ...]
    matched: bool

    def effects(self, figure: Figure) -> list[Effect]:
        """Return how far a figure is off in the target, one Effect for each number it gives."""
        values = physical(self.training), physical(self.target)
        off = np.mean([figure(values[1][t]) - self._middle(figure, values[0], m)
                       for m, t in self.cells], axis=0)  # fmt: skip
        subjects = self._spread(figure, values[0], self.training.subject, across=True)
        recordings = self._spread(figure, values[0], self.training.recording, across=False)
        return [
            Effect(rounded(v), _over(v, subjects, i), _over(v, recordings, i))
            for i, v in enumerate(off)
        ]

    def _middle(self, figure: Figure, values: F64, mask: NDArray[np.bool_]) -> F64:
        """Return a figure's mean over the training subjects of a cell."""
        names = np.unique(self.training.subject[mask])
        found: F64 = np.mean(
            [figure(values[mask & (self.training.subject == s)]) for s in names], axis=0
        )
        return found

    def _spread(
        self, figure: Figure, values: F64, groups: NDArray[Any], across: bool
    ) -> F64 | None:
        """Return the standard deviation between groups of what they are off by in their cells.

        across: a group's cells are averaged first, as the target's are.
        """
        found: dict[int, list[F64]] = {}
        for mask, _ in self.cells:
            middle = self._middle(figure, values, mask)
            for g in np.unique(groups[mask]):
                found.setdefault(int(g), []).append(figure(values[mask & (groups == g)]) - middle)
        off = (
            [np.mean(v, axis=0) for v in found.values()] if across else list(chain(*found.values()))
        )
        return np.std(off, axis=0, ddof=1) if len(off) >= ENOUGH else None


def _over(value: float, spread: F64 | None, i: int) -> float | None:
    return rounded(value / float(spread[i])) if spread is not None and spread[i] > 0 else None


def pairing(training: Vectors, target: Vectors) -> Pairing:
    """Pair the windows by class and side where both sets have them, else all with all."""
    cells = []
    labelled = (training.label >= 0).all() and (target.label >= 0).any()
    for label in np.unique(target.label[target.label >= 0]) if labelled else ():
        for side in np.unique(target.side):
            ours = (target.label == label) & (target.side == side)
            alike = (training.side == side) | (training.side < 0) | (side < 0)
            theirs = (training.label == label) & alike
            if ours.any() and theirs.any():
                cells.append((theirs, ours))
    if cells:
        return Pairing(training, target, tuple(cells), True)
    return everything(training, target)


def everything(training: Vectors, target: Vectors) -> Pairing:
    """Pair all windows with all: for what does not depend on what is done."""
    whole = np.ones(len(training), bool), np.ones(len(target), bool)
    return Pairing(training, target, (whole,), False)


def offsets(values: F64) -> F64:
    """Return each channel's mean."""
    mean: F64 = values.mean(axis=(0, 1))
    return mean


def amplitudes(values: F64) -> F64:
    """Return the logarithm of each channel's standard deviation."""
    logs: F64 = np.log(values.std(axis=(0, 1)) + 1e-12)
    return logs


def gravity(values: F64) -> F64:
    """Return the logarithm of the median length of a window's mean acceleration, [1]."""
    return np.log([max(gravity_norm(values), 1e-12)])


def gravity_norm(values: F64) -> float:
    """Return the median length of a window's mean acceleration (first three channels)."""
    return rounded(float(np.median(np.linalg.norm(values[..., :3].mean(axis=1), axis=1))))


def gyro_rms(values: F64) -> float:
    """Return the root mean square of the angular rate's length (last three channels)."""
    return rounded(float(np.sqrt((values[..., 3:] ** 2).sum(axis=2).mean())))


def rotation(pairs: Pairing) -> F64:
    """Return the rotation matrix that brings the target's directions of gravity to training's.

    The least-squares one over the cells' mean accelerations: W. Kabsch, "A Solution for the Best
    Rotation to Relate Two Sets of Vectors", Acta Crystallographica A 32 (1976) 922. With one cell
    (no labels) the turn about gravity itself is not known, and none is taken.
    """
    a, b = (physical(v)[..., :3].mean(axis=1) for v in (pairs.training, pairs.target))
    wanted = np.array([a[m].mean(axis=0) for m, _ in pairs.cells])
    found = np.array([b[t].mean(axis=0) for _, t in pairs.cells])
    u, _, v = np.linalg.svd(found.T @ wanted)
    turn: F64 = v.T @ np.diag([1, 1, np.sign(np.linalg.det(v.T @ u.T))]) @ u.T
    return turn if len(pairs.cells) > 1 else _shortest(found[0], wanted[0])


def _shortest(start: F64, end: F64) -> F64:
    """Return the rotation by the smallest angle that turns one direction into another."""
    a, b = (x / max(float(np.linalg.norm(x)), 1e-12) for x in (start, end))
    if a @ b < -1 + 1e-9:  # opposite: any axis across will do
        axis = np.cross(a, np.eye(3)[int(np.argmin(np.abs(a)))])
        axis /= np.linalg.norm(axis)
        half: F64 = 2 * np.outer(axis, axis) - np.eye(3)
        return half
    v = np.cross(a, b)
    cross = np.array([[0, -v[2], v[1]], [v[2], 0, -v[0]], [-v[1], v[0], 0]])
    turn: F64 = np.eye(3) + cross + cross @ cross / (1 + a @ b)
    return turn


def angle_deg(turn: F64) -> float:
    """Return the angle of a rotation matrix in degrees."""
    return rounded(float(np.degrees(np.arccos(np.clip((np.trace(turn) - 1) / 2, -1, 1)))))


def rail_share(raw: NDArray[np.int16]) -> float:
    """Return the share of samples at the smallest or largest value that occurs.

    A movement reaches its extremes once; where a range ends, many samples are the same.
    """
    return round(float(np.isin(raw, (raw.min(), raw.max())).mean()), 6)


def rounded(value: float) -> float:
    """Return six significant digits: what a record keeps of a measurement."""
    return float(f"{value:.6g}")
