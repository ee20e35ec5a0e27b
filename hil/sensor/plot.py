"""What a recording looks like while it runs: two lines of the terminal that move on."""

from __future__ import annotations

from collections import deque
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hil.sensor.stream import UNIT_PER_COUNT, Batch

BARS: Final = " ▁▂▃▄▅▆▇█"
#: The height of a full bar: what a quick gesture reaches, in g and rad/s.
FULL: Final = (3.0, 10.0)
NAMES: Final = ("acceleration", "rotation")
UNITS: Final = ("g", "rad/s")


class Plot:
    """The magnitudes of acceleration and rotation, a column for each `per_column` samples."""

    def __init__(self, columns: int, per_column: int = 6) -> None:
        self._per_column = per_column
        self._rest: list[NDArray[np.float64]] = []
        self._columns = tuple(deque[float](maxlen=columns) for _ in NAMES)

    def add(self, batch: Batch) -> None:
        """Take samples in."""
        real = batch.values * np.asarray(UNIT_PER_COUNT)
        for row in real:
            self._rest.append(row)
            if len(self._rest) == self._per_column:
                self._close_column()

    def _close_column(self) -> None:
        block = np.stack(self._rest)
        self._rest.clear()
        for column, part in zip(self._columns, (block[:, :3], block[:, 3:]), strict=True):
            column.append(float(np.linalg.norm(part, axis=1).max()))

    def lines(self) -> list[str]:
        """Return a line per sensor: its name, the bars, the newest value."""
        return [
            f"{name:>12} {_bars(column, full)} {column[-1] if column else 0:5.2f} {unit}"
            for name, unit, column, full in zip(NAMES, UNITS, self._columns, FULL, strict=True)
        ]


def _bars(values: deque[float], full: float) -> str:
    top = len(BARS) - 1
    text = "".join(BARS[min(top, round(value / full * top))] for value in values)
    return text.ljust(values.maxlen or 0)
