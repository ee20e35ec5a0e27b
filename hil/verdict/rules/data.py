"""Findings about values that no arm produces: they need neither labels nor a model. Pure."""

from __future__ import annotations

import math
from typing import Final

from hil.errors import clean
from hil.record import ChannelShift, DataShift, Effect, Run
from hil.verdict.findings import Finding
from hil.verdict.motion import (
    GRAVITY_G,
    GRAVITY_LOST,
    GRAVITY_RATIO,
    MAX_GYRO_RMS,
    RANGE_RATIO,
    another_unit,
)
from hil.verdict.rules.undone import correction, effect_of, gain_text
from hil.verdict.rules.wording import percent, problem

#: Gravity's length over fewer windows is that of single movements.
GRAVITY_WINDOWS: Final = 30
#: Of the spread that so many recordings of another person would have; subjects are few.
DEVIATIONS: Final = 4.0
#: More samples than this at the end of a channel's range are no accident.
RAIL_SHARE: Final = 0.01
RANGE_REMEDY: Final = "state the range that the sensor driver sets (its unit per count)"


def impossible_values(run: Run) -> list[Finding]:
    """Return what is impossible: units first, for everything else differs for that reason too."""
    shift = run.data_shift
    if shift is None:
        return []
    return _no_gravity(shift) or _units(run, shift) or _clipped(shift) or _range(run, shift)


def _no_gravity(shift: DataShift) -> list[Finding]:
    """An accelerometer always feels gravity, unless something took it off."""
    pair = shift.gravity_norm
    if pair is None or not GRAVITY_G[0] <= pair[0] <= GRAVITY_G[1] or pair[1] >= GRAVITY_G[0]:
        return []
    moved = [_power(c.target_psd) for c in shift.channels[:3]]
    usual = [_power(c.training_psd) for c in shift.channels[:3]]
    if not sum(usual) or not sum(moved):
        return []
    motion = math.sqrt(sum(moved) / sum(usual))
    if pair[1] / pair[0] >= GRAVITY_LOST * motion:
        return []
    return [
        problem(
            "data",
            "shift",
            f"Gravity is missing from the acceleration: a window's mean is {pair[1]:.2g} g long, "
            f"and movements are {motion:.2g} times training's",
            location=", ".join(clean(c.name, 20) for c in shift.channels[:3]),
            evidence=[
                f"training windows: {pair[0]:.3g} g; possible: {GRAVITY_G[0]:g} to "
                f"{GRAVITY_G[1]:g} g, whatever the movement",
                "a wrong unit would make gravity and movements smaller alike",
            ],
            remedy="record the acceleration as the sensor gives it, not the linear (or user) "
            "acceleration that a phone or filter makes of it; or train on that",
        )
    ]


def _power(density: tuple[float, ...]) -> float:
    """Return what moves in a channel: its spectrum, which has no mean."""
    return sum(density)


def _swapped(shift: DataShift, other: str) -> bool:
    """Whether exchanging the sensors explains the values better: then it is not their size."""
    swapped, explained = correction(shift, "swapped-sensors"), correction(shift, other)
    if swapped is None:
        return False
    return swapped.distance < (explained.distance if explained else shift.distance)


def _units(run: Run, shift: DataShift) -> list[Finding]:
    if _swapped(shift, "unit"):
        return []
    names = [clean(c.name, 20) for c in shift.channels]
    tests = (
        ("acceleration", "g", shift.gravity_norm, GRAVITY_G, names[:3], "m/s² or counts"),
        ("angular rate", "rad/s", shift.gyro_rms, (0.0, MAX_GYRO_RMS), names[3:], "degrees/s"),
    )
    fixed = correction(shift, "unit")
    found = []
    for what, unit, pair, (low, high), channels, other in tests:
        if pair is None or low <= pair[1] <= high or not low <= pair[0] <= high:
            continue
        if unit == "g" and 1 < pair[1] / pair[0] < RANGE_RATIO:
            continue  # another range: `_range`
        cause, told, undone = "unit", "another unit", fixed
        remedy = f"convert {other} to {unit} before the windows are written"
        if pair[0] > 0 and pair[1] > 0 and not another_unit(pair[1] / pair[0]):
            cause, told = "amplitude", "another range than stated"
            undone, remedy = correction(shift, "amplitude"), RANGE_REMEDY
        found.append(
            problem(
                "data",
                cause,
                f"The {what} is {pair[1]:.3g} {unit}, which no arm does: {told}",
                location=", ".join(channels),
                evidence=[
                    f"training windows: {pair[0]:.3g} {unit}; possible: {low:g} to {high:g} {unit}",
                    *([gain_text(run, undone)] if undone else []),
                ],
                remedy=remedy,
                effect=effect_of(run, undone) if undone else None,
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
            "Samples stand at the end of the sensor's range: the movement is larger than it",
            location=", ".join(clean(c.name, 20) for c in hit),
            evidence=[_rail(c) for c in hit],
            remedy="choose a larger range in the sensor driver",
        )
    ]


def _rail(channel: ChannelShift) -> str:
    return (
        f"{clean(channel.name, 20)}: {percent(channel.target_rail)} of the samples (training: "
        f"{percent(channel.training_rail)})"
    )


def _range(run: Run, shift: DataShift) -> list[Finding]:
    """Gravity is the same for everybody: another length of it is the sensor's range."""
    off, pair = shift.gravity, shift.gravity_norm
    if off is None or pair is None or len(run.windows.label) < GRAVITY_WINDOWS:
        return []
    deviations = _deviations(off, shift.recordings[1])
    if abs(off.value) < math.log(GRAVITY_RATIO) or deviations < DEVIATIONS:
        return []
    if _swapped(shift, "amplitude"):
        return []
    fixed = correction(shift, "amplitude")
    return [
        problem(
            "data",
            "amplitude",
            f"Gravity is {math.exp(off.value):.2f} times what it is in training: the "
            "accelerometer has another range than stated",
            location=", ".join(clean(c.name, 20) for c in shift.channels[:3]),
            evidence=[
                f"median {pair[1]:.3g} g, in training {pair[0]:.3g} g: {deviations:.1f} standard "
                f"deviations of what training subjects and recordings differ in",
                *([gain_text(run, fixed)] if fixed else []),
            ],
            remedy=RANGE_REMEDY,
            effect=effect_of(run, fixed) if fixed else None,
        )
    ]


def _deviations(off: Effect, recordings: int) -> float:
    """Return an effect in the deviations of so many recordings of another person; 0: unknown."""
    if not off.subjects or not off.recordings:
        return 0.0
    subject, recording = off.value / off.subjects, off.value / off.recordings
    return abs(off.value) / math.hypot(subject, recording / math.sqrt(max(1, recordings)))
