"""The host's session alone, time as a value; the table of its states, and what comes of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.errors import LinkError
from hil.wire.frame import Decoder, Frame, encode
from hil.wire.messages import ErrorCode, ErrorReply
from hil.wire.schema import ERROR_TYPE, HOST_MAX_BODY
from hil.wire.session import FAST_LIMIT, Session
from hil.wire.states import TRANSITIONS, Event, State

DISCARD, REPLY = 0x02, 0x82
BAD_FRAME = encode(Frame(ERROR_TYPE, 0, ErrorReply(0, ErrorCode.BAD_FRAME, 0, "CRC").encode()))


def session(count: int, credits: int = 4) -> Session:
    """Return a session with `count` requests, numbered from 1, sent as far as the credits go."""
    s = Session(timeout=1.0, patience=10.0)
    s.credits = credits
    for i in range(count):
        s.submit(DISCARD, bytes((i,)))
    return s


def sent(s: Session, now: float = 0.0) -> list[int]:
    return [f.sequence for f in Decoder().feed(s.send(now)) if isinstance(f, Frame)]


def reply(sequence: int, kind: int = REPLY) -> bytes:
    return encode(Frame(kind, sequence, bytes(4)))


def test_every_state_can_be_entered_and_left() -> None:
    targets = set(TRANSITIONS.values())
    assert targets == set(State) - {State.NEW}
    assert {s for s, _ in TRANSITIONS} == set(State) - {State.ANSWERED}
    assert {e for _, e in TRANSITIONS} == set(Event)


def test_no_more_is_in_flight_than_the_credits_allow() -> None:
    s = session(6, credits=4)
    assert sent(s) == [1, 2, 3, 4]
    assert sent(s) == []
    s.receive(reply(1) + reply(2), 0.1)
    assert sent(s, 0.1) == [5, 6]


def test_replies_are_kept_until_they_are_taken() -> None:
    s = session(2)
    sent(s)
    assert s.take(1) is None
    s.receive(reply(1), 0.1)
    assert s.take(1) == Frame(REPLY, 1, bytes(4))
    with pytest.raises(KeyError):
        s.take(1)


def test_sequence_numbers_wrap_without_zero() -> None:
    s = Session(0xFFFF)
    assert [s.submit(DISCARD, b"") for _ in range(3)] == [0xFFFF, 1, 2]


def test_a_later_reply_says_that_the_earlier_requests_are_lost() -> None:
    s = session(4)
    sent(s)
    s.receive(reply(3), 0.1)
    assert sent(s, 0.1) == [1, 2]
    assert s.counters.retransmissions == 2
    s.receive(reply(4), 0.2)
    assert sent(s, 0.2) == [], "1 and 2 left after 4: its reply says nothing about them"


def test_a_late_reply_is_good() -> None:
    s = session(2)
    sent(s)
    s.receive(reply(2) + reply(1), 0.1)
    assert sent(s, 0.1) == []
    assert s.take(1) == Frame(REPLY, 1, bytes(4))


@pytest.mark.parametrize(
    "stray",
    [
        reply(1), reply(99), reply(2, kind=0x90), encode(Frame(DISCARD, 2, bytes(4))),
        encode(Frame(ERROR_TYPE, 2, ErrorReply(0x10, 1, 0, "").encode())),
        encode(Frame(ERROR_TYPE, 2, b"\x02")), encode(Frame(ERROR_TYPE, 2, b"")),
    ],
    ids=["repeated", "unknown", "other type", "echo", "other request's", "short", "empty"],
)  # fmt: skip
def test_a_reply_that_answers_nothing_is_ignored(stray: bytes) -> None:
    s = session(2)
    sent(s)
    s.receive(reply(1), 0.1)
    s.receive(stray, 0.2)
    assert s.counters.ignored == 1 or stray == encode(
        Frame(ERROR_TYPE, 2, ErrorReply(0x10, 1, 0, "").encode())
    )
    assert s.take(2) is None


def test_a_reply_to_what_was_never_sent_is_ignored() -> None:
    s = session(2, credits=1)
    sent(s)
    s.receive(reply(2), 0.1)
    assert (s.take(2), s.counters.ignored) == (None, 1)


@pytest.mark.parametrize("bad", [BAD_FRAME, b"\x02\x01\0"], ids=["there", "here"])
def test_a_broken_frame_sends_the_oldest_again(bad: bytes) -> None:
    s = session(4)
    sent(s)
    s.receive(bad, 0.1)
    assert sent(s, 0.1) == [1]
    s.receive(bad, 0.2)
    assert sent(s, 0.2) == [2], "1 is the newest now"


def test_broken_frames_do_not_make_a_flood() -> None:
    s = session(1)
    sent(s)
    for i in range(1000):
        s.receive(BAD_FRAME, i / 1000)
        sent(s, i / 1000)
    assert s.counters.retransmissions == FAST_LIMIT - 1


def test_silence_sends_one_again_and_waits_longer_each_time() -> None:
    s = session(2)
    assert sent(s, 5.0) == [1, 2]
    assert s.wake_at() == 6.0
    s.expire(5.9)
    assert sent(s, 5.9) == []
    s.expire(6.0)
    assert sent(s, 6.0) == [1]
    assert s.wake_at() == 8.0
    s.expire(8.0)
    assert sent(s, 8.0) == [2]


def test_patience_ends() -> None:
    s = session(1)
    sent(s, 5.0)
    for now in (6.0, 8.0, 8 + 10 / 3, 8 + 20 / 3):
        assert s.wake_at() == pytest.approx(now)
        s.expire(now)
        assert sent(s, now) == [1]
    assert s.wake_at() == 15.0
    with pytest.raises(LinkError, match="no answer for 10 s"):
        s.expire(15.0)


def test_patience_begins_again_when_something_new_is_asked() -> None:
    s = session(1)
    sent(s, 0.0)
    s.receive(reply(1), 0.1)
    s.submit(DISCARD, b"")
    assert sent(s, 1000.0) == [2]
    s.expire(1000.5)
    assert s.wake_at() == 1001.0


def test_a_slow_device_is_given_the_time_it_takes() -> None:
    """A model that takes 3 s on a timeout of 1 s: no request is repeated once that is known."""
    s = Session(timeout=1.0, patience=30.0)
    now, busy_until, queue = 0.0, 0.0, []
    answered = 0
    for _ in range(20):
        s.submit(DISCARD, b"")
    while answered < 20:
        queue += sent(s, now)
        if queue and busy_until <= now:
            busy_until = now + 3.0
        now = min(busy_until, s.wake_at() or busy_until)
        if queue and now >= busy_until:
            s.receive(reply(queue.pop(0)), now)
            answered = sum(r.state is State.ANSWERED for r in s._requests.values())
        else:
            s.expire(now)
    assert s.counters.retransmissions <= 3


def test_an_answer_that_may_be_to_either_transmission_tells_no_time() -> None:
    s = session(1)
    sent(s, 0.0)
    s.expire(1.0)
    assert sent(s, 1.0) == [1]
    s.receive(reply(1), 1.01)
    s.submit(DISCARD, b"")
    sent(s, 2.0)
    assert s.wake_at() == 4.0, "still twice the first time-out: the device may need 1.01 s"


def test_the_wait_begins_with_the_last_that_was_heard() -> None:
    s = session(2)
    sent(s, 0.0)
    s.receive(reply(1), 0.9)
    assert s.wake_at() == pytest.approx(0.9 + 4 * 0.9)


def test_cancelled_requests_keep_their_credit_until_answered() -> None:
    s = session(3, credits=2)
    sent(s)
    for sequence in (1, 2, 3):
        s.cancel(sequence)
    new = s.submit(DISCARD, b"")
    assert sent(s) == []
    s.receive(reply(1), 0.1)
    assert sent(s) == [new]
    s.receive(reply(2) + reply(new), 0.2)
    assert s.take(new) is not None
    assert not s._requests


def test_a_frame_begins_with_an_end_where_the_receiver_may_be_lost() -> None:
    s = session(2, credits=1)
    assert s.send(0.0)[0] == 0, "the first of a session"
    s.receive(reply(1), 0.1)
    assert s.send(0.1)[0] != 0
    s.expire(2.0)
    assert s.send(2.0)[0] == 0, "a repeated one"


def test_a_body_larger_than_the_devices_frame_is_refused() -> None:
    with pytest.raises(ValueError, match="1025 bytes, 1024 is the largest"):
        Session().submit(DISCARD, bytes(1025))


@given(data=st.lists(st.binary(max_size=200), max_size=20))
def test_any_bytes_are_survived(data: list[bytes]) -> None:
    s = session(6)
    sent(s)
    for i, piece in enumerate(data):
        s.receive(piece, i / 10)
        sent(s, i / 10)
    assert all(s.take(i) is None for i in range(1, 7))


def test_memory_is_bounded_whatever_comes() -> None:
    s = session(6)
    sent(s)
    for _ in range(100):
        s.receive(b"\x33" * 10_000, 0.0)
    assert len(s._decoder._pending) < 2 * HOST_MAX_BODY
    assert len(s._requests) == 6
