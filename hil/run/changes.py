"""Shifts of the windows that can be undone: a matrix over the channels, and an offset.

A mounting turns or mirrors both sensors alike; a driver exchanges axes of one of them, or both
sensors; a wrong range or unit is a factor. Each candidate here is what would undo one such shift.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations, product
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]
Kind = Literal["mirrored", "rotated", "exchanged", "swapped-sensors", "unit", "amplitude", "offset"]

#: Units of the six channels that the candidates are about: three accelerations, three rates.
SENSORS: Final = ("g", "g", "g", "rad/s", "rad/s", "rad/s")
CHANNELS: Final = len(SENSORS)


@dataclass(frozen=True, eq=False)
class Change:
    """Channel i becomes the sum over j of matrix[i, j] · channel j, plus offset[i], in its unit."""

    kind: Kind
    matrix: F64
    offset: F64

    def apply(self, values: NDArray[Any]) -> F64:
        """Return changed windows [N, T, C], float64, not rounded."""
        changed: F64 = values @ self.matrix.T + self.offset
        return changed

    def changed(self) -> list[int]:
        """Return the channels that do not stay what they were."""
        still = np.isclose(self.matrix, np.eye(len(self.matrix))).all(axis=1) & (self.offset == 0)
        return np.flatnonzero(~still).tolist()

    def formulas(self, names: Sequence[str]) -> tuple[str, ...]:
        """Return what each channel is made of, e.g. "-ay", "0.5 wx", "az - 0.31"."""
        rows = zip(self.matrix, self.offset, strict=True)
        return tuple(_formula(row, offset, names) for row, offset in rows)


def _formula(row: F64, offset: float, names: Sequence[str]) -> str:
    # Less than a thousandth of a channel is rounding of the angle, not a part of it.
    terms = [(float(f), n) for f, n in zip(row, names, strict=True) if abs(f) > 1e-3]
    parts = [(f, n if abs(abs(f) - 1) < 1e-9 else f"{abs(f):.3g} {n}") for f, n in terms]
    if offset:
        parts.append((offset, f"{abs(offset):.3g}"))
    text = "".join(f" {'-' if f < 0 else '+'} {part}" for f, part in parts)
    sign = "-" if text.startswith(" -") else ""
    return sign + text[3:] if text else "0"


def change(kind: Kind, matrix: F64, offset: F64 | None = None) -> Change:
    """Return a change; no offset where none is given."""
    return Change(kind, matrix, np.zeros(len(matrix)) if offset is None else offset)


def both(kind: Kind, accelerometer: F64, gyroscope: F64) -> Change:
    """Return a change of the two sensors by a 3 × 3 matrix each."""
    matrix = np.zeros((CHANNELS, CHANNELS))
    matrix[:3, :3], matrix[3:, 3:] = accelerometer, gyroscope
    return change(kind, matrix)


def signed_permutations() -> list[F64]:
    """Return the 48 ways to exchange and turn round three axes, as matrices; no change first."""
    made = []
    for order in permutations(range(3)):
        for signs in product((1.0, -1.0), repeat=3):
            made.append(np.diag(signs) @ np.eye(3)[list(order)])
    return made


def mounting_changes() -> list[Change]:
    """Return every mounting by right angles, and those mirrored along axes.

    A rate of rotation is a pseudovector: under R it becomes det(R) · R · ω.
    """
    changes = []
    for matrix in signed_permutations()[1:]:
        det = round(float(np.linalg.det(matrix)))
        # Mirrored and turned at once is left out: no arm does that, and it costs certainty.
        if det < 0 and np.count_nonzero(np.diag(matrix)) < 3:
            continue
        changes.append(both("mirrored" if det < 0 else "rotated", matrix, det * matrix))
    return changes


def turned(rotation: F64) -> Change:
    """Return the change that turns both sensors by a rotation matrix."""
    return both("rotated", rotation, rotation)


def exchanged_axes() -> list[Change]:
    """Return the axes of one sensor exchanged or turned round, the other as it is."""
    same = np.eye(3)
    wrong = signed_permutations()[1:]
    return [both("exchanged", m, same) for m in wrong] + [both("exchanged", same, m) for m in wrong]


def swapped_sensors(unit_per_count: Sequence[float]) -> list[Change]:
    """Return the sensors exchanged back, as numbers in their units and as counts."""
    source = [3, 4, 5, 0, 1, 2]
    numbers = np.eye(CHANNELS)[source]
    ratio = [unit_per_count[i] / unit_per_count[s] for i, s in enumerate(source)]
    return [
        change("swapped-sensors", numbers), change("swapped-sensors", np.diag(ratio) @ numbers)
    ]  # fmt: skip


def scaled(kind: Kind, factors: Sequence[float]) -> Change:
    """Return every channel times a factor."""
    return change(kind, np.diag(np.array(factors, np.float64)))


def moved(channel: int, by: float) -> Change:
    """Return one channel less an offset, in its unit."""
    offset = np.zeros(CHANNELS)
    offset[channel] = -by
    return change("offset", np.eye(CHANNELS), offset)
