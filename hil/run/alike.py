"""The channels side by side: their moments, spectra, and how similar their windows are."""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy.signal import periodogram

from hil.record import ChannelShift, Effect
from hil.run.changes import F64
from hil.run.spread import ENOUGH, Pairing, amplitudes, offsets, physical, rail_share, rounded
from hil.vectors import Vectors

#: Windows of each set that are compared by cross-correlation: each pair is one.
SIMILAR: Final = 150


def channel_shifts(pairs: Pairing) -> tuple[ChannelShift, ...]:
    """Return every channel side by side."""
    training, target = pairs.training, pairs.target
    a, b = physical(training), physical(target)
    alike, off, grown = similarities(pairs), pairs.effects(offsets), pairs.effects(amplitudes)
    made = []
    for c, name in enumerate(target.manifest.channels):
        within, across, effect = alike[c] or (None, None, None)
        made.append(
            ChannelShift(
                name, target.manifest.units[c], *_moments(a[..., c]), *_moments(b[..., c]),
                grown[c], off[c], effect, within, across,
                rail_share(training.raw[..., c]), rail_share(target.raw[..., c]),
                spectrum(a[..., c], target.manifest.rate_hz),
                spectrum(b[..., c], target.manifest.rate_hz),
            )
        )  # fmt: skip
    return tuple(made)


def _moments(x: F64) -> tuple[float, float]:
    return rounded(float(x.mean())), rounded(float(x.std()))


def similarities(pairs: Pairing) -> list[tuple[float, float, Effect] | None]:
    """Return per channel the similarity within training, of the target to it, and its effect.

    A window's similarity is the largest normalised cross-correlation with any training window of
    another subject. Each training subject is left out in turn, for the target's windows as well, so
    that both have as many to be similar to.
    """
    training, target = _some(pairs.training), _some(pairs.target)
    subjects = np.unique(training.subject)
    if len(subjects) < ENOUGH:
        return [None] * training.raw.shape[2]
    a, b = physical(training), physical(target)
    made: list[tuple[float, float, Effect] | None] = []
    for c in range(a.shape[2]):
        peaks = _peaks(np.vstack([a[..., c], b[..., c]]), a[..., c])
        ours, theirs = [], []
        for s in subjects:
            others = peaks[:, training.subject != s].max(axis=1)
            ours.append(float(others[: len(a)][training.subject == s].mean()))
            theirs.append(float(others[len(a) :].mean()))
        off, spread = float(np.mean(theirs) - np.mean(ours)), float(np.std(ours, ddof=1))
        effect = Effect(rounded(off), rounded(off / spread) if spread > 0 else None, None)
        made.append((rounded(float(np.mean(ours))), rounded(float(np.mean(theirs))), effect))
    return made


def _some(vectors: Vectors) -> Vectors:
    return vectors.take(np.arange(min(SIMILAR, len(vectors))) * len(vectors) // SIMILAR
                        if len(vectors) > SIMILAR else slice(None))  # fmt: skip


def _peaks(rows: F64, columns: F64) -> F64:
    """Return the largest normalised cross-correlation of every pair, [rows, columns].

    Over all shifts up to half a window: beyond, too little of both overlaps to compare.
    """
    length = rows.shape[1]
    size = 2 * length
    a, b = (np.fft.rfft(_normalised(x), size, axis=1) for x in (rows, columns))
    best = np.empty((len(rows), len(columns)))
    for i, row in enumerate(a):
        shifted = np.fft.irfft(row[None] * b.conj(), size, axis=1)
        best[i] = np.maximum(
            shifted[:, : length // 2 + 1].max(axis=1), shifted[:, -(length // 2) :].max(axis=1)
        )
    return best


def _normalised(x: F64) -> F64:
    centred = x - x.mean(axis=1, keepdims=True)
    made: F64 = centred / (np.linalg.norm(centred, axis=1, keepdims=True) + 1e-12)
    return made


def spectrum(x: F64, rate_hz: float) -> tuple[float, ...]:
    """Return the power spectral density of windows [N, T], one-sided, Hann window, mean removed."""
    _, density = periodogram(x, rate_hz, window="hann", detrend="constant", axis=1)
    return tuple(rounded(float(v)) for v in density.mean(axis=0))


def frequencies(target: Vectors) -> tuple[float, ...]:
    """Return what `spectrum` is of, in Hz."""
    lines = np.fft.rfftfreq(target.raw.shape[1], 1 / target.manifest.rate_hz)
    return tuple(round(float(f), 3) for f in lines)
