"""Weights as firmware/lib/nn/nn_packed.h reads them, and the proof that it may.

Two rows share one int16 lane, 256 · high + low, two lanes a word. The kernel's sums are exact while
the high row's stays below 2^23 and the low row's below 2^30; its shifts are to the right.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pipeline.ops.base import Window
from pipeline.quant import requantize, wrap32

I64 = NDArray[np.int64]

#: Largest sums of the row in a lane's high byte and of the one in its low byte.
HIGH_LIMIT: Final = 2**23 - 1
LOW_LIMIT: Final = 2**30 - 1
#: Largest right shift: beyond it, half a code and the zero point could leave 32 bits.
MAX_RIGHT: Final = 22


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows of a matrix, in the order of the output: weights [rows, pairs, 2], an even number."""

    weights: I64
    bias: I64

    @property
    def lanes(self) -> I64:
        """Return [rows / 2, pairs, 2]."""
        return 256 * self.weights[1::2] + self.weights[0::2]

    @property
    def starts(self) -> I64:
        """Return what the sums of each row start from, as int32 values."""
        starts = self.bias.copy()
        starts[1::2] = 256 * self.bias[1::2] + self.bias[0::2]
        return wrap32(starts)

    def words(self, block: int) -> NDArray[np.uint32]:
        """Return the words: blocks of `block` rows, then of two."""
        halves = self.lanes & 0xFFFF
        words = halves[..., 0] | halves[..., 1] << 16
        full = len(words) - len(words) % (block // 2)
        blocks = words[:full].reshape(-1, block // 2, words.shape[1]).transpose(0, 2, 1)
        return np.concatenate([blocks.reshape(-1), words[full:].reshape(-1)]).astype(np.uint32)

    @property
    def largest(self) -> int:
        """Return the largest size of any row's sum, over all int8 inputs."""
        return int(largest_sums(self.weights, self.bias).max())

    def why_not(self) -> str | None:
        """Return what the packed kernels cannot compute exactly, None where they can."""
        if int(self.lanes.min()) < -(2**15) or int(self.lanes.max()) >= 2**15:
            return "weights of -128"
        bounds = largest_sums(self.weights, self.bias)
        if int(bounds[1::2].max()) > HIGH_LIMIT or int(bounds[0::2].max()) > LOW_LIMIT:
            return "sums too large to share a lane"
        return None


def largest_sums(weights: I64, bias: I64) -> I64:
    """Return the largest size of each row's sum, over all int8 inputs. weights [rows, …]"""
    taps = weights.reshape(len(weights), -1)
    highest = bias + np.maximum(taps * -128, taps * 127).sum(axis=1)
    lowest = bias + np.minimum(taps * -128, taps * 127).sum(axis=1)
    largest: I64 = np.maximum(np.abs(highest), np.abs(lowest))
    return largest


@dataclass(frozen=True, eq=False)
class Scales:
    """What becomes of each row's sum: bias, multiplier and shift, and the codes of the layer."""

    bias: I64
    multiplier: I64
    shift: I64
    zero_point: int
    low: int
    high: int

    def settled(self, weights: NDArray[Any]) -> Scales:
        """Return scales with which rows of zeros give the same code by a shift to the right.

        Pruned rows have absurd scales. A sum that is always the bias always gives the same code,
        so any bias, multiplier and shift will do that give it: 4 · real · 1/2 · 2^-1.
        """
        constant = ~weights.reshape(len(weights), -1).any(axis=1)
        real = self.codes_of_bias - self.zero_point
        return replace(
            self,
            bias=np.where(constant, 4 * real, self.bias),
            multiplier=np.where(constant, 2**30, self.multiplier),
            shift=np.where(constant, -1, self.shift),
        )

    @property
    def codes_of_bias(self) -> I64:
        """Return the codes of rows whose sum is the bias alone."""
        codes = requantize(self.bias, self.multiplier, self.shift) + self.zero_point
        return np.clip(codes, self.low, self.high)

    @property
    def finish(self) -> str:
        """Return the `enum nn_finish` of the layer."""
        if (self.low, self.high) != (-128, 127):
            return "NN_FINISH_CLAMP"
        return "NN_FINISH_FLOOR" if self.zero_point == self.low else "NN_FINISH_FULL"


def leaves_input(*windows: Window) -> bool:
    """Return whether a kernel with these windows hangs over any edge of its input."""
    return any(
        w.pad > 0 or (w.out - 1) * w.stride - w.pad + (w.kernel - 1) * w.dilation >= w.size
        for w in windows
    )


def shifts_fit(shifts: I64) -> bool:
    """Return whether all results are shifted to the right, and not too far."""
    return bool((shifts <= -1).all() and (shifts >= -MAX_RIGHT).all())


def pair_order(count: int) -> NDArray[np.intp]:
    """Return [pairs, 2]: which of `count` inputs nn_widen puts into each pair; `count`: nothing.

    Full groups of four give bytes 0 and 2, then 1 and 3, as SXTB16 takes them; the rest in order.
    """
    full, rest = count - count % 4, count % 4
    groups = np.arange(full).reshape(-1, 2, 2).swapaxes(1, 2).reshape(-1, 2)
    tail = np.minimum(np.arange(full, full + rest + rest % 2), count).reshape(-1, 2)
    return np.concatenate([groups, tail])


def even_rows(values: NDArray[Any]) -> I64:
    """Return values with a row of zeros more where they have an odd number of rows."""
    padding = [(0, len(values) % 2), *[(0, 0)] * (values.ndim - 1)]
    return np.pad(values.astype(np.int64), padding)


def paired(segments: NDArray[Any]) -> I64:
    """Return [rows, pairs, 2] of weights [rows, segments, inputs], each segment by pair_order."""
    rows, _, inputs = segments.shape
    padded = np.pad(segments.astype(np.int64), ((0, 0), (0, 0), (0, 1)))
    return padded[:, :, pair_order(inputs)].reshape(rows, -1, 2)


def quads(matrix: NDArray[Any]) -> I64:
    """Return [rows, pairs, 2] of weights [rows, depth] with the depth filled up to fours."""
    rows, depth = matrix.shape
    return paired(np.pad(matrix, ((0, 0), (0, -depth % 4))).reshape(rows, 1, -1))
