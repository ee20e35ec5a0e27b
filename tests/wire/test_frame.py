"""Both codecs against the shared cases, an oracle, and each other."""

from __future__ import annotations

import ctypes
import json
import re
from collections.abc import Callable
from itertools import pairwise
from zlib import crc32

import oracle
import pytest
from c_end import CDecoder
from conftest import ROOT
from hypothesis import given
from hypothesis import strategies as st

from hil.wire.frame import BadFrame, Decoder, Frame, cobs_decode, cobs_encode, encode, line_size
from hil.wire.schema import CREDITS, MAX_BODY

CASES = json.loads((ROOT / "test_vectors" / "wire" / "frames.json").read_text())
#: Zeros and long runs without one are what COBS treats differently.
CONTENT = st.lists(
    st.one_of(
        st.binary(max_size=20),
        st.integers(0, 520).map(bytes),
        st.integers(0, 520).map(lambda n: bytes(1 + i % 255 for i in range(n))),
    ),
    max_size=4,
).map(b"".join)
FRAMES = st.builds(
    Frame, st.integers(0, 255), st.integers(0, 65535), CONTENT.map(lambda b: b[:MAX_BODY])
)
AnyDecoder = Callable[[], Decoder | CDecoder]


@pytest.fixture(params=["python", "c"])
def decoder(request: pytest.FixtureRequest) -> AnyDecoder:
    if request.param == "python":
        return lambda: Decoder(MAX_BODY)
    make: AnyDecoder = request.getfixturevalue("c_decoder")
    return make


def c_encode(library: ctypes.CDLL, frame: Frame) -> bytes:
    out = ctypes.create_string_buffer(library.c_line_max())
    size = library.c_encode(frame.type, frame.sequence, frame.body, len(frame.body), out)
    return out.raw[:size]


def events(case: dict[str, object]) -> list[Frame | BadFrame]:
    listed: list[dict[str, object]] = case["events"]  # type: ignore[assignment]
    return [
        BadFrame(e["bad"]) if "bad" in e
        else Frame(e["type"], e["sequence"], bytes.fromhex(str(e["body"])))  # type: ignore[arg-type]
        for e in listed
    ]  # fmt: skip


@pytest.mark.parametrize("case", CASES["encode"], ids=lambda c: c["name"])
def test_encoding_cases(library: ctypes.CDLL, case: dict[str, str]) -> None:
    frame = Frame(int(case["type"]), int(case["sequence"]), bytes.fromhex(case["body"]))
    line = bytes.fromhex(case["line"])
    assert encode(frame) == line
    assert c_encode(library, frame) == line
    assert oracle.line(frame.type, frame.sequence, frame.body) == line


@pytest.mark.parametrize("cut", [0, 1, 3])
@pytest.mark.parametrize("case", CASES["decode"], ids=lambda c: c["name"])
def test_decoding_cases(decoder: AnyDecoder, case: dict[str, str], cut: int) -> None:
    line, d = bytes.fromhex(case["line"]), decoder()
    pieces = [line[i : i + cut] for i in range(0, len(line), cut)] if cut else [line]
    assert [e for piece in pieces for e in d.feed(piece)] == events(case)


@given(data=CONTENT)
def test_cobs(data: bytes) -> None:
    coded = cobs_encode(data)
    assert coded == oracle.cobs(data)
    assert 0 not in coded
    assert cobs_decode(coded) == data
    assert len(coded) <= len(data) + 1 + len(data) // 254


@given(frame=FRAMES)
def test_both_encoders_write_what_both_decoders_read(library: ctypes.CDLL, frame: Frame) -> None:
    line = encode(frame)
    assert c_encode(library, frame) == line == oracle.line(*vars(frame).values())
    assert Decoder(MAX_BODY).feed(line) == CDecoder(library).feed(line) == [frame]
    assert len(line) <= line_size(len(frame.body))


@given(
    parts=st.lists(st.one_of(st.binary(max_size=40), FRAMES.map(encode), CONTENT), max_size=6),
    cuts=st.lists(st.integers(0, 5000), max_size=6),
)
def test_both_decoders_agree_on_anything_however_it_is_cut(
    library: ctypes.CDLL, parts: list[bytes], cuts: list[int]
) -> None:
    line = b"".join(parts)
    p, c = Decoder(MAX_BODY), CDecoder(library)
    cuts = sorted({0, len(line), *(min(x, len(line)) for x in cuts)})
    pieces = [line[a:b] for a, b in pairwise(cuts)]
    assert [e for x in pieces for e in p.feed(x)] == [e for x in pieces for e in c.feed(x)]


@given(noise=st.binary(max_size=3000), frame=FRAMES)
def test_the_frame_after_an_end_is_read_whatever_was_before(
    library: ctypes.CDLL, noise: bytes, frame: Frame
) -> None:
    for decoder in (Decoder(MAX_BODY), CDecoder(library)):
        decoder.feed(noise)
        assert decoder.feed(b"\0" + encode(frame))[-1] == frame


@given(frame=FRAMES, bit=st.integers(0))
def test_no_flipped_bit_makes_another_frame(library: ctypes.CDLL, frame: Frame, bit: int) -> None:
    line = bytearray(encode(frame))
    at = bit % (8 * len(line))
    line[at // 8] ^= 1 << at % 8
    for decoder in (Decoder(MAX_BODY), CDecoder(library)):
        # The very same frame: the end became an empty run, as other encoders write it.
        assert all(e == frame or isinstance(e, BadFrame) for e in decoder.feed(bytes(line) + b"\0"))


def test_the_decoder_holds_no_more_than_a_frame() -> None:
    decoder = Decoder(MAX_BODY)
    for _ in range(100):
        assert decoder.feed(b"\x55" * 10_000) == []
    assert len(decoder._pending) == line_size(MAX_BODY)
    assert decoder.feed(b"\0") == [BadFrame("size")]


@given(first=st.binary(max_size=300), second=st.binary(max_size=300))
def test_crc_is_zlibs_and_may_be_chained(library: ctypes.CDLL, first: bytes, second: bytes) -> None:
    crc = library.wire_crc32(0, first, len(first))
    assert crc == crc32(first)
    assert library.wire_crc32(crc, second, len(second)) == crc32(first + second)


def test_sizes_are_the_same_at_both_ends(library: ctypes.CDLL) -> None:
    assert library.c_line_max() == line_size(MAX_BODY)
    assert library.c_ring_min() == CREDITS * line_size(MAX_BODY)


def test_the_documents_example_is_right() -> None:
    text = (ROOT / "PROTOCOL.md").read_text()
    block = re.search(r"<!-- example -->\n```\n(.*?)```", text, re.DOTALL)
    assert block
    lines = dict(re.findall(r"^(\S.*?): +((?:[0-9A-F]{2} ?)+)$", block[1], re.MULTILINE))
    assert bytes.fromhex(lines["request on the line"]) == encode(Frame(0x02, 1, b"\x11\x00\x22"))
    assert bytes.fromhex(lines["reply on the line"]) == encode(Frame(0x82, 1, b"\3\0\0\0"))
    content = bytes.fromhex(lines["request before COBS"])
    assert cobs_encode(content) + b"\0" == bytes.fromhex(lines["request on the line"])
