"""Raw sensor counts to the model's int8 input: the one definition of the preprocessing.

Per channel, in float32: `q = clamp(zp + round_half_away((x − mean) · k), −128, 127)`, where x is
the count, `k = 1 / (std · input scale)`, and zp is added as an integer after the rounding. One
subtraction and one multiplication that are never fused (the firmware is built with
`-ffp-contract=off`): numpy and the board give the same bytes. The C side is emitted from the same
constants by `pipeline/emit_c`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Preprocessing:
    """Constants per channel, in counts. `mean[c]`, `std[c]`: of the training windows."""

    mean: tuple[float, ...]
    std: tuple[float, ...]

    def normalise(self, raw: NDArray[np.int16]) -> NDArray[np.float32]:
        """Return what the float model takes: (x − mean) / std, same shape, float32."""
        mean = np.asarray(self.mean, np.float32)
        return (raw.astype(np.float32) - mean) * (np.float32(1) / np.asarray(self.std, np.float32))

    def gains(self, input_scale: float) -> NDArray[np.float32]:
        """Return k per channel, float32: computed in float64, rounded once."""
        return (1.0 / (np.asarray(self.std, np.float64) * input_scale)).astype(np.float32)

    def quantize(
        self, raw: NDArray[np.int16], input_scale: float, input_zero_point: int
    ) -> NDArray[np.int8]:
        """Return the int8 input, same shape; see the module's docstring for the exact rule."""
        mean = np.asarray(self.mean, np.float32)
        scaled = (raw.astype(np.float32) - mean) * self.gains(input_scale)
        # Half away from zero: truncate(|v|) and one more when the rest, exact in float32, is ≥ ½.
        whole = np.trunc(scaled)
        rounded = whole + np.where(np.abs(scaled - whole) >= np.float32(0.5), np.sign(scaled), 0)
        # Clamped before the cast: a count far outside the range must not wrap.
        code = np.clip(rounded, -1024, 1024).astype(np.int32) + np.int32(input_zero_point)
        quantized: NDArray[np.int8] = np.clip(code, -128, 127).astype(np.int8)
        return quantized
