"""What is known of a board. Each fact stands once, in `firmware/platform/boards/NAME.json`.

That file is PlatformIO's board manifest; its `tinyhil` object is read here, strictly: unknown or
missing keys are refused, so that a misspelt key cannot be silently ignored.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hil.errors import InputError
from hil.strict_json import from_json, read_json

PROJECT_DIR = Path(__file__).resolve().parent.parent
BOARDS_DIR = PROJECT_DIR / "firmware" / "platform" / "boards"


@dataclass(frozen=True)
class BoardFacts:
    """The `tinyhil` object of a board's manifest. Addresses and sizes in bytes.

    usb_id_shared: the program's USB id is one that its vendor gives to everybody.
    """

    chip: str
    clock_hz: int
    flash_origin: int
    flash_size: int
    ram_origin: int
    ram_size: int
    uart: str
    baud: int
    raw_unit: str
    sensor: str
    sensor_hz: int
    usb_id_shared: bool


@dataclass(frozen=True)
class Board:
    """A board: its short name (`--board`), its title for people, its facts and USB ids.

    usb_ids: of its program, then of its bootloader. uploader: what `pio run -t upload` uses.
    """

    name: str
    title: str
    facts: BoardFacts
    usb_ids: tuple[tuple[int, int], ...]
    uploader: str


def board_names() -> list[str]:
    """Return the names that `--board` takes, sorted."""
    return sorted(p.stem for p in BOARDS_DIR.glob("*.json"))


def load_board(name: str) -> Board:
    """Return a board by name. Raises InputError naming the boards there are."""
    if name not in board_names():
        raise InputError(f"no board {name!r}: choose one of {', '.join(board_names())}")
    path = BOARDS_DIR / f"{name}.json"
    manifest = read_json(path)
    facts = from_json(BoardFacts, manifest.get("tinyhil"), f"{path.name}: tinyhil")
    hwids = manifest["build"]["hwids"]
    usb_ids = tuple((int(vid, 16), int(pid, 16)) for vid, pid in hwids)
    return Board(name, manifest["name"], facts, usb_ids, manifest["upload"]["protocol"])
