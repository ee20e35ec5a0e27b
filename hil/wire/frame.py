"""Frames: COBS around type, sequence number, body and CRC-32, ended by 0x00. Sans-I/O.

COBS (Cheshire and Baker, 1999) writes runs of non-zero bytes behind their length plus one, so a
0x00 on the line can only be an end: whatever went wrong before, the next frame begins after it.
Both directions work on whole runs, never on single bytes.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from zlib import crc32

from hil.wire.schema import HEADER_SIZE, HOST_MAX_BODY, TRAILER_SIZE

_HEADER = struct.Struct("<BH")
_CRC = struct.Struct("<I")
_LONGEST_RUN = 254


@dataclass(frozen=True)
class Frame:
    """A good frame. type: of a request, a reply or ERROR; sequence: 0 to 65535."""

    type: int
    sequence: int
    body: bytes


@dataclass(frozen=True)
class BadFrame:
    """Bytes between two 0x00 that are no frame. reason: "size", "COBS" or "CRC"."""

    reason: str


def encode(frame: Frame) -> bytes:
    """Return the frame's bytes on the line, 0x00 included."""
    content = _HEADER.pack(frame.type, frame.sequence) + frame.body
    return cobs_encode(content + _CRC.pack(crc32(content))) + b"\0"


def cobs_encode(data: bytes) -> bytes:
    """Return `data` without zeros, in canonical form (no code byte after a final full run)."""
    out = bytearray()
    runs = data.split(b"\0")
    for run in runs:
        start = 0
        while len(run) - start >= _LONGEST_RUN:
            out.append(0xFF)
            out += run[start : start + _LONGEST_RUN]
            start += _LONGEST_RUN
        out.append(len(run) - start + 1)
        out += run[start:]
    if runs[-1] and len(runs[-1]) % _LONGEST_RUN == 0:
        out.pop()
    return bytes(out)


def cobs_decode(data: bytes | bytearray) -> bytes:
    """Return what `cobs_encode` was given. Raises ValueError when a run is cut short."""
    out = bytearray()
    position, size = 0, len(data)
    while position < size:
        code = data[position]
        end = position + code
        if end > size or code == 0:
            raise ValueError("a run is longer than the frame")
        out += data[position + 1 : end]
        if code <= _LONGEST_RUN and end < size:
            out.append(0)
        position = end
    return bytes(out)


def line_size(body: int) -> int:
    """Return the largest number of bytes on the line of a frame with a body of `body` bytes."""
    content = HEADER_SIZE + body + TRAILER_SIZE
    return content + 1 + content // _LONGEST_RUN + 1


class Decoder:
    """Frames from bytes as they arrive. Holds at most one frame's bytes, whatever comes."""

    def __init__(self, max_body: int = HOST_MAX_BODY) -> None:
        self._content_limit = HEADER_SIZE + max_body + TRAILER_SIZE
        self._limit = line_size(max_body) - 1
        self._pending = bytearray()

    def feed(self, data: bytes) -> list[Frame | BadFrame]:
        """Return the frames, good and bad, that `data` completes. Empty ones mean nothing."""
        first, *rest = data.split(b"\0")
        self._keep(first)
        results = []
        for part in rest:
            if self._pending:
                results.append(self._finish())
                self._pending.clear()
            self._keep(part)
        return results

    def _keep(self, part: bytes) -> None:
        # One byte over the limit says that the frame is too long; more would say no more.
        self._pending += part[: self._limit + 1 - len(self._pending)]

    def _finish(self) -> Frame | BadFrame:
        if len(self._pending) > self._limit:
            return BadFrame("size")
        try:
            content = cobs_decode(self._pending)
        except ValueError:
            return BadFrame("COBS")
        if not HEADER_SIZE + TRAILER_SIZE <= len(content) <= self._content_limit:
            return BadFrame("size")
        end = len(content) - TRAILER_SIZE
        if _CRC.unpack_from(content, end)[0] != crc32(content[:end]):
            return BadFrame("CRC")
        kind, sequence = _HEADER.unpack_from(content)
        return Frame(kind, sequence, content[HEADER_SIZE:end])
