"""What no arm does: absolute limits of the two sensors' values, which need no training windows."""

from __future__ import annotations

from typing import Final

#: The earth's pull on a moving arm stays well within these (g); outside, the unit is another one.
GRAVITY_G: Final = (0.3, 3.0)
#: No arm turns faster than this on average (rad/s).
MAX_GYRO_RMS: Final = 15.0
#: Gravity is the same for everybody. The median length of a window's mean acceleration differs by
#: at most 18 % between the ten people of the watch recordings, by their movements; beyond this
#: ratio it is the sensor's range.
GRAVITY_RATIO: Final = 1.3
