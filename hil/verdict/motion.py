"""What no arm does: absolute limits of the two sensors' values, which need no training windows."""

from __future__ import annotations

import math
from typing import Final

#: The earth's pull on a moving arm stays well within these (g); outside, the unit is another one.
GRAVITY_G: Final = (0.3, 3.0)
#: A range is wrong by a power of two, of which 2 and 4 occur; m/s² for g by 9.8. Beyond the middle
#: between 4 and 9.8 (in their logarithms) it is the unit.
RANGE_RATIO: Final = 6.3
#: No arm turns faster than this on average (rad/s).
MAX_GYRO_RMS: Final = 15.0
#: Gravity is the same for everybody. The median length of a window's mean acceleration differs by
#: at most 18 % between the ten people of the watch recordings, by their movements; beyond this
#: ratio it is the sensor's range.
GRAVITY_RATIO: Final = 1.3

#: A wrong unit makes gravity and movements smaller alike. Where gravity is below what moves by more
#: than this ratio (the root of the smallest ratio of two units), it is gravity that is missing.
GRAVITY_LOST: Final = math.sqrt(1 / 9.80665)

#: Ratios of two units of one quantity: m/s² and g, degrees and radians, a unit and its thousandth.
UNIT_RATIOS: Final = (9.80665, 180 / math.pi, 1000.0)
#: Ratios of two ranges of one sensor: neighbouring settings are powers of two (LSM9DS1 and LSM6DSM
#: data sheets). Eight times is left out: it is what the ends of int16 leave of 9.81.
RANGE_RATIOS: Final = (1.0, 2.0, 4.0)


def another_unit(ratio: float) -> bool:
    """Return whether values `ratio` times as large as expected are rather of another unit than of
    another range.
    """
    size = abs(math.log(ratio))
    unit, other = (
        min(abs(size - math.log(r)) for r in ratios) for ratios in (UNIT_RATIOS, RANGE_RATIOS)
    )
    return unit < other
