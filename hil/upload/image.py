"""An image as a bootloader takes it."""

from __future__ import annotations

from pathlib import Path

from hil.board import Board
from hil.errors import InputError
from hil.files import read_file


def read_image(path: Path, board: Board) -> bytes:
    """Return an image's bytes, checked: the bootloader would not start an empty or a wrong one."""
    facts = board.facts
    image = read_file(path, facts.flash_size)
    if not 8 <= len(image) <= facts.flash_size:
        raise InputError(f"{path}: {len(image)} bytes; {board.name} takes 8 to {facts.flash_size}")
    stack, entry = (int.from_bytes(image[i : i + 4], "little") for i in (0, 4))
    in_ram = facts.ram_origin < stack <= facts.ram_origin + facts.ram_size
    in_flash = facts.flash_origin <= entry < facts.flash_origin + facts.flash_size
    if not (in_ram and in_flash and entry % 2 == 1):
        raise InputError(f"{path}: not an image for {board.name}: it does not begin with vectors")
    return image
