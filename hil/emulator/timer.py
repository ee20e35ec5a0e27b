"""A chip's timer at 1 MHz with one compare value: what lets the firmware wake without the host."""

from __future__ import annotations

from abc import ABC, abstractmethod

from hil.emulator.bus import Peripheral
from hil.emulator.state import CoreState
from hil.emulator.usb import raise_interrupt

MASK = 0xFFFFFFFF


class Timer(Peripheral, ABC):
    """Counts microseconds of the virtual clock; `matched` is set when the count meets `compare`."""

    #: Bytes of its registers.
    span: int

    def __init__(self, name: str, base: int, exception: int, core: CoreState, core_hz: int) -> None:
        super().__init__(name, base, self.span)
        self._exception = exception
        self._core = core
        self._per_us = core_hz // 1_000_000
        #: When it was started on the virtual clock, None: it stands; the count then.
        self._since: int | None = None
        self._held = 0
        self._match: int | None = None
        self.compare = 0
        self.matched = False

    def reset(self) -> None:
        """Stop, at 0."""
        super().reset()
        self._since, self._held, self._match = None, 0, None
        self.compare, self.matched = 0, False

    def start(self) -> None:
        """Count on."""
        if self._since is None:
            self._since = self._core.now()
            self._aim()

    def stop(self) -> None:
        """Keep the count."""
        self._catch_up()
        self._held = self.count
        self._since = self._match = None

    def clear(self) -> None:
        """Count from 0."""
        self._held = 0
        if self._since is not None:
            self._since = self._core.now()
        self._aim()

    @property
    def count(self) -> int:
        """Microseconds, 32 bits."""
        passed = 0 if self._since is None else (self._core.now() - self._since) // self._per_us
        return (self._held + passed) & MASK

    def set_compare(self, value: int) -> None:
        """Choose the next match: the count's own value is a whole turn away."""
        self._catch_up()
        self.compare = value & MASK
        self._aim()

    def _aim(self) -> None:
        self._match = None
        if self._since is not None:
            left = (self.compare - self._held) & MASK
            while self._since + left * self._per_us <= self._core.now():
                left += MASK + 1
            self._match = self._since + left * self._per_us

    def _catch_up(self) -> None:
        if self._match is not None and self._core.now() >= self._match:
            self.matched = True
            self._aim()

    @property
    @abstractmethod
    def is_enabled(self) -> bool:
        """Whether a match raises the interrupt."""

    def due(self) -> int | None:
        """Return when, on the virtual clock, the interrupt will come; None: it will not."""
        return self._match if self.is_enabled and not self.matched else None

    def update(self) -> None:
        """Look at the interrupt line again."""
        self._catch_up()
        raise_interrupt(self._core, self._exception, self.matched and self.is_enabled)
