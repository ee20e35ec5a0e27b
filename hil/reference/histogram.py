"""How often a layer's values occur, counted window by window: float beside int8."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hil.record import BINS, Histogram
from hil.verdict.drift import CODE_RANGES


class HistogramCounter:
    """Counts the values of one layer; no tensor is kept."""

    def __init__(self, scale: float, zero_point: int, dtype: str) -> None:
        self._scale, self._zero_point = scale, zero_point
        self._low, self._high = CODE_RANGES[np.dtype(dtype)]
        # Two more for what lies below and above all codes.
        self._floats = np.zeros(BINS + 2, np.int64)
        self._codes = np.zeros(BINS, np.int64)
        self._rails = [0, 0]

    def add(self, reference: NDArray[Any], codes: NDArray[Any]) -> None:
        """Count one window: float reference and int8 or int16 codes of the same size."""
        wide = np.rint(reference.ravel() / self._scale) + self._zero_point
        wide = wide[~np.isnan(wide)]
        # In the order of codes, the first beyond each end stands for all that lie there.
        near = np.clip(wide, self._low - 1, self._high + 1).astype(np.int64)
        self._floats += np.bincount(self._bin(near) + 1, minlength=BINS + 2)
        flat = codes.ravel().astype(np.int64)
        self._codes += np.bincount(self._bin(flat), minlength=BINS)
        for i, rail in enumerate((self._low, self._high)):
            self._rails[i] += int((flat == rail).sum())

    def _bin(self, codes: NDArray[np.int64]) -> NDArray[np.int64]:
        step = (self._high - self._low + 1) // BINS
        return (codes - self._low) // step

    def result(self) -> Histogram:
        """Return the counts of all windows."""
        below, *floats, above = self._floats.tolist()
        return Histogram(tuple(floats), tuple(self._codes.tolist()), below, above, *self._rails)
