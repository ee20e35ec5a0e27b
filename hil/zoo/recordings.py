"""Faults in the windows under test: what a wrong sensor, mounting or unit would have recorded.

Each takes raw counts [N, T, C], the channels concerned, an amount and what the set says about
itself, and returns raw counts; values beyond int16 stand at its rails, as a driver's do.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hil.vectors import Vectors

Raw = NDArray[np.int16]
Reals = NDArray[np.float64]

#: Reflection that maps one arm to the other: the accelerometer's x, the gyroscope's y and z (a
#: rotation rate is an axial vector).
OTHER_ARM: Final = (-1, 1, 1, 1, -1, -1)


def plant(vectors: Vectors, how: str, place: str, amount: float) -> Vectors:
    """Return the windows with one fault."""
    channels = [int(c) for c in place.split(",")]
    made = CHANGES[how](vectors, channels, amount)
    raw = np.clip(np.rint(made), -32768, 32767).astype(np.int16)
    return replace(vectors, raw=raw)


def _reals(vectors: Vectors) -> Reals:
    return vectors.raw.astype(np.float64)


def _gain(vectors: Vectors, channels: list[int], amount: float) -> Reals:
    made = _reals(vectors)
    made[:, :, channels] *= amount
    return made


def _clip(vectors: Vectors, channels: list[int], amount: float) -> Reals:
    made = _reals(vectors)
    limit = amount / np.array(vectors.manifest.unit_per_count)[channels]
    made[:, :, channels] = np.clip(made[:, :, channels], -limit, limit)
    return made


def _sensor_swap(vectors: Vectors, channels: list[int], _amount: float) -> Reals:
    """Exchange the halves by their numbers, as a driver does that reads the wrong registers."""
    half = len(channels) // 2
    made: Reals = _reals(vectors)[:, :, channels[half:] + channels[:half]]
    return made


def _turn(vectors: Vectors, channels: list[int], _amount: float) -> Reals:
    made = _reals(vectors)
    made[:, :, channels] = made[:, :, channels[1:] + channels[:1]]
    return made


def _rotate(vectors: Vectors, _channels: list[int], amount: float) -> Reals:
    """Turn both sensors by `amount` degrees about z."""
    angle = np.deg2rad(amount)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    made = _reals(vectors)
    for first in (0, 3):
        made[:, :, first : first + 2] = made[:, :, first : first + 2] @ turn.T
    return made


def _mirror(vectors: Vectors, _channels: list[int], _amount: float) -> Reals:
    made: Reals = _reals(vectors) * np.array(OTHER_ARM, np.float64)
    return made


def _bias(vectors: Vectors, channels: list[int], amount: float) -> Reals:
    made = _reals(vectors)
    made[:, :, channels] += amount / np.array(vectors.manifest.unit_per_count)[channels]
    return made


def _centre(vectors: Vectors, channels: list[int], amount: float) -> Reals:
    made = _reals(vectors)
    made[:, :, channels] -= amount * made[:, :, channels].mean(axis=1, keepdims=True)
    return made


def _rate(vectors: Vectors, _channels: list[int], amount: float) -> Reals:
    """Play each window `amount` times as fast about its middle, by what its recording holds there.

    What lies outside the windows of the set is taken from the window's own ends.
    """
    made = _reals(vectors)
    _, length, _ = made.shape
    middle = (length - 1) / 2
    places = middle + (np.arange(length) - middle) * amount
    out = np.empty_like(made)
    for i, window in enumerate(made):
        strip, first = _strip(vectors, i)
        whole = window if strip is None else strip
        index = np.arange(len(whole)) - (0 if strip is None else first)
        for c in range(window.shape[1]):
            out[i, :, c] = np.interp(places, index, whole[:, c])
    return out


def _strip(vectors: Vectors, i: int) -> tuple[Reals | None, int]:
    """Return the windows around window i joined where they touch, and where i begins in it."""
    length = vectors.raw.shape[1]
    pieces, first = [_reals(vectors.take(slice(i, i + 1)))[0]], 0
    same = np.flatnonzero(vectors.recording == vectors.recording[i])
    for step in (-1, 1):
        j = same[vectors.start[same] == vectors.start[i] + step * length]
        if len(j):
            piece = vectors.raw[j[0]].astype(np.float64)
            pieces.insert(0, piece) if step < 0 else pieces.append(piece)
            first += length if step < 0 else 0
    return np.concatenate(pieces), first


def _delay(vectors: Vectors, channels: list[int], amount: float) -> Reals:
    made = _reals(vectors)
    late, length = int(amount), made.shape[1]
    for i in range(len(made)):
        strip, first = _strip(vectors, i)
        assert strip is not None
        places = np.clip(np.arange(first - late, first - late + length), 0, len(strip) - 1)
        made[i][:, channels] = strip[places][:, channels]
    return made


def _endianness(vectors: Vectors, _channels: list[int], _amount: float) -> Reals:
    swapped: Reals = vectors.raw.byteswap().astype(np.float64)
    return swapped


CHANGES: Final[dict[str, Callable[[Vectors, list[int], float], Reals]]] = {
    "gain": _gain,
    "clip": _clip,
    "sensor-swap": _sensor_swap,
    "turn": _turn,
    "rotate": _rotate,
    "mirror": _mirror,
    "bias": _bias,
    "centre": _centre,
    "rate": _rate,
    "delay": _delay,
    "endianness": _endianness,
}
