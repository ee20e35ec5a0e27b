"""Faults in the device: its C, its image's memory, its line, and which build it runs."""

from __future__ import annotations

import re
import shutil
import struct
import subprocess
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from elftools.elf.elffile import ELFFile

from hil.backend.base import Transport
from hil.backend.embedded import EmbeddedBackend
from hil.board import Board
from hil.errors import InputError, LinkError, ToolError, clean
from hil.firmware.recipe import (
    BOARD_LIBRARIES,
    C_FLAGS,
    CPU_FLAGS,
    FIRMWARE_DIR,
    LIBRARY_DIR,
    SOURCE_DIR,
    build_info,
    chip_dirs,
    memory_script,
    source_hash,
)

#: What is planted may leave unused what it replaces; the recipe's warnings are for the project's C.
QUIET: Final = ("-w",)


def emit(model: Path, out: Path, changes: Sequence[tuple[str, str, float]]) -> None:
    """Write the model's C with faults in it; see pipeline/plant."""
    import_module("pipeline.plant").emit_planted(model, out, changes)


def stale_build_info(board: Board, out: Path) -> None:
    """Write a build_info.h that says it was made from other sources."""
    text = build_info(board, board.facts.baud)
    first = f"0x{source_hash()[0]:02X}"
    (out / "build_info.h").write_text(text.replace(first, f"0x{source_hash()[0] ^ 0xFF:02X}", 1))


def link_board(board: Board, code: Path, out: Path) -> Path:
    """Build a board's image with the model's C in `code` by the recipe of firmware_recipe.py.

    Without PlatformIO, whose project builds only what is right. Raises ToolError.
    """
    compiler = shutil.which("arm-none-eabi-gcc")
    if compiler is None:
        raise ToolError("no cross compiler: apt-get install gcc-arm-none-eabi")
    (out / "build_info.h").write_text(build_info(board, board.facts.baud))
    (out / "memory.ld").write_text(memory_script(board))
    ports = [SOURCE_DIR / "port" / name for name in chip_dirs(board)]
    folders = [out, SOURCE_DIR, *ports, code, *(LIBRARY_DIR / name for name in BOARD_LIBRARIES)]
    sources = sorted(p for folder in folders for p in [*folder.glob("*.c"), *folder.glob("*.S")])
    elf = out / "firmware.elf"
    command = [compiler, *CPU_FLAGS, *C_FLAGS, *QUIET, *(f"-I{f}" for f in folders), f"-L{out}"]
    command += ["-nostartfiles", "-Wl,--gc-sections"]
    command += ["-T", str(FIRMWARE_DIR / "platform" / "ldscripts" / "firmware.ld")]
    command += [*map(str, sources), "-lgcc", "-lc", "-lgcc", "-o", str(elf)]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    if result.returncode != 0:
        lines = [line for line in result.stderr.splitlines() if "rror" in line]
        raise ToolError(f"{board.name}: not built: {clean(lines[0] if lines else '', 300)}")
    return elf


class CutTransport:
    """A transport whose other end is gone after `limit` bytes received: a cable that is pulled."""

    def __init__(self, inner: Transport, limit: int) -> None:
        self._inner = inner
        self._left = limit

    def read(self, timeout: float) -> bytes:
        """See Transport.read."""
        if self._left <= 0:
            raise LinkError("the port is gone")
        data = self._inner.read(timeout)[: self._left]
        self._left -= len(data)
        return data

    def write(self, data: bytes) -> None:
        """See Transport.write."""
        if self._left <= 0:
            raise LinkError("the port is gone")
        self._inner.write(data)

    def close(self) -> None:
        """See Transport.close."""
        self._inner.close()


def disturb_line(backend: EmbeddedBackend, kind: str, rate: float, seed: int) -> None:
    """Plant a fault of the line in both directions; `rate` per byte."""
    for direction in ("to_device", "to_host"):
        backend.request("faults", direction=direction, kind=kind, rate=rate, seed=seed)


def damage_memory(backend: EmbeddedBackend, elf: Path, how: str, place: str, amount: float) -> None:
    """Damage an image that has booted: "weight-bits", "mean" or "gain"."""
    if how == "weight-bits":
        address, size = _symbol(elf, rf"model_\d+_{re.escape(place)}\w*_weights")
        data = bytearray(_peek(backend, address, size))
        count = int(amount)
        for i in range(count):
            data[i * size // count + size // (2 * count)] ^= 0x40
        _poke(backend, address, bytes(data))
        return
    address, _ = _symbol(elf, f"model_{how}")
    address += 4 * int(place)
    (value,) = struct.unpack("<f", _peek(backend, address, 4))
    made = value + amount if how == "mean" else value * amount
    _poke(backend, address, struct.pack("<f", made))


def _symbol(elf: Path, pattern: str) -> tuple[int, int]:
    """Return the address and size of the first object whose name matches."""
    with elf.open("rb") as file:
        symbols: Any = ELFFile(file).get_section_by_name(".symtab")
        for symbol in symbols.iter_symbols():
            if re.fullmatch(pattern, symbol.name):
                return int(symbol["st_value"]), int(symbol["st_size"])
    raise InputError(f"{elf}: no symbol {pattern}")


def _peek(backend: EmbeddedBackend, address: int, size: int) -> bytes:
    return bytes.fromhex(backend.request("peek", address=address, size=size)["data"])


def _poke(backend: EmbeddedBackend, address: int, data: bytes) -> None:
    backend.request("poke", address=address, data=data.hex())
