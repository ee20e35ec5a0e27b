"""What an emulated sensor is moved by: samples that it takes one after the other, round and round.

A feed's samples are in the board's axes and at the chip's own rate; each start of the chip begins
with the first. As a file: int16, little endian, accelerometer x, y, z, gyroscope x, y, z.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

from hil.errors import InputError, clean

Sample = tuple[int, ...]

VALUES = 6
#: An hour at 119 Hz is 5 MB.
MAX_BYTES = 64 * 2**20

#: 1 g upwards and no rotation, at ±8 g: a board that lies on a table.
REST: Sample = (0, 0, 4098, 0, 0, 0)


@dataclass(frozen=True)
class Feed:
    """`feed[i]` is sample i."""

    data: bytes

    def __getitem__(self, number: int) -> Sample:
        offset = number * 2 * VALUES % len(self.data)
        return struct.unpack_from("<6h", self.data, offset)


AT_REST = Feed(struct.pack("<6h", *REST))


def load_feed(path: Path) -> Feed:
    """Read a feed. Raises InputError for a file that holds none."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise InputError(f"{clean(str(path), 300)}: {error.strerror or error}") from None
    if not data or len(data) % (2 * VALUES) or len(data) > MAX_BYTES:
        raise InputError(
            f"{clean(str(path), 300)}: a feed is whole samples of 12 bytes, at most {MAX_BYTES}"
        )
    return Feed(data)
