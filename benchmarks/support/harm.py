"""A line that harms frames in both directions: for whoever wants to see what a session survives."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable

from hil.backend.base import Transport


class HarmedTransport:
    """A transport on which each frame meets each kind of harm with probability `rate`.

    Kinds: dropped, flipped (one bit), duplicated, truncated, delayed (behind the next frame).
    harmed: how many of each so far, both ways together. frames: how many came to the line each way.
    """

    def __init__(self, transport: Transport, rate: float, seed: int) -> None:
        self._transport = transport
        self._rate = rate
        self._random = random.Random(seed)  # noqa: S311 - no secret
        self._kinds: dict[str, Callable[[bytes], bytes]] = {
            "dropped": lambda _: b"",
            "flipped": self._flip,
            "duplicated": lambda frame: frame + frame,
            "truncated": lambda frame: frame[: self._random.randrange(len(frame))],
        }
        self._held = {"there": b"", "back": b""}
        self._part = {"there": b"", "back": b""}
        self.harmed: Counter[str] = Counter()
        self.frames = {"there": 0, "back": 0}

    def write(self, data: bytes) -> None:
        """See Transport.write."""
        self._transport.write(self._pass("there", data))

    def read(self, timeout: float) -> bytes:
        """See Transport.read. What is held up comes at the latest when nothing else does."""
        data = self._transport.read(timeout)
        if not data and self._held["there"]:
            self._transport.write(self._release("there"))
        return self._pass("back", data) if data else self._release("back")

    def close(self) -> None:
        """See Transport.close."""
        self._transport.close()

    def _pass(self, way: str, data: bytes) -> bytes:
        *frames, self._part[way] = (self._part[way] + data).split(b"\0")
        return b"".join(self._harm(way, frame + b"\0") for frame in frames)

    def _harm(self, way: str, frame: bytes) -> bytes:
        self.frames[way] += 1
        for kind, change in self._kinds.items():
            if self._random.random() < self._rate:
                self.harmed[kind] += 1
                frame = change(frame)
                if not frame:
                    return b""
        if self._random.random() < self._rate:
            self.harmed["delayed"] += 1
            self._held[way] += frame
            return b""
        return frame + self._release(way)

    def _release(self, way: str) -> bytes:
        held, self._held[way] = self._held[way], b""
        return held

    def _flip(self, frame: bytes) -> bytes:
        at = self._random.randrange(len(frame))
        return frame[:at] + bytes([frame[at] ^ 1 << self._random.randrange(8)]) + frame[at + 1 :]
