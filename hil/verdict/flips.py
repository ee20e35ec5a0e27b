"""Windows whose class changes from one column to another, and a bounded choice of them. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from hil.record import Column, Run

#: Windows of a step that are kept and drawn, evenly spread: the others are only counted.
KEPT: Final = 12

Outcome = Literal["broken", "mended", "other"]


def flips(before: Column, after: Column) -> list[int]:
    """Return the windows that both columns measured and gave different classes."""
    pairs = enumerate(zip(before.predicted, after.predicted, strict=True))
    return [i for i, (a, b) in pairs if a >= 0 and b >= 0 and a != b]


def spread(windows: Sequence[int], most: int = KEPT) -> list[int]:
    """Return at most so many of `windows`, evenly spread, in their order."""
    count = min(most, len(windows))
    return [windows[i * len(windows) // count] for i in range(count)]


@dataclass(frozen=True)
class Flip:
    """A window that two columns answer differently: classes by number; label -1: unknown."""

    window: int
    label: int
    before: int
    after: int


def class_changes(run: Run, before: Column, after: Column) -> list[Flip]:
    """Return what each of `flips` is: which window, from which class to which."""
    label = run.windows.label
    return [
        Flip(i, label[i], before.predicted[i], after.predicted[i]) for i in flips(before, after)
    ]


def change_kinds(found: Sequence[Flip]) -> list[tuple[int, int, int]]:
    """Return (class before, class after, windows), the most frequent first."""
    counted = Counter((f.before, f.after) for f in found)
    return [(*kind, n) for kind, n in sorted(counted.items(), key=lambda k: (-k[1], k[0]))]


@dataclass(frozen=True)
class WindowChange:
    """A window that two columns answer differently, for people: names, and the classes' scores.

    window: its number. truth: None without a label. before_score, after_score: of each answer, by
    the column that gave it.
    """

    window: int
    subject: str
    recording: int
    truth: str | None
    before: str
    after: str
    before_score: float
    after_score: float

    @property
    def outcome(self) -> Outcome:
        """Whether it went from right to wrong, from wrong to right, or neither."""
        if self.truth == self.before:
            return "broken"
        return "mended" if self.truth == self.after else "other"


def window_changes(run: Run, before: Column, after: Column) -> tuple[WindowChange, ...]:
    """Return what each of `flips` is. Both columns are over the windows of `run`."""
    return tuple(_change(run, before, after, i) for i in flips(before, after))


def _change(run: Run, before: Column, after: Column, window: int) -> WindowChange:
    known, a, b = run.windows, before.predicted[window], after.predicted[window]
    label = known.label[window]
    return WindowChange(
        window=window,
        subject=known.subject[window],
        recording=known.recording[window],
        truth=known.classes[label] if label >= 0 else None,
        before=known.classes[a],
        after=known.classes[b],
        before_score=before.scores[window][a],
        after_score=after.scores[window][b],
    )
