"""Data shift of a run: measured, and undone to see how far accuracy returns.

The likeliest change of each kind is undone on the raw windows; float model and int8 definition then
run again on those. Mountings and exchanged channels are chosen by their distance to the training
windows (of the same class and side, where both are known), factors and offsets are estimated from
what the windows differ in, so that no answer of the model has a part in the choice.

Without labels, wrong units, clipping, exchanged sensors, a mounting turned by 90° and a mirrored
one are told reliably, the last three only where classes and arms are mixed as in training; a bias
or another range of the gyroscope needs labels or a still pose, a clock that is some per cent off
time stamps.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hil.model_folder import ModelFolder
from hil.record import Correction, DataShift, Effect
from hil.reference.columns import FLOAT_KERNELS, Reference
from hil.reference.inputs import Inputs
from hil.reference.pipeline_parts import read_float_model
from hil.reference.runtimes import LiteRt
from hil.run.alike import channel_shifts, frequencies
from hil.run.changes import (
    F64,
    SENSORS,
    Change,
    exchanged_axes,
    mounting_changes,
    moved,
    scaled,
    swapped_sensors,
    turned,
)
from hil.run.distance import WINDOWS, CellDistance, Distance, permutation_p
from hil.run.spread import (
    Pairing,
    amplitudes,
    angle_deg,
    everything,
    gravity,
    gravity_norm,
    gyro_rms,
    offsets,
    pairing,
    physical,
    rotation,
)
from hil.vectors import Vectors, load_vectors
from hil.verdict.motion import GRAVITY_G, MAX_GYRO_RMS, RANGE_RATIO

INT16_ENDS: Final = (-32768, 32767)
#: People turn by rates that differ by less than this; degrees and radians differ by 57.3.
UNIT_RATIO: Final = 2.0
#: Standard deviations between training subjects beyond which an amplitude or offset is undone.
UNUSUAL: Final = 2.0


def data_shift(folder: ModelFolder, inputs: Inputs, reference: Reference) -> DataShift | None:
    """Return what differs from the training windows; None where the folder has none."""
    path = folder.path / "training.npz"
    if path.name not in folder.manifest.files:
        return None
    training, target = load_vectors(path), inputs.vectors
    if training.raw.shape[1:] != target.raw.shape[1:]:
        return None
    pairs = pairing(training, target)
    some, ours = _some(training), _some(target)
    a, b = physical(some), physical(ours)
    distance = Distance(a)
    six = tuple(target.manifest.units) == SENSORS
    models = _Models(folder, inputs, reference)
    changes = _candidates(pairs, b) if six else []
    return DataShift(
        *models.right(some),
        subjects=tuple(training.manifest.subjects[i] for i in np.unique(training.subject)),
        matched=pairs.matched,
        channels=channel_shifts(pairs),
        frequencies=frequencies(target),
        gravity_norm=(gravity_norm(a), gravity_norm(b)) if six else None,
        gravity=everything(training, target).effects(gravity)[0] if six else None,
        gyro_rms=(gyro_rms(a), gyro_rms(b)) if six else None,
        rotation_deg=angle_deg(rotation(pairs)) if six else None,
        distance=round(distance.to(b), 6),
        p_value=permutation_p(distance, b, some.recording, ours.recording),
        recordings=(len(np.unique(training.recording)), len(np.unique(target.recording))),
        corrections=tuple(_undone(models, c, distance.to(c.apply(b)), target) for c in changes),
    )


def _some(vectors: Vectors) -> Vectors:
    """Return windows drawn at random: sets are in a regular order, of which steps see one part."""
    order = np.random.default_rng(0).permutation(len(vectors))
    return vectors.take(np.sort(order[:WINDOWS]))


def _candidates(pairs: Pairing, values: F64) -> list[Change]:
    """Return the best change of each kind; a factor or offset only where it is unusual.

    values: target windows in their units, by which units are told.
    """
    arranged = [
        *mounting_changes(),
        turned(rotation(pairs)),
        *exchanged_axes(),
        *swapped_sensors(pairs.target.manifest.unit_per_count),
    ]
    distance, target = CellDistance(pairs), physical(pairs.target)
    best: dict[str, tuple[float, Change]] = {}
    for change in arranged:
        found = distance.to(change.apply(target))
        if change.kind not in best or found < best[change.kind][0]:
            best[change.kind] = (found, change)
    (length,) = everything(pairs.training, pairs.target).effects(gravity)
    sized = _unit(values, math.exp(length.value)) or _factors(pairs, length)
    return [change for _, change in best.values()] + sized + _moved(pairs)


def _unit(values: F64, ratio: float) -> list[Change]:
    """Return the factors that bring impossible values back to the units they should have.

    ratio: of gravity's length to training's.
    """
    gravity_g, rate = gravity_norm(values), gyro_rms(values)
    factor = [1.0] * 6
    if not GRAVITY_G[0] <= gravity_g <= GRAVITY_G[1] and not 1 < ratio < RANGE_RATIO:
        factor[:3] = [1 / 9.80665 if gravity_g > 1 else 9.80665] * 3
    if rate > MAX_GYRO_RMS:
        factor[3:] = [math.pi / 180] * 3
    return [scaled("unit", factor)] if set(factor) != {1.0} else []


def _factors(pairs: Pairing, length: Effect) -> list[Change]:
    """Return the factor of the sensor whose values are unusual: gravity's, or the rates' mean.

    length: gravity's effect.
    """
    rates = pairs.effects(amplitudes)[3:]
    found = [
        ([0, 1, 2], length),
        ([3, 4, 5], _mean(rates)),
    ]
    unusual = [(where, e) for where, e in found if abs(e.subjects or 0) > UNUSUAL]
    if not unusual:
        return []
    where, effect = max(unusual, key=lambda item: abs(item[1].subjects or 0))
    degrees = math.copysign(math.log(180 / math.pi), -effect.value)
    if where[0] >= 3 and abs(effect.value + degrees) < math.log(UNIT_RATIO):
        return [scaled("unit", [1.0] * 3 + [math.exp(degrees)] * 3)]
    factor = [math.exp(-effect.value) if c in where else 1.0 for c in range(6)]
    return [scaled("amplitude", factor)]


def _mean(effects: list[Effect]) -> Effect:
    """Return the mean of several channels' effects, in the largest of their spreads."""
    known = [abs(e.subjects) for e in effects if e.subjects is not None]
    return Effect(float(np.mean([e.value for e in effects])), min(known, default=None), None)


def _moved(pairs: Pairing) -> list[Change]:
    """Return the offset of the channel that is off most, beside what subjects differ in.

    Only among windows of the same class: what is done decides where gravity points.
    """
    if not pairs.matched:
        return []
    effects = pairs.effects(offsets)
    worst = max(range(len(effects)), key=lambda c: abs(effects[c].subjects or 0))
    if abs(effects[worst].subjects or 0) <= UNUSUAL:
        return []
    return [moved(worst, effects[worst].value)]


def _undone(models: _Models, change: Change, distance: float, target: Vectors) -> Correction:
    units = np.array(target.manifest.unit_per_count)
    counts = np.rint(change.apply(physical(target)) / units)
    raw = np.clip(counts, *INT16_ENDS).astype(np.int16)
    floats, ints = models.predict(raw)
    names = target.manifest.channels
    return Correction(
        kind=change.kind,
        channels=tuple(names[c] for c in change.changed()),
        undo=change.formulas(names),
        distance=round(distance, 6),
        float_predicted=floats,
        int8_predicted=ints,
    )


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
