"""Named faults on the line between host and device, at a seeded rate per byte.

drop       the byte is lost
flip       one of its bits is inverted
duplicate  it arrives twice
truncate   it and what follows are lost up to the next 0x00 (which ends a frame), which arrives
delay      it and what follows arrive later, in order
"""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass

KINDS = ("drop", "flip", "duplicate", "truncate", "delay")

#: How long `delay` holds bytes back, in seconds of the host's clock: longer than a round trip on
#: the emulator, shorter than any deadline of a client.
DELAY_S = 0.05


@dataclass(frozen=True)
class Plan:
    """A fault, how often per byte (0 to 1), and the random seed."""

    kind: str
    rate: float
    seed: int = 0


class FaultyLine:
    """One direction of the line. Time is passed in, in seconds."""

    def __init__(self) -> None:
        self.count = 0
        self._held: deque[tuple[float, bytes]] = deque()
        self.set(None)

    def set(self, plan: Plan | None) -> None:
        """Choose the fault from here on, None for a sound line."""
        self._plan = plan
        self._random = random.Random(plan.seed if plan else 0)  # noqa: S311 - no secret
        self._cutting = False

    def put(self, data: bytes, now: float) -> None:
        """Send `data` into the line."""
        ready = max(now, self._held[-1][0]) if self._held else now
        if self._plan is None:
            self._held.append((ready, data))
            return
        for byte in data:
            if self._strikes():
                out, ready = self._fault(byte, ready)
            else:
                out = bytes([byte])
            if self._cutting:
                self._cutting = byte != 0
                out = b"\0" if byte == 0 else b""
            self._held.append((ready, out))

    def take(self, now: float) -> bytes:
        """Return what has come out of the line by `now`."""
        out = []
        while self._held and self._held[0][0] <= now:
            out.append(self._held.popleft()[1])
        return b"".join(out)

    def next_time(self) -> float | None:
        """Return when something will come out, None when nothing is held."""
        return self._held[0][0] if self._held else None

    def _strikes(self) -> bool:
        assert self._plan is not None
        return not self._cutting and self._random.random() < self._plan.rate

    def _fault(self, byte: int, ready: float) -> tuple[bytes, float]:
        assert self._plan is not None
        self.count += 1
        kind = self._plan.kind
        if kind == "flip":
            return bytes([byte ^ 1 << self._random.randrange(8)]), ready
        if kind == "duplicate":
            return bytes([byte, byte]), ready
        if kind == "delay":
            return bytes([byte]), ready + DELAY_S
        self._cutting = kind == "truncate"
        return b"", ready
