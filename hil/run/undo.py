"""Data shift of a run: measured, and undone to see how far accuracy returns.

The likeliest change of each kind, by its distance to the training windows and without looking at a
label, is undone on the raw windows; float model and int8 definition then run again on those.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hil.model_folder import ModelFolder
from hil.record import Correction, DataShift
from hil.reference.columns import FLOAT_KERNELS, Reference
from hil.reference.inputs import Inputs
from hil.reference.pipeline_parts import read_float_model
from hil.reference.runtimes import LiteRt
from hil.run.shift import (
    GRAVITY_G,
    MAX_GYRO_RMS,
    SENSORS,
    WINDOWS,
    Change,
    Distance,
    channel_shifts,
    gravity_norm,
    gyro_rms,
    mounting_changes,
    permutation_p,
    physical,
    rotation_deg,
    swapped_sensors,
)
from hil.vectors import Vectors, load_vectors

INT16_ENDS: Final = (-32768, 32767)


def data_shift(folder: ModelFolder, inputs: Inputs, reference: Reference) -> DataShift | None:
    """Return what differs from the training windows; None where the folder has none."""
    path = folder.path / "training.npz"
    if path.name not in folder.manifest.files:
        return None
    training, target = load_vectors(path), inputs.vectors
    if training.raw.shape[1:] != target.raw.shape[1:]:
        return None
    training = _some(training)
    some = _some(target)
    a, b = physical(training), physical(some)
    distance = Distance(a)
    six = tuple(target.manifest.units) == SENSORS
    models = _Models(folder, inputs, reference)
    changes = _likely(distance, b, target) if six else []
    return DataShift(
        *models.right(training),
        subjects=tuple(training.manifest.subjects[i] for i in np.unique(training.subject)),
        channels=channel_shifts(training, target),
        frequencies=_frequencies(target),
        gravity_norm=(gravity_norm(a), gravity_norm(b)) if six else None,
        gyro_rms=(gyro_rms(a), gyro_rms(b)) if six else None,
        rotation_deg=rotation_deg(a, b) if six else None,
        distance=round(distance.to(b), 6),
        p_value=permutation_p(distance, b, training.recording, some.recording),
        recordings=(len(np.unique(training.recording)), len(np.unique(target.recording))),
        corrections=tuple(_undone(models, c, distance.to(c.apply(b)), target) for c in changes),
    )


def _some(vectors: Vectors) -> Vectors:
    """Return windows drawn at random: sets are in a regular order, of which steps see one part."""
    order = np.random.default_rng(0).permutation(len(vectors))
    return vectors.take(np.sort(order[:WINDOWS]))


def _frequencies(target: Vectors) -> tuple[float, ...]:
    length = target.raw.shape[1]
    return tuple(round(float(f), 3) for f in np.fft.rfftfreq(length, 1 / target.manifest.rate_hz))


def _likely(distance: Distance, values: NDArray[np.float64], target: Vectors) -> list[Change]:
    """Return the best change of each kind; a unit only where its absolute rule says so."""
    best: dict[str, tuple[float, Change]] = {}
    for change in [*mounting_changes(), *swapped_sensors(target.manifest.unit_per_count)]:
        found = distance.to(change.apply(values))
        if change.kind not in best or found < best[change.kind][0]:
            best[change.kind] = (found, change)
    return [change for _, change in best.values()] + _unit(values)


def _unit(values: NDArray[np.float64]) -> list[Change]:
    """Return the factors that bring impossible values back to the units they should have."""
    gravity, rate = gravity_norm(values), gyro_rms(values)
    factor = [1.0] * 6
    if not GRAVITY_G[0] <= gravity <= GRAVITY_G[1]:
        factor[:3] = [1 / 9.80665 if gravity > 1 else 9.80665] * 3
    if rate > MAX_GYRO_RMS:
        factor[3:] = [math.pi / 180] * 3
    same = tuple(range(6))
    return [Change("unit", same, (1,) * 6, tuple(factor))] if set(factor) != {1.0} else []


def _undone(models: _Models, change: Change, distance: float, target: Vectors) -> Correction:
    units = np.array(target.manifest.unit_per_count)
    counts = np.rint(change.apply(physical(target)) / units)
    raw = np.clip(counts, *INT16_ENDS).astype(np.int16)
    floats, ints = models.predict(raw)
    names = target.manifest.channels
    undo = tuple(
        ("-" if s < 0 else "") + names[i] for i, s in zip(change.source, change.sign, strict=True)
    )
    return Correction(change.kind, undo, change.factor, round(distance, 6), floats, ints)


class _Models:
    """The first float model and the int8 definition, on any raw windows."""

    def __init__(self, folder: ModelFolder, inputs: Inputs, reference: Reference) -> None:
        self._inputs, self._reference = inputs, reference
        first = next(iter(folder.manifest.stages.values()), None)
        self._float = LiteRt(folder.path / first, *FLOAT_KERNELS) if first else None
        self._graph = read_float_model(folder.path / first) if first else None

    def predict(self, raw: NDArray[np.int16]) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Return the classes of the float model (empty without one) and of the int8 one."""
        inputs = replace(self._inputs, vectors=replace(self._inputs.vectors, raw=raw))
        codes = inputs.for_int8(self._reference.graph)
        ints = tuple(int(np.argmax(self._reference.model.run(w))) for w in codes)
        return self._floats(inputs), ints

    def _floats(self, inputs: Inputs) -> tuple[int, ...]:
        if self._float is None or self._graph is None:
            return ()
        return tuple(int(np.argmax(self._float.run(w))) for w in inputs.for_float(self._graph))

    def right(self, vectors: Vectors) -> tuple[int, int]:
        """Return how many labelled windows the float model gets right, and of how many."""
        predicted: Any = np.array(self._floats(replace(self._inputs, vectors=vectors)))
        known = vectors.label >= 0
        if not len(predicted):
            return 0, 0
        return int((predicted == vectors.label)[known].sum()), int(known.sum())
