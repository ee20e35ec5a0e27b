"""What happens to a board in the middle of a run, and the ports that the system lists meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hil.backend.base import Transport


def before_write(transport: Transport, at: int, event: Callable[[], None]) -> None:
    """Let `event` happen before the `at`th write."""
    write, left = transport.write, at

    def counted(data: bytes) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            event()
        write(data)

    transport.write = counted  # type: ignore[method-assign]


@dataclass
class Listed:
    """A port as pyserial lists it."""

    vid: int | None
    pid: int | None
    device: str = "/dev/emulated"
    serial_number: str = "ABC"
    location: str | None = None
    description: str = "board"
    manufacturer: str | None = None
    product: str | None = None
    interface: str | None = None
