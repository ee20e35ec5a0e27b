"""Findings about the windows themselves: are they those that the model was made for? Pure.

Impossible values are told without labels. A mounting is only blamed where undoing it, chosen
without a look at the labels, brings answers back that are right by the labels; McNemar's exact test
on the same windows, for as many changes as were tried.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from hil.errors import clean
from hil.record import Column, Correction, DataShift, Run
from hil.run.shift import GRAVITY_G, MAX_GYRO_RMS
from hil.verdict.drift import accuracy, chain, usable
from hil.verdict.findings import Finding
from hil.verdict.rules.accuracy import SEEN_MARGIN
from hil.verdict.rules.wording import note, percent, plural, points, problem
from hil.verdict.stats import Interval, Paired, mcnemar_exact, paired_difference

#: More samples than this at the sensor's rail are no accident.
RAIL_SHARE: Final = 0.01
#: All tests of one run together raise a false alarm in one of a hundred runs.
FAMILY_ERROR: Final = 0.01
#: Without labels a change is only mentioned, and where undoing it halves the distance.
HALF: Final = 0.5
#: Resamplings of the recordings behind an interval.
RESAMPLES: Final = 2000

VERBS: Final = {
    "mirrored": "come from a mirrored mounting (the other arm)",
    "rotated": "come from a sensor mounted at another angle",
    "swapped-sensors": "have accelerometer and gyroscope exchanged",
}
REMEDIES: Final = {
    "mirrored": "turn these axes before the model, or train on both arms",
    "rotated": "turn the axes before the model, or mount the sensor as in training",
    "swapped-sensors": "put the channels into the order ax ay az wx wy wz",
}


def data_shift(run: Run) -> list[Finding]:
    """The windows are not like the training windows."""
    shift = run.data_shift
    if shift is None:
        return []
    impossible = _units(run, shift)
    if impossible:
        return impossible  # everything else differs as well, for this reason
    return _clipped(shift) + (_undone(run, shift) or _unlabelled(run, shift) or _worse(run, shift))


def _units(run: Run, shift: DataShift) -> list[Finding]:
    found = []
    names = [clean(c.name, 20) for c in shift.channels]
    fixed = next((c for c in shift.corrections if c.kind == "unit"), None)
    swapped = next((c for c in shift.corrections if c.kind == "swapped-sensors"), None)
    if fixed and swapped and swapped.distance < fixed.distance:
        return []  # a gyroscope's numbers read as accelerations: not a unit
    tests = (
        ("acceleration", "g", shift.gravity_norm, GRAVITY_G, names[:3], "m/s² or counts"),
        ("angular rate", "rad/s", shift.gyro_rms, (0.0, MAX_GYRO_RMS), names[3:], "degrees/s"),
    )
    for what, unit, pair, (low, high), channels, other in tests:
        if pair is None or low <= pair[1] <= high or not low <= pair[0] <= high:
            continue
        found.append(
            problem(
                "data",
                "unit",
                f"The {what} is {pair[1]:.3g} {unit}, which no arm does: another unit",
                location=", ".join(channels),
                evidence=[
                    f"training windows: {pair[0]:.3g} {unit}; possible: {low:g} to {high:g} {unit}",
                    *([_gain_text(run, fixed)] if fixed else []),
                ],
                remedy=f"convert {other} to {unit} before the windows are written",
                effect=_gain(run, fixed) if fixed else None,
            )
        )
    return found


def _clipped(shift: DataShift) -> list[Finding]:
    hit = [c for c in shift.channels if c.target_rail > RAIL_SHARE >= c.training_rail]
    if not hit:
        return []
    return [
        problem(
            "data",
            "clipped",
            "Samples stand at the sensor's rail: the movement is larger than its range",
            location=", ".join(clean(c.name, 20) for c in hit),
            evidence=[
                f"{clean(c.name, 20)}: {percent(c.target_rail)} of the samples (training: "
                f"{percent(c.training_rail)})"
                for c in hit
            ],
            remedy="choose a larger range in the sensor driver",
        )
    ]


def _undone(run: Run, shift: DataShift) -> list[Finding]:
    """The change whose undoing brings most back, where that is sure."""
    tried = [c for c in shift.corrections if c.kind != "unit" and c.distance < shift.distance]
    tables = [(c, t) for c in tried if (t := _table(run, c)) is not None]
    # Holm's first step: the smallest p-value against the level shared by all.
    sure = [
        (c, t)
        for c, t in tables
        if t.only_first > t.only_second
        and mcnemar_exact(int(t.only_first), int(t.only_second)) * len(tables) < FAMILY_ERROR
    ]
    if not sure:
        return []
    best, _ = max(sure, key=lambda item: item[1].only_first - item[1].only_second)
    return [
        problem(
            "data",
            best.kind,
            f"The windows {VERBS[best.kind]}: undoing it returns {_returned(run, best)}",
            location=", ".join(_changed(shift, best)),
            evidence=[_gain_text(run, best), *_distances(shift, best), *_seen(run, shift)],
            remedy=REMEDIES[best.kind],
            effect=_gain(run, best),
        )
    ]


def _table(run: Run, item: Correction) -> Paired | None:
    """Windows right after undoing (first) and before (second); None without labels."""
    first = next(iter(chain(run)), None)
    after = item.float_predicted or item.int8_predicted
    if first is None or not usable(run, first).any():
        return None
    if not item.float_predicted:
        first = next((c for c in chain(run) if c.kind == "int8"), first)
    mask, label = usable(run, first), np.array(run.windows.label)
    a, b = (np.array(after) == label)[mask], (np.array(first.predicted) == label)[mask]
    return Paired(
        int((a & b).sum()), int((a & ~b).sum()), int((~a & b).sum()), int((~a & ~b).sum())
    )


def _gain(run: Run, item: Correction) -> Interval | None:
    """What the shift costs: what undoing it returns, negative."""
    table = _table(run, item)
    if table is None:
        return None
    gain = paired_difference(table)
    return Interval(-gain.value, -gain.high, -gain.low)


def _returned(run: Run, item: Correction) -> str:
    gain = _gain(run, item)
    return f"{points(-gain.value)} points of accuracy" if gain else "it"


def _gain_text(run: Run, item: Correction) -> str:
    table, label = _table(run, item), np.array(run.windows.label)
    if table is None:
        return "without labels it cannot be told how much accuracy undoing it returns"
    before, after = table.both + table.only_second, table.both + table.only_first
    int8 = float((np.array(item.int8_predicted) == label)[label >= 0].mean())
    p = mcnemar_exact(int(table.only_first), int(table.only_second))
    return (
        f"undone on the raw windows: {percent(before / table.total)} → "
        f"{percent(after / table.total)} right, int8 {percent(int8)} "
        f"(McNemar's exact test: p = {p:.2g})"
    )


def _changed(shift: DataShift, item: Correction) -> list[str]:
    """Return the channels that are not what they were."""
    names = [c.name for c in shift.channels]
    return [clean(n, 20) for n, undo in zip(names, item.undo, strict=True) if n != undo]


def _distances(shift: DataShift, best: Correction) -> list[str]:
    lines = [
        f"distance to the training windows {shift.distance:.3g}, undone {best.distance:.3g} "
        f"(recordings exchanged at random: p = {shift.p_value:.2g})"
    ]
    if shift.rotation_deg is not None:
        lines.append(f"the mean direction of gravity is {shift.rotation_deg:.0f}° from training's")
    return lines


def _seen(run: Run, shift: DataShift) -> list[str]:
    if not shift.seen_total:
        return []
    share = percent(shift.seen_correct / shift.seen_total)
    people = plural(len(shift.subjects), "person").replace("persons", "people")
    return [
        f"the same model is {share} right on {plural(shift.seen_total, 'window')} it was trained "
        f"on ({people}): not the model, the windows are different"
    ]


def _unlabelled(run: Run, shift: DataShift) -> list[Finding]:
    """Without labels: what the windows look like, no more."""
    if any(label >= 0 for label in run.windows.label) or shift.p_value > FAMILY_ERROR:
        return []
    tried = [c for c in shift.corrections if c.kind != "unit"]
    best = min(tried, key=lambda c: c.distance, default=None)
    if best is None or best.distance > HALF * shift.distance:
        return []
    return [
        note(
            "data",
            best.kind,
            f"The windows look as if they {VERBS[best.kind]}",
            location=", ".join(_changed(shift, best)),
            evidence=[*_distances(shift, best), _gain_text(run, best)],
            remedy="if classes and arms are not mixed as in training, label a few windows to be "
            "sure",
        )
    ]


def _worse(run: Run, shift: DataShift) -> list[Finding]:
    """The first model is far worse than on its training windows, and no change explains it."""
    first = next(iter(chain(run)), None)
    value = accuracy(run, first) if first else None
    if first is None or value is None or not shift.seen_total:
        return []
    seen = shift.seen_correct / shift.seen_total
    low, high = _by_recording(run, first)
    if seen - high < SEEN_MARGIN:
        return []
    return [
        note(
            "data",
            "shift",
            f"{first.name} is {percent(value.value)} right here and {percent(seen)} on its "
            "training windows: new people or conditions, and no mounting explains it",
            evidence=[
                f"resampled by recording: {points(low)} to {points(high)} % (95 %)",
                *_outside(shift),
                f"recordings exchanged at random: p = {shift.p_value:.2g}",
            ],
            remedy="add recordings of such people; a still pose tells bias and mounting, time "
            "stamps tell the rate, a few labelled windows tell the rest",
            effect=Interval(value.value - seen, low - seen, high - seen),
        )
    ]


def _by_recording(run: Run, item: Column) -> tuple[float, float]:
    """95 % interval of accuracy over resampled recordings: their windows are alike."""
    mask = usable(run, item)
    right = (np.array(item.predicted) == np.array(run.windows.label))[mask]
    names, place = np.unique(np.array(run.windows.recording)[mask], return_inverse=True)
    good, count = np.bincount(place, right), np.bincount(place)
    random = np.random.default_rng(0)  # repeatable: a record has one verdict
    drawn = random.integers(0, len(names), (RESAMPLES, len(names)))
    shares = good[drawn].sum(axis=1) / count[drawn].sum(axis=1)
    low, high = np.quantile(shares, (0.025, 0.975))
    return float(low), float(high)


def _outside(shift: DataShift) -> Sequence[str]:
    """Channels whose amplitude is far from what training subjects differ in."""
    return [
        f"{clean(c.name, 20)}: amplitude {c.target_std:.3g} {clean(c.unit, 12)}, training "
        f"{c.training_std:.3g}: {c.effect:+.1f} standard deviations between people"
        for c in shift.channels
        if c.effect is not None and abs(c.effect) > 3
    ]
