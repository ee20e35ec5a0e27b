"""A vertical axis of accuracy with round ticks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from hil.report.chain import Step

#: Pixel rows of the chain picture between which accuracies lie.
PLOT_TOP: Final = 26
PLOT_BOTTOM: Final = 196


@dataclass(frozen=True)
class Axis:
    """From `low` to `high`, with its ticks."""

    low: float
    high: float
    ticks: tuple[float, ...]

    def share(self, value: float) -> float:
        """Return where `value` lies between low (0) and high (1)."""
        return (value - self.low) / (self.high - self.low)

    def y(self, value: float) -> float:
        """Return the pixel row of an accuracy, clamped to the plot."""
        share = min(1.0, max(0.0, self.share(value)))
        return PLOT_BOTTOM - (PLOT_BOTTOM - PLOT_TOP) * share


def accuracy_axis(steps: Sequence[Step], limit: float | None = None) -> Axis:
    """Return an axis that holds every interval, in round steps of 1, 2, 5, 10 or 25 points."""
    values = [v for s in steps if s.accuracy for v in (s.accuracy.low, s.accuracy.high)]
    values += [] if limit is None else [limit]
    low, high = min(values, default=0.0), max(values, default=1.0)
    width = next((w for w in (1, 2, 5, 10, 25) if (high - low) * 100 <= 5 * w), 25)
    bottom = max(0, math.floor(low * 100 / width) * width)
    top = min(100, math.ceil(high * 100 / width) * width)
    if top == bottom:
        bottom, top = max(0, bottom - width), min(100, top + width)
    ticks = tuple(t / 100 for t in range(bottom, top + 1, width))
    return Axis(bottom / 100, top / 100, ticks)
