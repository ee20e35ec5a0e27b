"""Recorded windows as what moves an emulated sensor (`--feed`).

The emulated chips measure at their nominal rate, 119 or 104 Hz, and vectors are at 100 Hz: their
windows, laid end to end, are interpolated to the chip's rate here, once. What the sensor then
takes, and the board sends, are exactly these samples.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hil.board import Board
from hil.errors import InputError, clean
from hil.sensor.resample import resample
from hil.sensor.stream import CHANNELS, RAIL, UNIT_PER_COUNT
from hil.vectors import Vectors, load_vectors


def feed_samples(path: Path, board: Board, label: str | None = None) -> NDArray[np.int16]:
    """Return int16 [n, 6]: the windows of a set at the rate of the board's sensor.

    label: only windows of this class; None: all of them. Raises InputError for vectors of other
    channels or units, and for a class that they have no window of.
    """
    vectors = load_vectors(path)
    if vectors.manifest.channels != CHANNELS or not np.allclose(
        vectors.manifest.unit_per_count, UNIT_PER_COUNT, rtol=1e-5
    ):
        raise InputError(f"{clean(str(path), 300)}: not of this sensor's channels and units")
    samples = _chosen(path, vectors, label).reshape(-1, len(CHANNELS)).astype(np.float64)
    times = np.arange(len(samples)) / vectors.manifest.rate_hz
    moved = np.rint(resample(times, samples, board.facts.sensor_hz))
    # One count less than int16 holds: a chip mounted the other way round cannot say −32768.
    return np.clip(moved, -RAIL, RAIL).astype(np.int16)


def _chosen(path: Path, vectors: Vectors, label: str | None) -> NDArray[np.int16]:
    if label is None:
        return vectors.raw
    classes = vectors.manifest.classes
    held = [name for number, name in enumerate(classes) if np.any(vectors.label == number)]
    if label not in held:
        names = ", ".join(clean(name, 40) for name in held)
        raise InputError(
            f"{clean(str(path), 300)}: no windows of class {clean(label, 40)!r}, only of {names}; "
            "--feed-all feeds them all under that label"
        )
    chosen: NDArray[np.int16] = vectors.raw[vectors.label == classes.index(label)]
    return chosen


@contextmanager
def feed_file(samples: NDArray[np.int16]) -> Iterator[Path]:
    """Write samples as the emulator reads them (hil/emulator/sensors/feed.py), for as long."""
    with tempfile.TemporaryDirectory(prefix="tinyhil-") as scratch:
        path = Path(scratch) / "feed"
        path.write_bytes(samples.astype("<i2").tobytes())
        yield path
