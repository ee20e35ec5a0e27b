"""Raw samples beside the model inputs that definition and device make of them. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hil.record import InputEvidence

F64 = NDArray[np.float64]


@dataclass(frozen=True)
class Cause:
    """What was told of one channel (its index)."""

    name: str
    channel: int
    text: str


@dataclass(frozen=True)
class Samples:
    """raw, expected, actual: float64 [windows, samples, channels]; the rest as in the record."""

    given: InputEvidence
    raw: F64
    expected: F64
    actual: F64

    @classmethod
    def of(cls, given: InputEvidence) -> Samples:
        """Return the samples of a record's evidence."""

        def stack(texts: list[str], dtype: str) -> F64:
            rows = [np.frombuffer(bytes.fromhex(t), dtype) for t in texts]
            return np.stack(rows).astype(np.float64).reshape(len(rows), -1, len(given.channels))

        return cls(
            given,
            stack([p.raw for p in given.pairs], "<i2"),
            stack([p.expected for p in given.pairs], "i1"),
            stack([p.actual for p in given.pairs], "i1"),
        )

    def steps(self, raw: F64) -> F64:
        """Return samples as steps of the model's input from its zero point, not rounded."""
        mean, std = np.array(self.given.mean), np.array(self.given.std)
        steps: F64 = (raw - mean) / (std * self.given.scale)
        return steps

    def codes(self, raw: F64) -> F64:
        """Return the codes of samples: rounded half away from zero, clamped."""
        steps = self.steps(raw)
        rounded = np.sign(steps) * np.floor(np.abs(steps) + 0.5)
        return clamped(rounded + self.given.zero_point)

    @property
    def wrong(self) -> list[int]:
        """Return the channels in which a code differs."""
        return [int(c) for c in np.flatnonzero((self.actual != self.expected).any(axis=(0, 1)))]

    def explains(self, codes: F64, c: int, use: NDArray[np.bool_] | None = None) -> bool:
        """Whether codes give the device's in channel c, where `use` says to look at samples.

        One step off is let pass in one of twenty, where a sample lies between two codes; and nine
        of ten differences must be gone: codes that are nearly the right ones explain nothing.
        """
        look = slice(None) if use is None else use
        made, got, right = (x[:, look, c] for x in (codes, self.actual, self.expected))
        off, before = np.abs(made - got), np.count_nonzero(got != right)
        if not off.size or off.max() > 1 or (off > 0).mean() > 0.05:
            return False
        return bool(before == 0 or np.count_nonzero(off) <= before / 10)


def clamped(codes: F64) -> F64:
    """Return codes within int8."""
    return np.clip(codes, -128, 127)
