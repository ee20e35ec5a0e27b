"""More training windows out of the recorded ones. Only what validation showed to pay.

- The other arm: a reflection of the body's left and right turns the accelerometer (−, +, +) and
  the gyroscope (+, −, −), because angular velocity is an axial vector.
- Gain and offset per window and channel: another strap, another sensor of the same type.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

MIRROR: Final = np.asarray((-1, 1, 1, 1, -1, -1), np.int32)
#: Standard deviation of the gain, and of the offset in standard deviations of the channel.
GAIN: Final = 0.1
OFFSET: Final = 0.1
#: Jittered copies of every window and of its mirror image.
COPIES: Final = 4


def mirror(raw: NDArray[np.int16]) -> NDArray[np.int16]:
    """Return windows [N, T, 6] in counts as the other arm would have recorded them."""
    reflected: NDArray[np.int32] = raw * MIRROR
    return np.clip(reflected, -32768, 32767).astype(np.int16)


def jitter(windows: NDArray[np.float32], random: np.random.Generator) -> NDArray[np.float32]:
    """Return normalised windows [N, T, C] with another gain and offset each."""
    shape = (len(windows), 1, windows.shape[2])
    gain = random.normal(1, GAIN, shape).astype(np.float32)
    offset = random.normal(0, OFFSET, shape).astype(np.float32)
    return windows * gain + offset
