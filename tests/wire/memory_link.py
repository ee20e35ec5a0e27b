"""Two ends joined in memory: a Transport whose other side is the C server, and time as a value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from c_end import CDevice

Fault = Callable[[bytes], bytes]


@dataclass
class Clock:
    """Seconds that pass only when somebody waits."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def perfect(data: bytes) -> bytes:
    return data


class MemoryTransport:
    """Bytes to a device and back. chunk: bytes that each side is given at once (0: all)."""

    def __init__(
        self,
        device: CDevice,
        clock: Clock,
        *,
        chunk: int = 0,
        to_device: Fault = perfect,
        to_host: Fault = perfect,
    ) -> None:
        self.device = device
        self.clock = clock
        self.chunk = chunk
        self.to_device, self.to_host = to_device, to_host
        self.waiting = bytearray()
        self.written = 0

    def write(self, data: bytes) -> None:
        self.written += len(data)
        data = self.to_device(data)
        step = self.chunk or len(data) or 1
        for i in range(0, len(data), step):
            self.waiting += self.to_host(self.device.exchange(data[i : i + step], step))

    def read(self, timeout: float) -> bytes:
        if not self.waiting:
            self.clock.now += max(timeout, 1e-6)
            # What was held up on the line arrives now.
            self.waiting += self.to_host(self.device.exchange(self.to_device(b"")))
            return b""
        size = self.chunk or len(self.waiting)
        data = bytes(self.waiting[:size])
        del self.waiting[:size]
        return data

    def close(self) -> None:
        self.waiting.clear()


class Lossy:
    """Harms a share of the frames that pass: drops, flips, doubles, delays, cuts, or adds noise."""

    def __init__(self, random: Random, share: float) -> None:
        self._random = random
        self._share = share
        self._held: list[bytes] = []
        self.harmed = 0

    def __call__(self, data: bytes) -> bytes:
        out = b"".join(self._held)
        self._held.clear()
        for frame in data.split(b"\0")[:-1]:
            out += self._pass(frame + b"\0")
        return out + data[data.rfind(b"\0") + 1 :]

    def _pass(self, frame: bytes) -> bytes:
        if self._random.random() >= self._share:
            return frame
        self.harmed += 1
        at = self._random.randrange(len(frame))
        kind = self._random.choice(("drop", "flip", "double", "delay", "cut", "noise"))
        if kind == "delay":
            self._held.append(frame)
        return {
            "drop": b"",
            "delay": b"",
            "flip": frame[:at] + bytes((frame[at] ^ 1 << at % 8,)) + frame[at + 1 :],
            "double": frame * 2,
            "cut": frame[:at],
            "noise": self._random.randbytes(at) + frame,
        }[kind]
