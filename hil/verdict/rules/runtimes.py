"""Finding: the same int8 file on another runtime of the computer is not what the device computes.

A notebook's int8 accuracy is that of LiteRT's kernels, which round otherwise than the definition. A
difference in bytes is expected; windows that are given another class are worth a note, with what
they would have made of the accuracy. Nothing here fails a run: no runtime is wrong.
"""

from __future__ import annotations

from hil.errors import clean
from hil.record import ByteComparison, Run
from hil.verdict.drift import column, loss, usable
from hil.verdict.findings import Finding
from hil.verdict.flips import change_kinds, class_changes
from hil.verdict.rules.steps import numbers
from hil.verdict.rules.wording import fine, listed, note, plural
from hil.verdict.stats import Interval

REMEDY = "compare the board with the column int8 (TFLM's arithmetic), not with these"


def runtimes_differ(run: Run) -> list[Finding]:
    """Side branches of the definition whose bytes, or whose classes, are other ones."""
    items = [c for c in run.comparisons if c.actual.startswith("int8-") and c.differing]
    if not items:
        return []
    worst = max(items, key=lambda c: (len(_flipped(run, c)), len(c.differing)))
    name, changed = clean(worst.actual, 40), len(_flipped(run, worst))
    evidence = [line for item in items for line in _evidence(run, item)]
    if not changed:
        headline = (
            f"Other runtimes of the computer give the int8 file's classes, though {name} gives "
            f"other bytes in {len(worst.differing)} of {plural(worst.compared, 'window')}"
        )
        return [fine("runtime", "other-bytes", headline, evidence=evidence)]
    headline = (
        f"{name} decides otherwise than the int8 definition in {changed} of "
        f"{plural(worst.compared, 'window')}: a notebook's int8 is not the device's"
    )
    effect = _effect(run, worst)
    return [
        note(
            "runtime",
            "other-classes",
            headline,
            location=name,
            evidence=evidence,
            remedy=REMEDY,
            effect=effect,
        )
    ]


def _flipped(run: Run, item: ByteComparison) -> list[int]:
    first, second = column(run, item.expected), column(run, item.actual)
    if first is None or second is None:
        return []
    return [flip.window for flip in class_changes(run, first, second)]


def _effect(run: Run, item: ByteComparison) -> Interval | None:
    """Return the change of accuracy against the definition; None without labels."""
    first, second = column(run, item.expected), column(run, item.actual)
    if first is None or second is None or not usable(run, first, second).any():
        return None
    lost = loss(run, first, second)
    return Interval(-lost.value, -lost.high, -lost.low)


def _evidence(run: Run, item: ByteComparison) -> list[str]:
    first, second = column(run, item.expected), column(run, item.actual)
    text = (
        f"{clean(item.actual, 40)}: {len(item.differing)} of {item.compared} differ, by at most "
        f"{plural(item.max_difference_lsb, 'step')}"
    )
    if first is None or second is None:
        return [text]
    found = class_changes(run, first, second)
    names = [clean(name, 20) for name in run.windows.classes]
    kinds = ", ".join(f"{n} from {names[a]} to {names[b]}" for a, b, n in change_kinds(found))
    lines = [f"{text}; {len(found)} of them change class"]
    if found:
        effect = _effect(run, item)
        cost = f"; accuracy changes by {numbers(effect)}" if effect else ""
        lines.append(f"  {kinds}: windows {listed([f.window for f in found])}{cost}")
    return lines
