"""What the C server does with what is no good request."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest
from c_end import CDevice
from hypothesis import given
from hypothesis import strategies as st

from hil.wire.frame import BadFrame, Decoder, Frame, encode, line_size
from hil.wire.messages import ErrorCode, ErrorReply, LinkReply, MessageType
from hil.wire.schema import CREDITS, ERROR_TYPE, MAX_BODY, MESSAGES, REPLY_BIT, Message, fixed_size

MakeDevice = Callable[..., CDevice]
GOOD = encode(Frame(MessageType.DISCARD, 9, b"abc"))
GOOD_REPLY = Frame(MessageType.DISCARD | REPLY_BIT, 9, b"\3\0\0\0")


def answers(end: CDevice, line: bytes) -> list[Frame | BadFrame]:
    return Decoder().feed(end.exchange(line))


def refusal(answer: Frame | BadFrame) -> tuple[int, str, int, int]:
    """Return the sequence number, the code, the detail and the request's type."""
    assert isinstance(answer, Frame)
    assert answer.type == ERROR_TYPE
    error = ErrorReply.decode(answer.body)
    return answer.sequence, ErrorCode(error.code).name, error.detail, error.request


def link(end: CDevice) -> LinkReply:
    (reply,) = answers(end, encode(Frame(MessageType.LINK, 1, b"")))
    assert isinstance(reply, Frame)
    return LinkReply.decode(reply.body)


@pytest.mark.parametrize("kind", sorted(set(range(REPLY_BIT)) - {m.type for m in MESSAGES}))
def test_an_unknown_request_is_refused(device: MakeDevice, kind: int) -> None:
    (answer,) = answers(device(), encode(Frame(kind, 5, b"?")))
    assert refusal(answer) == (5, "UNKNOWN_TYPE", kind, kind)


@pytest.mark.parametrize("kind", [REPLY_BIT, 0x90, ERROR_TYPE])
def test_a_reply_is_never_answered(device: MakeDevice, kind: int) -> None:
    """Two devices on one line, or a line that echoes, must not talk for ever."""
    end = device()
    assert answers(end, encode(Frame(kind, 5, b"?")) + GOOD) == [GOOD_REPLY]
    assert link(end).bad_frames == 0


@pytest.mark.parametrize("message", MESSAGES, ids=lambda m: m.name)
def test_a_body_too_short_or_too_long_is_refused(device: MakeDevice, message: Message) -> None:
    size = fixed_size(message.request)
    wrong = list(range(size))
    if not any(f.type == "bytes" for f in message.request):
        wrong += [size + 1, MAX_BODY]
    for length in wrong:
        (answer,) = answers(device(), encode(Frame(message.type, 5, bytes(length))))
        assert refusal(answer) == (5, "BAD_LENGTH", size, message.type), length


@pytest.mark.parametrize(
    ("noise", "text"),
    [
        (GOOD[:2] + b"\0", "COBS"),
        (b"\2\1\0", "size"),
        (b"\x11" * (MAX_BODY + 20) + b"\0", "size"),
        (GOOD[:4] + bytes((GOOD[4] ^ 1,)) + GOOD[5:], "CRC"),
    ],
)
def test_a_bad_frame_is_refused_with_its_reason(
    device: MakeDevice, noise: bytes, text: str
) -> None:
    first, second = answers(device(), noise + GOOD)
    assert refusal(first) == (0, "BAD_FRAME", 0, 0)
    assert isinstance(first, Frame)
    assert ErrorReply.decode(first.body).text == text
    assert second == GOOD_REPLY


def test_noise_gets_one_answer_until_a_good_frame_comes(device: MakeDevice) -> None:
    end = device()
    noise = Random(1).randbytes(200_000)
    bad = sum(1 for part in noise.split(b"\0")[:-1] if part)
    assert [refusal(a)[1] for a in answers(end, noise + b"\0")] == ["BAD_FRAME"]
    assert link(end).bad_frames in (bad, bad + 1)  # the last part may be empty
    assert [refusal(a)[1] for a in answers(end, noise + b"\0")] == ["BAD_FRAME"]


def test_noise_without_an_end_gets_no_answer(device: MakeDevice) -> None:
    end = device()
    assert end.exchange(b"\x7e" * 200_000) == b""
    assert [refusal(a)[1] for a in answers(end, b"\0")] == ["BAD_FRAME"]
    assert answers(end, GOOD) == [GOOD_REPLY]


def test_bad_frames_on_a_line_that_echoes_do_not_go_round(device: MakeDevice) -> None:
    """The device's own refusal comes back broken each time: it must not refuse it again."""
    end = device()
    line = b"\2\1\0"
    for _ in range(3):
        line = end.exchange(line)[:-3] + b"\0"
    assert line == b"\0"


@given(lines=st.lists(st.sampled_from([GOOD, b"\3\0", b"\0", b"\x09"]), max_size=12))
def test_a_reply_waits_until_the_last_one_is_taken(device: MakeDevice, lines: list[bytes]) -> None:
    """However slowly the output leaves, the same bytes come out."""
    data = b"".join(lines)
    assert device().exchange(data, piece=1) == device().exchange(data)


def test_a_full_window_of_the_largest_frames(device: MakeDevice) -> None:
    frame = encode(Frame(MessageType.DISCARD, 1, b"\x55" * MAX_BODY))
    assert len(frame) == line_size(MAX_BODY)
    replies = answers(device(), frame * CREDITS)
    assert replies == [Frame(0x82, 1, MAX_BODY.to_bytes(4, "little"))] * CREDITS
