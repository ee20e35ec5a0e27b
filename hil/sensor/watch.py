"""Looks at samples while they are recorded: is the rate right, does the motion fit the range?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from hil.sensor.resample import fit_times
from hil.sensor.stream import RAIL, Batch

#: A sensor's oscillator is a few per cent off; more is another rate than was asked for.
RATE_TOLERANCE: Final = 0.1
#: The rate is looked at whenever so many seconds more have been recorded: over a second, the ticks
#: at which samples are taken blur it by some per cent.
LOOK_S: Final = 1.0


class Watch:
    """Tells each trouble once."""

    def __init__(self, nominal_hz: float) -> None:
        self._nominal_hz = nominal_hz
        self._times: list[int] = []
        self._looked_us: int | None = None
        self._told: set[str] = set()

    def add(self, batch: Batch) -> Iterator[str]:
        """Take samples in; yield what is newly wrong."""
        if batch.broken:
            self._times.clear()
            self._looked_us = None
        self._times += batch.times.tolist()
        if np.any(np.abs(batch.values.astype(np.int32)) >= RAIL) and self._is_new("range"):
            yield "the motion goes beyond the sensor's range, and is cut off there"
        if self._looked_us is None:
            self._looked_us = self._times[0]
        if self._times[-1] - self._looked_us < LOOK_S * 1e6:
            return
        self._looked_us = self._times[-1]
        _times, rate = fit_times(np.asarray(self._times, np.int64), self._nominal_hz)
        if abs(rate / self._nominal_hz - 1) > RATE_TOLERANCE and self._is_new("rate"):
            yield f"the sensor's rate is {rate:.1f} Hz, and should be near {self._nominal_hz:g} Hz"

    def _is_new(self, what: str) -> bool:
        new = what not in self._told
        self._told.add(what)
        return new
