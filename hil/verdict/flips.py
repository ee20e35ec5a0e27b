"""Windows whose class changes from one column to another, and a bounded choice of them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from hil.record import Column

#: Windows of a step that are kept and drawn, evenly spread: the others are only counted.
KEPT: Final = 12


def flips(before: Column, after: Column) -> list[int]:
    """Return the windows that both columns measured and gave different classes."""
    pairs = enumerate(zip(before.predicted, after.predicted, strict=True))
    return [i for i, (a, b) in pairs if a >= 0 and b >= 0 and a != b]


def spread(windows: Sequence[int], most: int = KEPT) -> list[int]:
    """Return at most so many of `windows`, evenly spread, in their order."""
    count = min(most, len(windows))
    return [windows[i * len(windows) // count] for i in range(count)]
