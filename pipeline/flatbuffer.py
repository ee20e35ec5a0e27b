"""Bounded access to a FlatBuffer, for files that are not trusted.

Every offset, size and product is checked against the file before anything is read, and every
vector has a limit on its length, so a hostile file costs neither memory nor time: offsets may be
shared (a thousand table entries may point at one table), which is why counts are limited and not
only sizes. The generated readers of the `flatbuffers` package check nothing and are slower.

Layout: https://flatbuffers.dev/internals/. All numbers are little endian.
"""

from __future__ import annotations

import struct
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

#: kind → (struct format, size in bytes).
SCALARS: Final = {
    "bool": ("?", 1), "i8": ("b", 1), "u8": ("B", 1), "u16": ("H", 2), "i32": ("i", 4),
    "u32": ("I", 4), "f32": ("f", 4), "i64": ("q", 8), "u64": ("Q", 8),
}  # fmt: skip


class FlatbufferError(ValueError):
    """The bytes are not a FlatBuffer of the expected shape."""


class Table:
    """A table inside a buffer: fields by slot number. Raises FlatbufferError on any bad offset."""

    def __init__(self, data: bytes, position: int) -> None:
        self._data = data
        self._position = position
        vtable = position - int(_scalar(data, position, "i32"))
        self._vtable = vtable
        self._vtable_size = int(_scalar(data, vtable, "u16"))
        if self._vtable_size < 4 or vtable + self._vtable_size > len(data):
            raise FlatbufferError("a table's field list lies outside the file")

    def _field(self, slot: int) -> int | None:
        """Return the position of a field, None where the table has none."""
        entry = 4 + 2 * slot
        if entry + 2 > self._vtable_size:
            return None
        offset = int(_scalar(self._data, self._vtable + entry, "u16"))
        return self._position + offset if offset else None

    def scalar(self, slot: int, kind: str, default: Any = 0) -> Any:
        """Return a number (or bool) of `kind`, the default where it is not stored."""
        position = self._field(slot)
        return default if position is None else _scalar(self._data, position, kind)

    def has(self, slot: int) -> bool:
        """Return whether the field is stored."""
        return self._field(slot) is not None

    def table(self, slot: int) -> Table | None:
        """Return a table field, None where it is not stored."""
        position = self._field(slot)
        return None if position is None else Table(self._data, _follow(self._data, position))

    def tables(self, slot: int, limit: int) -> list[Table]:
        """Return a vector of tables; empty where it is not stored."""
        start, count = self._vector(slot, 4, limit)
        places = range(start, start + 4 * count, 4)
        return [Table(self._data, _follow(self._data, place)) for place in places]

    def numbers(self, slot: int, dtype: str, limit: int) -> NDArray[Any] | None:
        """Return a vector of numbers as a read-only view, None where it is not stored."""
        if not self.has(slot):
            return None
        kind = np.dtype(dtype).newbyteorder("<")
        start, count = self._vector(slot, kind.itemsize, limit)
        return np.frombuffer(self._data, kind, count, start)

    def text(self, slot: int, limit: int, kept: int) -> str:
        """Return the first `kept` bytes of a string of at most `limit`; empty where not stored.

        Undecodable bytes are replaced.
        """
        start, count = self._vector(slot, 1, limit)
        return self._data[start : start + min(count, kept)].decode("utf-8", "replace")

    def _vector(self, slot: int, item_size: int, limit: int) -> tuple[int, int]:
        """Return (position of the first element, number of elements)."""
        position = self._field(slot)
        if position is None:
            return 0, 0
        start = _follow(self._data, position)
        count = int(_scalar(self._data, start, "u32"))
        if count > limit:
            raise FlatbufferError(f"a list of {count} elements, more than {limit}")
        if start + 4 + count * item_size > len(self._data):
            raise FlatbufferError("a list reaches past the end of the file")
        return start + 4, count


def root(data: bytes, identifier: bytes) -> Table:
    """Return the root table of a buffer with the four-byte file identifier `identifier`."""
    if data[4:8] != identifier:
        raise FlatbufferError(f"no {identifier.decode()} mark at its start")
    return Table(data, _follow(data, 0))


def _scalar(data: bytes, position: int, kind: str) -> Any:
    form, size = SCALARS[kind]
    if not 0 <= position <= len(data) - size:
        raise FlatbufferError("an offset points outside the file")
    return struct.unpack_from("<" + form, data, position)[0]


def _follow(data: bytes, position: int) -> int:
    """Return what the forward offset stored at `position` points at."""
    return position + int(_scalar(data, position, "u32"))
