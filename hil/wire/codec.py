"""Bodies of messages to bytes and back. The classes are generated into `messages.py`."""

from __future__ import annotations

import dataclasses
import struct
from dataclasses import dataclass
from itertools import islice
from typing import Any, ClassVar, Literal, TypeVar

from hil.errors import LinkError

B = TypeVar("B", bound="Body")


class Layout:
    """How fields become bytes: one `struct` code per field, and the kind of the tail.

    `5I` stands for one field, a tuple of five; `32s` for one field of bytes.
    """

    def __init__(self, codes: str, tail: Literal["bytes", "str"] | None = None) -> None:
        self._struct = struct.Struct("<" + codes)
        self.size = self._struct.size
        self._arrays = [int(c[:-1]) if c[:-1] and c[-1] != "s" else 0 for c in codes.split()]
        self._tail = tail

    def pack(self, values: list[Any]) -> bytes:
        """Return the bytes of the fields' values, the tail's last."""
        tail: Any = values.pop() if self._tail else b""
        flat: list[Any] = []
        for value, count in zip(values, self._arrays, strict=True):
            flat.extend(value if count else (value,))
        end: bytes = tail.encode() if self._tail == "str" else tail
        return self._struct.pack(*flat) + end

    def unpack(self, body: bytes) -> list[Any]:
        """Return the fields' values. Raises ValueError when the length cannot be right."""
        size = self.size
        if len(body) < size or (len(body) > size and self._tail is None):
            raise ValueError(
                f"{len(body)} bytes, {'at least ' if self._tail else ''}{size} expected"
            )
        flat = iter(self._struct.unpack_from(body))
        values = [tuple(islice(flat, n)) if n else next(flat) for n in self._arrays]
        if self._tail:
            rest = bytes(body[size:])
            values.append(rest.decode("utf-8", "replace") if self._tail == "str" else rest)
        return values


@dataclass(frozen=True)
class Body:
    """Base of every message's body. Fields are in wire order."""

    TYPE: ClassVar[int]
    NAME: ClassVar[str]
    LAYOUT: ClassVar[Layout]

    def encode(self) -> bytes:
        """Return the body's bytes. Raises struct.error when a number does not fit its field."""
        return self.LAYOUT.pack([getattr(self, f.name) for f in dataclasses.fields(self)])

    @classmethod
    def decode(cls: type[B], body: bytes) -> B:
        """Return the message. Raises LinkError when the length cannot be right."""
        try:
            return cls(*cls.LAYOUT.unpack(body))
        except ValueError as error:
            raise LinkError(f"{cls.NAME}: a body of {error}") from None
