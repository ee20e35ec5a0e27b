"""The .tflite reader on files that mean harm: InputError or success, in bounded memory."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hil.board import PROJECT_DIR
from hil.errors import InputError
from pipeline.emit_c import Source, generate
from pipeline.flatbuffer import FlatbufferError, root
from pipeline.interp import run
from pipeline.tflite import MAX_FILE_BYTES, parse_tflite, read_tflite
from pipeline.verify import verify

MODELS = PROJECT_DIR / "test_vectors" / "models"
FILES = [MODELS / arch / "int8.tflite" for arch in ("cnn", "lstm", "dense")]
CONTENT = [path.read_bytes() for path in FILES]

#: Numbers that break readers: sign bits, limits, powers of two and their neighbours.
EVIL = [0, 1, 2, 4, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 2**24, 2**31 - 1, 2**31, 2**32 - 4, 2**32 - 1]

words = st.tuples(
    st.floats(0, 1, exclude_max=True), st.one_of(st.sampled_from(EVIL), st.integers(0, 2**32 - 1))
)


def use(data: bytes) -> bool:
    """Do all that is done with a file; return whether it was accepted."""
    try:
        graph = parse_tflite(data, "fuzz")
        verify(graph, "fuzz")
        generate(Source(graph), "m")
        shape = graph.tensors[graph.inputs[0]].shape
        run(graph, np.zeros((1, *shape), np.int8))
    except InputError:
        return False
    return True


@settings(max_examples=200)
@given(file=st.sampled_from(CONTENT), changes=st.lists(words, min_size=1, max_size=4))
def test_overwritten_words(file: bytes, changes: list[tuple[float, int]]) -> None:
    data = bytearray(file)
    for where, word in changes:
        at = int(where * (len(data) // 4)) * 4
        data[at : at + 4] = word.to_bytes(4, "little")
    use(bytes(data))


@settings(max_examples=150)
@given(file=st.sampled_from(CONTENT), where=st.integers(0, 3000), word=st.sampled_from(EVIL))
def test_overwritten_structure(file: bytes, where: int, word: int) -> None:
    """Offsets, vtables and tables lie densely at the start and the end; weights between them."""
    for at in (where, len(file) - where - 4):
        data = bytearray(file)
        data[at : at + 4] = word.to_bytes(4, "little")
        use(bytes(data))


@given(file=st.sampled_from(CONTENT), keep=st.floats(0, 1, exclude_max=True))
def test_truncated(file: bytes, keep: float) -> None:
    use(file[: int(keep * len(file))])


@given(st.binary(max_size=300))
def test_any_bytes(data: bytes) -> None:
    assert not use(data)
    assert not use(data[:4] + b"TFL3" + data[4:])


@pytest.mark.parametrize("file", CONTENT)
def test_the_real_files_are_accepted(file: bytes) -> None:
    assert use(file)


def test_shared_offsets_cost_no_memory() -> None:
    """A thousand entries of a list may point at one table, and that at one long list."""
    entries = 200_000
    header = (8).to_bytes(4, "little") + b"TFL3"
    # One table whose only field is a list of `entries` offsets, all to the table itself.
    vtable = (6).to_bytes(2, "little") + (8).to_bytes(2, "little") + (4).to_bytes(2, "little")
    data = bytearray(header + b"\x00" * 8 + entries.to_bytes(4, "little") + b"\x00" * 4 * entries)
    data[8:12] = (8 - len(data)).to_bytes(4, "little", signed=True)
    data[12:16] = (4).to_bytes(4, "little")
    for i in range(20, len(data), 4):
        data[i : i + 4] = (2**32 - i + 8).to_bytes(4, "little") if i > 8 else b""
    data += vtable
    table = root(bytes(data), b"TFL3")
    tracemalloc.start()
    with pytest.raises(FlatbufferError, match="more than 64"):
        table.tables(0, 64)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100_000


@settings(max_examples=40)
@given(file=st.sampled_from(CONTENT), changes=st.lists(words, min_size=1, max_size=4))
def test_reading_takes_memory_in_proportion(file: bytes, changes: list[tuple[float, int]]) -> None:
    data = bytearray(file)
    for where, word in changes:
        at = int(where * 800) * 4  # of the tables, not of the weights
        data[at : at + 4] = word.to_bytes(4, "little")
    tracemalloc.start()
    try:
        parse_tflite(bytes(data), "fuzz")
    except InputError:
        pass
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 40 * len(data)


def test_a_directory_a_missing_and_an_endless_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        read_tflite(tmp_path / "none.tflite")
    with pytest.raises(InputError, match="directory"):
        read_tflite(tmp_path)
    with (tmp_path / "huge.tflite").open("wb") as huge:
        huge.truncate(MAX_FILE_BYTES + 1)
    with pytest.raises(InputError, match=f"larger than {MAX_FILE_BYTES} bytes"):
        read_tflite(tmp_path / "huge.tflite")
    with pytest.raises(InputError, match=r"not a readable \.tflite: no TFL3 mark"):
        read_tflite(Path(__file__))
