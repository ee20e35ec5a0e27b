"""From the sensor's own samples to a regular rate.

The chips offer 119 Hz (LSM9DS1) and 104 Hz (LSM6DSM), by oscillators that are some per cent off;
the models want 100 Hz. The device says when it took each sample out of the FIFO, on a crystal's
clock: those times come in steps of a tick, but the line through them is the chip's true rate. The
samples are put on that line, and values between them are interpolated linearly. At these rates and
for a motion of 5 Hz that is off by at most a 110th of its amplitude ((ωT)²/8).
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

#: Fewer distinct times than this make no line.
MIN_STEPS: Final = 3


def fit_times(taken_us: NDArray[np.int64], nominal_hz: float) -> tuple[NDArray[np.float64], float]:
    """Return when each sample was measured, float64 seconds, and the rate in Hz.

    taken_us: int64 [n], microseconds at which samples were taken out of a FIFO, never decreasing.
    The last of those taken together is the newest: the line goes through these. Where there are too
    few for a line, `nominal_hz` is the rate.
    """
    count = len(taken_us)
    numbers = np.arange(count)
    newest = np.flatnonzero(np.diff(taken_us, append=taken_us[-1] + 1)) if count else numbers
    period, start = 1 / nominal_hz, (float(taken_us[0]) / 1e6 if count else 0.0)
    if len(newest) >= MIN_STEPS:
        slope, offset = np.polyfit(newest.astype(np.float64), taken_us[newest] / 1e6, 1)
        if slope > 0:
            period, start = float(slope), float(offset)
    return start + period * numbers.astype(np.float64), 1 / period


def resample(
    times: NDArray[np.float64], values: NDArray[np.generic], rate_hz: float
) -> NDArray[np.float64]:
    """Return float64 [m, C] at `rate_hz`, from the first sample on, to the last at most.

    times: float64 [n] seconds, increasing. values: [n, C].
    """
    if not len(times):
        return np.empty((0, values.shape[1]))
    # A grid point that falls on the last sample counts in spite of rounding.
    count = int((times[-1] - times[0]) * rate_hz + 1e-6) + 1
    return interpolate(times[0] + np.arange(count) / rate_hz, times, values)


def interpolate(
    grid: NDArray[np.float64], times: NDArray[np.float64], values: NDArray[np.generic]
) -> NDArray[np.float64]:
    """Return float64 [m, C]: `values` [n, C], measured at `times` [n], at the times `grid` [m]."""
    columns = [np.interp(grid, times, column) for column in values.T]
    return np.stack(columns, axis=1)
