"""Reads a firmware ELF, trusting nothing in it.

Only what booting needs: the ELF header and the program headers (System V ABI, Arm's supplement
IHI 0044). Symbols and line numbers are for people and come from `lines.py`.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hil.emulator.chip import Memory
from hil.errors import InputError
from hil.files import read_file

#: A megabyte of flash with its debug information is under 10 MB.
MAX_FILE_BYTES = 64 * 2**20
MAX_SEGMENTS = 64

HEADER = struct.Struct("<16sHHIIIIIHHHHHH")
SEGMENT = struct.Struct("<8I")
IDENT = b"\x7fELF\x01\x01\x01"  # 32-bit, little endian, version 1
ET_EXEC, EM_ARM, PT_LOAD = 2, 40, 1


@dataclass(frozen=True)
class Segment:
    """Bytes to be loaded at a physical address."""

    address: int
    data: bytes


@dataclass(frozen=True)
class Image:
    """A checked firmware image."""

    path: Path
    segments: tuple[Segment, ...]
    entry: int


def load_image(path: Path, memories: Sequence[Memory], vector_table: int) -> Image:
    """Read and check `path`. Raises InputError that says what is wrong with it."""
    data = read_file(path, MAX_FILE_BYTES)
    try:
        segments, entry = _parse(data)
        _check_placement(segments, memories)
        _check_vectors(segments, memories, vector_table)
    except ValueError as error:
        raise InputError(f"{path}: not an image for this board: {error}") from None
    return Image(path, tuple(segments), entry)


def _parse(data: bytes) -> tuple[list[Segment], int]:
    if len(data) < HEADER.size or not data.startswith(IDENT):
        raise ValueError("not a 32-bit little-endian ELF file")
    fields = HEADER.unpack_from(data)
    kind, machine, entry, table = fields[1], fields[2], fields[4], fields[5]
    entry_size, count = fields[9], fields[10]
    if kind != ET_EXEC or machine != EM_ARM:
        raise ValueError("not a linked Arm executable")
    if entry_size != SEGMENT.size or not 0 < count <= MAX_SEGMENTS:
        raise ValueError(f"{count} program headers of {entry_size} bytes")
    if table + count * SEGMENT.size > len(data):
        raise ValueError("the program headers lie outside the file")
    segments = [_segment(data, table + i * SEGMENT.size) for i in range(count)]
    return [s for s in segments if s is not None], entry


def _segment(data: bytes, at: int) -> Segment | None:
    kind, offset, _virtual, physical, file_size, memory_size, _flags, _align = SEGMENT.unpack_from(
        data, at
    )
    if kind != PT_LOAD or not file_size:
        return None
    if offset + file_size > len(data) or file_size > memory_size:
        raise ValueError("a segment lies outside the file")
    return Segment(physical, data[offset : offset + file_size])


def _check_placement(segments: list[Segment], memories: Sequence[Memory]) -> None:
    if not segments:
        raise ValueError("it has nothing to load")
    end = 0
    for segment in sorted(segments, key=lambda s: s.address):
        size = len(segment.data)
        if not any(not m.writable and m.holds(segment.address, size) for m in memories):
            flash = next(m for m in memories if not m.writable)
            raise ValueError(
                f"{size} bytes at 0x{segment.address:08X} are not in its flash"
                f" (0x{flash.start:08X} to 0x{flash.start + flash.size:08X})"
            )
        if segment.address < end:
            raise ValueError("its segments overlap")
        end = segment.address + size


def _check_vectors(segments: list[Segment], memories: Sequence[Memory], table: int) -> None:
    holder = next((s for s in segments if s.address <= table < s.address + len(s.data) - 7), None)
    if holder is None:
        raise ValueError(f"no vector table at 0x{table:08X}")
    stack, handler = struct.unpack_from("<II", holder.data, table - holder.address)
    if not any(m.writable and m.holds(stack - 4, 4) for m in memories) or stack % 4:
        raise ValueError(f"its first stack pointer is 0x{stack:08X}, which is not in RAM")
    code = any(s.address <= handler & ~1 < s.address + len(s.data) - 1 for s in segments)
    if not handler & 1 or not code:
        raise ValueError(f"its reset vector is 0x{handler:08X}, which is no Thumb code of it")
