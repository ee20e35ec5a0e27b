"""What a device's bytes go through: the names that `--via` and the run record use, and words.

A board has two links, the UART on its pins and USB, and answers on the one that asked
(firmware/src/port/cortex_m/link.h). Which one a run used is part of its identity.
"""

from __future__ import annotations

from typing import Final

from hil.errors import InputError, clean

#: What `--via` takes. `auto` is what `--port` turns out to be, and in emulation, where both are
#: attached, USB if the board answers there, else the UART (hil/backend/both_links.py).
CHOICES: Final = ("auto", "uart", "usb")
BOARD_LINKS: Final = ("uart", "usb")

WORDS: Final = {
    "uart": "UART",
    "usb": "USB",
    "process": "a process, no link of a board",
    "unknown": "a port that does not tell what is behind it",
}


def words(via: str) -> str:
    """Return a link's name for people; a record may come from anywhere."""
    return WORDS.get(via, WORDS["unknown"])


def check_link(via: str, backend: str, links: tuple[str, ...]) -> None:
    """Raise InputError where a back end with `links` cannot do what `--via` asks for."""
    if via != "auto" and via not in links:
        has = " or ".join(links) or "no link of a board"
        raise InputError(f"--via {clean(via)}: the {backend} back end has {has}; leave out --via")
