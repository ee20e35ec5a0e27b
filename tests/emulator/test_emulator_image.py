"""Hostile ELF files: each is refused in one line, none ends in a traceback."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_firmware import Build

from hil.emulator.image import HEADER, SEGMENT, load_image
from hil.emulator.lines import Lines, Place
from hil.emulator.machine import chip_memory
from hil.errors import InputError

MEMORIES, TABLE = chip_memory("nrf52840")


@pytest.fixture(scope="module")
def good(build: Build) -> bytes:
    return build("udf #1").read_bytes()


def header(data: bytes, index: int, value: int) -> bytes:
    fields = list(HEADER.unpack_from(data))
    fields[index] = value
    return HEADER.pack(*fields) + data[HEADER.size :]


def segment(data: bytes, index: int, value: int) -> bytes:
    at = HEADER.unpack_from(data)[5]
    fields = list(SEGMENT.unpack_from(data, at))
    fields[index] = value
    return data[:at] + SEGMENT.pack(*fields) + data[at + SEGMENT.size :]


def vector(data: bytes, index: int, value: int) -> bytes:
    at = SEGMENT.unpack_from(data, HEADER.unpack_from(data)[5])[1] + 4 * index
    return data[:at] + struct.pack("<I", value) + data[at + 4 :]


Change = Callable[[bytes], bytes]
CHANGES: dict[str, tuple[Change, str]] = {
    "empty": (lambda d: b"", "not a 32-bit"),
    "text": (lambda d: b"#!/bin/sh\n" * 100, "not a 32-bit"),
    "64-bit": (lambda d: d[:4] + b"\x02" + d[5:], "not a 32-bit"),
    "big endian": (lambda d: d[:5] + b"\x02" + d[6:], "not a 32-bit"),
    "x86": (lambda d: header(d, 2, 3), "Arm executable"),
    "object file": (lambda d: header(d, 1, 1), "Arm executable"),
    "no segments": (lambda d: header(d, 10, 0), "program headers"),
    "many segments": (lambda d: header(d, 10, 0xFFFF), "program headers"),
    "odd segment size": (lambda d: header(d, 9, 7), "program headers"),
    "headers outside": (lambda d: header(d, 5, 0xFFFFFFF0), "outside the file"),
    "truncated": (lambda d: d[: HEADER.size + 8], "outside the file"),
    "segment outside": (lambda d: segment(d, 1, 0xFFFFFFF0), "outside the file"),
    "segment too long": (lambda d: segment(d, 4, 0x7FFFFFFF), "outside the file"),
    "larger than in memory": (lambda d: segment(d, 5, 1), "outside the file"),
    "other board's flash": (lambda d: segment(d, 3, 0x08000000), "not in its flash"),
    "in RAM": (lambda d: segment(d, 3, 0x20000000), "not in its flash"),
    "address wraps": (lambda d: segment(d, 3, 0xFFFFFFF0), "not in its flash"),
    "nothing to load": (lambda d: segment(d, 0, 0), "nothing to load"),
    "table elsewhere": (lambda d: segment(d, 3, 0x20000), "no vector table"),
    "stack nowhere": (lambda d: vector(d, 0, 0x30000000), "stack pointer"),
    "stack unaligned": (lambda d: vector(d, 0, 0x20000FFE), "stack pointer"),
    "reset is Arm code": (lambda d: vector(d, 1, 0x10200), "reset vector"),
    "reset outside": (lambda d: vector(d, 1, 0xF0001), "reset vector"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_refused_with_a_reason(name: str, good: bytes, tmp_path: Path) -> None:
    change, reason = CHANGES[name]
    path = tmp_path / "bad.elf"
    path.write_bytes(change(good))
    with pytest.raises(InputError, match=reason) as error:
        load_image(path, MEMORIES, TABLE)
    assert "\n" not in str(error.value)
    assert str(path) in str(error.value)


def test_the_unchanged_file_is_accepted(good: bytes, tmp_path: Path) -> None:
    path = tmp_path / "good.elf"
    path.write_bytes(good)
    image = load_image(path, MEMORIES, TABLE)
    assert image.segments[0].address == TABLE


@given(edits=st.lists(st.tuples(st.integers(0, 400), st.binary(min_size=1, max_size=4))))
def test_damaged_files_are_refused_or_bounded(
    edits: list[tuple[int, bytes]], good: bytes, tmp_path: Path
) -> None:
    data = bytearray(good)
    for at, new in edits:
        data[at : at + len(new)] = new
    path = tmp_path / "damaged.elf"
    path.write_bytes(data)
    try:
        image = load_image(path, MEMORIES, TABLE)
    except InputError:
        return
    for part in image.segments:
        assert any(m.holds(part.address, len(part.data)) and not m.writable for m in MEMORIES)


@given(data=st.data())
def test_line_numbers_of_damaged_files_are_left_out(
    data: st.DataObject, good: bytes, tmp_path: Path
) -> None:
    at = data.draw(st.integers(HEADER.size, len(good) - 1))
    path = tmp_path / "damaged.elf"
    path.write_bytes(good[:at] + data.draw(st.binary(max_size=64)) + good[at + 8 :])
    place = Lines(path).find(0x10191)
    assert isinstance(place, Place)
    assert str(place).isprintable()


def test_missing_files_say_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        load_image(tmp_path / "none.elf", MEMORIES, TABLE)
    with pytest.raises(InputError, match="directory"):
        load_image(tmp_path, MEMORIES, TABLE)
