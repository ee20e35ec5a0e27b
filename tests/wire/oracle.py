"""Framing a second time, byte by byte and as plainly as possible: what the fast ones must equal."""

from __future__ import annotations

from binascii import crc32


def cobs(data: bytes) -> bytes:
    out = bytearray(b"\1")
    code = 0
    for i, byte in enumerate(data):
        if byte:
            out.append(byte)
            out[code] += 1
        if byte == 0 or (out[code] == 255 and i + 1 < len(data)):
            code = len(out)
            out.append(1)
    return bytes(out)


def line(kind: int, sequence: int, body: bytes) -> bytes:
    content = bytes((kind, sequence & 255, sequence >> 8)) + body
    return cobs(content + crc32(content).to_bytes(4, "little")) + b"\0"
