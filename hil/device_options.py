"""The options that say how a device is reached, as `tinyhil run`, `live`, `capture` and pytest have
them: one text each, which README.md's table repeats at more length.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hil.backend.base import BACKENDS
from hil.links import CHOICES


def add_device_options(
    add: Callable[..., Any],
    *,
    emulator: str = "else the embedded emulator",
    several: bool = False,
) -> None:
    """Add --backend, --port and --via by a parser's `add_argument`, or what takes the same.

    emulator: when `auto` is it. several: --port is repeated, for each board.
    """
    add(
        "--backend",
        choices=["auto", *BACKENDS],
        default="auto",
        help=f"auto: a board given by --port or found on USB, {emulator}",
    )
    port = "a real board's serial port, or its USB serial number; the only board on USB otherwise"
    if several:
        add("--port", action="append", help=f"{port}; of several boards: BOARD=PORT")
    else:
        add("--port", help=port)
    add(
        "--via",
        choices=CHOICES,
        default="auto",
        help="the board's link: auto is what --port is; in emulation USB where the board answers "
        "there, else the UART",
    )
