"""Findings about windows that are possible but not like the training windows. Pure.

A shift is only blamed where undoing it, chosen without a look at the model's answers, brings
answers back that are right by the labels, or where the model surely loses accuracy from held-out
recordings to these. Without labels it is said what the windows look like, no more.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from hil.errors import clean
from hil.record import ChannelShift, Correction, DataShift, Effect, Run
from hil.verdict.drift import accuracy, chain, column
from hil.verdict.findings import Finding
from hil.verdict.motion import another_unit
from hil.verdict.rules.accuracy import SEEN_MARGIN
from hil.verdict.rules.data import impossible_values
from hil.verdict.rules.steps import change_evidence, numbers, to_tell
from hil.verdict.rules.undone import correction, effect_of, gain_text, returned
from hil.verdict.rules.wording import fine, note, percent, plural, points, problem
from hil.verdict.stats import Interval
from hil.verdict.steps import (
    Step,
    before_chain,
    held_out,
    since_known_people,
    steps,
    test_of,
    undone_loss,
)

#: Without labels a change is only mentioned, and where undoing it halves the distance.
HALF: Final = 0.5
#: Standard deviations between training subjects from which on a channel is worth naming.
OUTSIDE: Final = 3.0

#: Kind of correction → its cause in hil/verdict/causes.py, what the windows do, what to do.
KINDS: Final[dict[str, tuple[str, str, str]]] = {
    "mirrored": (
        "mirrored",
        "come from a mirrored mounting (the other arm)",
        "turn these axes before the model, or train on both arms",
    ),
    "rotated": (
        "rotated",
        "come from a sensor mounted at another angle",
        "turn the axes before the model, or mount the sensor as in training",
    ),
    "swapped-sensors": (
        "swapped-sensors",
        "have accelerometer and gyroscope exchanged",
        "put the channels into the order ax ay az wx wy wz",
    ),
    "exchanged": (
        "shift",
        "have axes of one sensor exchanged or turned round",
        "put the axes of this sensor into the order and direction of training",
    ),
    "amplitude": (
        "amplitude",
        "have another amplitude than people differ in",
        "check the range that the sensor driver sets against the one stated (units per count)",
    ),
    "unit": (
        "unit",
        "have rates of rotation in another unit (degrees for radians, or radians for degrees)",
        "convert the angular rates to rad/s before the windows are written",
    ),
    "offset": (
        "shift",
        "are off in one channel by more than people differ in (a sensor's offset, or a wrist held "
        "otherwise)",
        "a still pose tells which: subtract a sensor's offset; turn the axes of another mounting, "
        "or train on such people",
    ),
}
ANOTHER_UNIT: Final = (
    "unit",
    "have an amplitude of another unit",
    "convert to the unit that the model was trained in before the windows are written",
)
#: Causes of `impossible_values` that make everything else differ as well.
WHOLE: Final = ("unit", "amplitude", "shift")
ENROL: Final = (
    "record a still pose (it tells a bias and the mounting) and time stamps (they tell the rate), "
    "label a few windows of the same person, or add recordings of such people to the training"
)


def data_shift(run: Run) -> list[Finding]:
    """The windows are not like the training windows."""
    told = impossible_values(run)
    if any(f.cause in WHOLE for f in told):
        return told  # everything else differs as well, for this reason
    shift = run.data_shift
    found = (_undone(run, shift) or _unlabelled(run, shift)) if shift else []
    return told + (found or _data_step(run))


def undoing(run: Run) -> Correction | None:
    """Return what undoes the shift that `data_shift` blames; None where it was not undone."""
    shift = run.data_shift
    if shift is None:
        return None
    told = next((f.cause for f in impossible_values(run) if f.cause in WHOLE), None)
    return correction(shift, told) if told else _surest(run, shift)


def _surest(run: Run, shift: DataShift) -> Correction | None:
    """Return the change whose undoing brings most back, where that is sure: among all tests of the
    run, and whichever recordings had been drawn. One recording that is better turned round is no
    mounting.
    """
    sure = []
    for item in shift.corrections:
        test, gain = test_of(run, "undone", item.kind), undone_loss(run, item)
        if item.kind in KINDS and gain is not None and test is not None and test.significant:
            sure.append((gain, item))
    held = [(gain.value, item) for gain, item in sure if gain.low > 0]
    return max(held, key=lambda found: found[0], default=(0.0, None))[1]


def _undone(run: Run, shift: DataShift) -> list[Finding]:
    best = _surest(run, shift)
    if best is None:
        return []
    of_a_unit = best.kind == "amplitude" and _in_another_unit(shift, best)
    cause, what, remedy = ANOTHER_UNIT if of_a_unit else KINDS[best.kind]
    return [
        problem(
            "data",
            cause,
            f"The windows {what}: undoing it returns {returned(run, best)}",
            location=_location(best),
            evidence=[gain_text(run, best), *_distances(shift, best), *_seen(run, shift)],
            remedy=remedy,
            effect=effect_of(run, best),
        )
    ]


def _in_another_unit(shift: DataShift, item: Correction) -> bool:
    """Whether the channels' amplitudes are those of another unit, not of another range."""
    stds = [(c.training_std, c.target_std) for c in shift.channels if c.name in item.channels]
    logs = [math.log(target / training) for training, target in stds if training > 0 < target]
    return bool(logs) and another_unit(math.exp(sum(logs) / len(logs)))


def _location(item: Correction) -> str | None:
    return ", ".join(clean(name, 20) for name in item.channels) or None


def _distances(shift: DataShift, best: Correction) -> list[str]:
    lines = [
        f"distance to the training windows {shift.distance:.3g}, undone {best.distance:.3g} "
        f"(recordings exchanged at random: p = {shift.p_value:.2g})"
    ]
    if shift.rotation_deg is not None:
        lines.append(f"directions of gravity are turned by {shift.rotation_deg:.0f}° to training's")
    return [*lines, *_outside(shift)]


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
    test = test_of(run, "distance", "target")
    if any(label >= 0 for label in run.windows.label) or test is None or not test.significant:
        return []
    tried = [c for c in shift.corrections if c.kind in ("mirrored", "rotated", "swapped-sensors")]
    best = min(tried, key=lambda c: c.distance, default=None)
    if best is None or best.distance > HALF * shift.distance:
        return []
    cause, what, _ = KINDS[best.kind]
    return [
        note(
            "data",
            cause,
            f"The windows look as if they {what}",
            location=_location(best),
            evidence=[*_distances(shift, best), gain_text(run, best)],
            remedy="if classes and arms are not mixed as in training, label a few windows to be "
            "sure",
        )
    ]


def _data_step(run: Run) -> list[Finding]:
    """validation → target: what the same model loses on these recordings."""
    step = next((s for s in steps(run) if s.stage == "data"), None)
    if step is None:
        return _worse_than_seen(run)
    before, second = held_out(run), column(run, step.second)
    assert before is not None
    assert second is not None
    evidence = change_evidence(run, step, before, before.columns[0], second)
    evidence += _people(run)
    evidence += _outside(run.data_shift) if run.data_shift else []
    effect = Interval(-step.loss.value, -step.loss.high, -step.loss.low)
    # Exchanged recordings take those of few windows for those of many: the interval must agree.
    if not step.significant or step.loss.low <= 0:
        return [_no_more_than_chance(run, step, evidence, effect)]
    return [
        (problem if step.loss.low * 100 > run.max_drop else note)(
            "data",
            "shift",
            f"{step.second} loses {numbers(step.loss)} on these recordings against held-out ones: "
            "other people or conditions, and no single change that was undone explains it",
            evidence=evidence,
            remedy=ENROL,
            effect=effect,
        )
    ]


def _people(run: Run) -> list[str]:
    """What people whom the model has not learnt from cost already, before these recordings."""
    change, both = since_known_people(run), before_chain(run)
    if change is None:
        return []
    lost = Interval(-change.value, -change.high, -change.low)
    known, others = (accuracy(part, part.columns[0]) for part in both)
    assert known is not None
    assert others is not None
    return [
        f"{percent(known.value)} right on recordings held out of the training people, "
        f"{percent(others.value)} on other people's: a new person costs {numbers(lost)}"
    ]


def _no_more_than_chance(run: Run, step: Step, evidence: list[str], effect: Interval) -> Finding:
    told = step.loss.high * 100 <= run.max_drop
    more = "" if told else f"; {to_tell(step, run.max_drop)}"
    return fine(
        "data",
        "loss" if told else "too-few-windows",
        f"{_cost_or_gain(step.loss)} against held-out ones, no more than chance between "
        f"recordings{more}",
        evidence=evidence,
        effect=effect,
    )


def _cost_or_gain(loss: Interval) -> str:
    if loss.value >= 0:
        return f"These recordings cost {numbers(loss)}"
    return f"These recordings gain {numbers(Interval(-loss.value, -loss.high, -loss.low))}"


def _worse_than_seen(run: Run) -> list[Finding]:
    """Without held-out recordings: far worse than on training windows, which it has seen."""
    shift, first = run.data_shift, next(iter(chain(run)), None)
    value = accuracy(run, first) if first else None
    if shift is None or first is None or value is None or not shift.seen_total:
        return []
    seen = shift.seen_correct / shift.seen_total
    if seen - value.high < SEEN_MARGIN:
        return []
    return [
        note(
            "data",
            "shift",
            f"{first.name} is {percent(value.value)} right here and {percent(seen)} on its "
            "training windows: new people or conditions, and no single change explains it",
            evidence=[
                f"resampled by recording: {points(value.low)} to {points(value.high)} % (95 %)",
                *_outside(shift),
                f"recordings exchanged at random: p = {shift.p_value:.2g}",
            ],
            remedy=ENROL,
            effect=Interval(value.value - seen, value.low - seen, value.high - seen),
        )
    ]


def _outside(shift: DataShift) -> Sequence[str]:
    """Channels that are far from what training subjects differ in."""
    lines = []
    for c in shift.channels:
        if _far(c.amplitude):
            text = (
                f"amplitude {c.target_std:.3g} {clean(c.unit, 12)}, training {c.training_std:.3g}"
            )
            lines.append(f"{clean(c.name, 20)}: {text}: {_spread(c.amplitude)}")
        if _far(c.offset):
            text = f"off by {c.offset.value:+.3g} {clean(c.unit, 12)}"
            lines.append(f"{clean(c.name, 20)}: {text}: {_spread(c.offset)}")
        if c.similarity is not None and _far(c.similarity):
            lines.append(f"{clean(c.name, 20)}: {_likeness(c)}: {_spread(c.similarity)}")
    return lines


def _far(effect: Effect) -> bool:
    return effect.subjects is not None and abs(effect.subjects) > OUTSIDE


def _spread(effect: Effect) -> str:
    text = f"{effect.subjects:+.1f} standard deviations between training subjects"
    if effect.recordings is None:
        return text
    return f"{text}, {effect.recordings:+.1f} between recordings"


def _likeness(channel: ChannelShift) -> str:
    return (
        f"similarity (normalised cross-correlation) {channel.target_similarity:.2f}, between "
        f"training subjects {channel.training_similarity:.2f}"
    )
