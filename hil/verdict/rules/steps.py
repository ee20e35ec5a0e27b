"""What is said beside every statistical step: its numbers, its flips, its test, its shares."""

from __future__ import annotations

from typing import Final

from hil.errors import clean
from hil.record import Column, Run
from hil.verdict.drift import accuracy, class_counts
from hil.verdict.flips import change_kinds, class_changes
from hil.verdict.rules.wording import listed, percent, plural, points
from hil.verdict.stats import Interval
from hil.verdict.steps import Significance, Step, family, test_of

#: Kinds of flips that are told, the most frequent first.
FLIP_KINDS: Final = 4
#: More windows are not advised: so many half seconds are 80 minutes of motion without a pause, as
#: much as the whole watch data set has of ten people.
MOST_RECORDED: Final = 10_000


def numbers(interval: Interval) -> str:
    """Return a share in points with its interval."""
    return (
        f"{points(interval.value)} points (95 %: {points(interval.low)} to {points(interval.high)})"
    )


def to_tell(step: Step, max_drop: float) -> str:
    """Return how many more windows would settle a step against the limit: "… would tell"."""
    needed = step.needed(max_drop / 100)
    if needed is None:
        return "no number of windows would tell"
    more = max(1, needed - step.windows)
    if more > MOST_RECORDED:
        return f"no number of windows that people record would tell (over {MOST_RECORDED:,} more)"
    # Rounded up to two digits: a projection from these proportions is no more exact than that.
    more = _two_digits(more)
    return f"about {more:,} more {'window' if more == 1 else 'windows'} would tell"


def _two_digits(number: int) -> int:
    unit = int(10 ** max(0, len(str(number)) - 2))
    return -(-number // unit) * unit


def change_evidence(run: Run, step: Step, before: Run, first: Column, second: Column) -> list[str]:
    """Return what a step did: both accuracies, flips, test, calibration, predicted shares.

    before: the run whose windows `first` is over; `run` itself where the windows are the same.
    """
    lines = [
        f"{item.name}: {percent(value.value)} right "
        f"(95 %: {points(value.low)} to {points(value.high)})"
        for where, item in ((before, first), (run, second))
        if (value := accuracy(where, item)) is not None
    ]
    lines += _flips(run, step, first, second) if step.table is not None else []
    lines += [_exchanged(step)] if step.table is None and step.test is not None else []
    calibrated = [c for c in step.calibration if c is not None]
    if len(calibrated) == 2:
        lines.append(f"calibration error {calibrated[0]:.3f} → {calibrated[1]:.3f}")
    return [*lines, *_shares(run, second)]


def _flips(run: Run, step: Step, first: Column, second: Column) -> list[str]:
    assert step.table is not None
    broken, mended = int(step.table.only_first), int(step.table.only_second)
    lines = [
        f"{plural(broken, 'window')} went from right to wrong, {mended} from wrong to right"
        + (f" (McNemar's exact test: {probability(step.test, run)})" if step.test else "")
    ]
    found = class_changes(run, first, second)
    names = [clean(name, 20) for name in run.windows.classes]
    kinds = change_kinds(found)
    if kinds:
        text = ", ".join(f"{n} from {names[a]} to {names[b]}" for a, b, n in kinds[:FLIP_KINDS])
        rest = sum(n for _, _, n in kinds[FLIP_KINDS:])
        more = f" and {rest} otherwise" if rest else ""
        lines.append(f"class changes: {text}{more}; windows {listed([f.window for f in found])}")
    return lines


def _exchanged(step: Step) -> str:
    assert step.test is not None
    return f"whole recordings exchanged between both: p = {step.test.p:.2g}" + (
        "" if step.test.significant else ", which is no more than chance"
    )


def probability(test: Significance, run: Run) -> str:
    """Return a test's p-value, alone and among all tests of the run."""
    count = len(family(run))
    alone = f"p = {test.p:.2g}"
    return alone if count == 1 else f"{alone}, among {count} tests {test.family_p:.2g}"


def _shares(run: Run, item: Column) -> list[str]:
    true, predicted = class_counts(run, item)
    total, test = sum(true), test_of(run, "shares", item.name)
    if not total or test is None:
        return []
    text = ", ".join(
        f"{clean(name, 20)} {percent(p / total)} (true {percent(t / total)})"
        for name, p, t in zip(run.windows.classes, predicted, true, strict=True)
    )
    return [f"{item.name} answers {text}: {probability(test, run)}"]
