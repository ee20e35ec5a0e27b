"""Recordings of any source: to counts, to the model's rate, into windows.

The counts are those of the LSM9DS1 on the Arduino Nano 33 BLE Sense (data sheet, table 3, "sensor
characteristics": LA_So at ±8 g is 0.244 mg/LSB, G_So at ±2000 dps is 70 mdps/LSB), so that recorded
and live windows are the same kind of number.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly

from hil.errors import InputError, clean
from hil.vectors import FORMAT, VERSION, VectorManifest, Vectors

CHANNELS: Final = ("ax", "ay", "az", "wx", "wy", "wz")
UNITS: Final = ("g", "g", "g", "rad/s", "rad/s", "rad/s")
#: Real value of one count, per channel.
UNIT_PER_COUNT: Final = (0.000244,) * 3 + (math.radians(0.07),) * 3
RATE_HZ: Final = 100.0
#: Samples of one window: half a second.
WINDOW: Final = 50

INT16: Final = np.iinfo(np.int16)


@dataclass(frozen=True)
class Recording:
    """One uninterrupted recording. samples: float64 [n, 6] in UNITS; side as in hil/vectors.py."""

    number: int
    label: str
    subject: str
    side: int
    samples: NDArray[np.float64]


@dataclass(frozen=True)
class RecordingSet:
    """All recordings of a source. sha256 is of the data they were read from, hexadecimal."""

    recordings: tuple[Recording, ...]
    rate_hz: float
    source: str
    license: str
    notice: str
    sha256: str

    def labels(self) -> tuple[str, ...]:
        """Return the labels that occur, in order of first appearance by name."""
        return tuple(sorted({r.label for r in self.recordings}))


def resample(samples: NDArray[np.float64], rate_hz: float) -> NDArray[np.float64]:
    """Return [n · 100 / rate_hz, C]: band-limited, polyphase.

    The ends are continued with their own values: padding with zeros would ring where gravity is.
    """
    ratio = Fraction(RATE_HZ / rate_hz).limit_denominator(1000)
    if ratio == 1:
        return samples
    resampled: NDArray[np.float64] = resample_poly(
        samples, ratio.numerator, ratio.denominator, axis=0, padtype="edge"
    )
    return resampled


def to_counts(samples: NDArray[np.float64]) -> NDArray[np.int16]:
    """Return int16 counts, same shape; beyond the range they stop at the rail, as the sensor's."""
    counts = np.rint(samples / np.asarray(UNIT_PER_COUNT))
    clipped: NDArray[np.int16] = np.clip(counts, INT16.min, INT16.max).astype(np.int16)
    return clipped


def cut(data: RecordingSet, classes: tuple[str, ...]) -> Vectors:
    """Return all windows of the recordings labelled with `classes`, in order, without overlap.

    `split` is "all"; see pipeline/data/split.py. Raises InputError for a class that has no
    recording, and where no recording is as long as one window.
    """
    for name in classes:
        if name not in data.labels():
            raise InputError(
                f"no recording is labelled {clean(name)!r}; the data has {', '.join(data.labels())}"
            )
    chosen = [r for r in data.recordings if r.label in classes]
    subjects = sorted({r.subject for r in chosen}, key=natural)
    parts = [_windows(r, data.rate_hz, classes, subjects) for r in chosen]
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
    if not len(columns[0]):
        raise InputError(f"no recording is as long as one window of {WINDOW} samples")
    return Vectors(_manifest(data, classes, tuple(subjects)), *columns)


def natural(name: str) -> tuple[int, str]:
    """Sort key under which "2" comes before "10"."""
    return (len(name), name) if name.isdecimal() else (1 << 30, name)


def _windows(
    recording: Recording, rate_hz: float, classes: tuple[str, ...], subjects: list[str]
) -> tuple[NDArray[np.generic], ...]:
    """Return one recording's columns in the order of hil.vectors.ARRAYS."""
    counts = to_counts(resample(recording.samples, rate_hz))
    n = len(counts) // WINDOW
    return (
        counts[: n * WINDOW].reshape(n, WINDOW, len(CHANNELS)),
        np.full(n, classes.index(recording.label), np.int16),
        np.full(n, subjects.index(recording.subject), np.int16),
        np.full(n, recording.number, np.int32),
        np.full(n, recording.side, np.int8),
        np.arange(n, dtype=np.int32) * WINDOW,
    )


def _manifest(
    data: RecordingSet, classes: tuple[str, ...], subjects: tuple[str, ...]
) -> VectorManifest:
    return VectorManifest(
        format=FORMAT,
        version=VERSION,
        classes=classes,
        subjects=subjects,
        channels=CHANNELS,
        units=UNITS,
        unit_per_count=UNIT_PER_COUNT,
        rate_hz=RATE_HZ,
        bandwidth_hz=min(data.rate_hz, RATE_HZ) / 2,
        split="all",
        source=data.source,
        license=data.license,
        notice=data.notice,
        npz_sha256="",
    )
