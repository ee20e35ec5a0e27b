"""The host's end of the protocol: requests in, bytes out; bytes in, replies out. Sans-I/O.

Time is a value that the caller passes in, in seconds. The device answers in the order in which
it received, so a reply says that every request sent before it and still unanswered is lost, and
those are sent again at once; a timer is needed only when nothing comes at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from hil.errors import NoAnswerError
from hil.wire.frame import BadFrame, Decoder, Frame, encode
from hil.wire.messages import ErrorCode, ErrorReply
from hil.wire.schema import ERROR_TYPE, MAX_BODY, REPLY_BIT
from hil.wire.states import TRANSITIONS, Event, State

#: A request is sent again on a broken frame this often; then only the timer does it, so that noise
#: is not answered with a flood.
FAST_LIMIT: Final = 8

LAST_SEQUENCE: Final = 0xFFFF  # 0 is what a reply to a broken frame carries


@dataclass
class Counters:
    """What this end saw. `ignored`: late, repeated and unasked-for replies."""

    requests: int = 0
    answered: int = 0
    retransmissions: int = 0
    bad_frames: int = 0
    ignored: int = 0


@dataclass
class _Request:
    type: int
    line: bytes
    state: State = State.NEW
    attempts: int = 0
    order: int = 0  # of its last transmission among all transmissions
    sent_at: float = 0.0
    reply: Frame | None = None
    wanted: bool = True


class Session:
    """Requests on one link.

    timeout: seconds before a request is sent again, at first; it grows with the device's answer
    times. It is generous: most losses are noticed by the next reply, and a busy machine's emulator
    is slow to answer. patience: seconds without any new answer after which the link is given up.
    first_sequence: choose it at random, so that replies to a former session are not mistaken.
    """

    def __init__(
        self, first_sequence: int = 1, *, timeout: float = 2.0, patience: float = 10.0
    ) -> None:
        self.credits = 1
        self.max_body = MAX_BODY
        self.counters = Counters()
        self._timeout = self._least_timeout = timeout
        self._patience = patience
        self._requests: dict[int, _Request] = {}
        self._decoder = Decoder()
        self._next = first_sequence
        self._transmissions = 0
        self._heard_at = self._progress_at = float("-inf")

    def submit(self, kind: int, body: bytes) -> int:
        """Queue a request; return its sequence number, the key to its reply."""
        if len(body) > self.max_body:
            raise ValueError(f"a body of {len(body)} bytes, {self.max_body} is the largest")
        sequence = self._next
        self._next = sequence % LAST_SEQUENCE + 1
        self._requests[sequence] = _Request(kind, encode(Frame(kind, sequence, body)))
        self.counters.requests += 1
        return sequence

    def take(self, sequence: int) -> Frame | None:
        """Return the reply and forget the request, or None while there is no reply."""
        if self._requests[sequence].state is not State.ANSWERED:
            return None
        return self._requests.pop(sequence).reply

    def cancel(self, sequence: int) -> None:
        """Give up a request. One in flight keeps its credit until the device has answered."""
        request = self._requests.get(sequence)
        if request and request.state is State.IN_FLIGHT:
            request.wanted = False
        else:
            self._requests.pop(sequence, None)

    def send(self, now: float) -> bytes:
        """Return the bytes to write now: as many requests as the credits allow, oldest first."""
        if not any(r.attempts and r.state is not State.ANSWERED for r in self._requests.values()):
            self._progress_at = now  # nothing was owed until now
        free = self.credits - len(self._in_flight())
        out = bytearray()
        for request in self._requests.values():
            if free <= 0:
                break
            if self._apply(request, Event.SENT):
                free -= 1
                out += self._transmit(request, now)
        return bytes(out)

    def receive(self, data: bytes, now: float) -> None:
        """Take bytes from the line."""
        for frame in self._decoder.feed(data):
            if isinstance(frame, BadFrame):
                self.counters.bad_frames += 1
                self._on_bad_frame()
            elif frame.type == ERROR_TYPE and frame.body[1:2] == bytes((ErrorCode.BAD_FRAME,)):
                self._on_bad_frame()
            else:
                self._on_reply(frame, now)

    def wake_at(self) -> float | None:
        """Return when `expire` must be called if nothing arrives, or None."""
        flying = self._in_flight()
        if not flying:
            return None
        return min(self._due(flying), self._progress_at + self._patience)

    def expire(self, now: float) -> None:
        """Act on the time: one request may be sent again. Raises NoAnswerError after `patience`."""
        flying = self._in_flight()
        if not flying:
            return
        if now >= self._progress_at + self._patience:
            raise NoAnswerError(f"no answer for {self._patience:g} s")
        if now >= self._due(flying):
            self._timeout = min(2 * self._timeout, max(self._patience / 3, self._least_timeout))
            self._heard_at = now
            self._apply(min(flying, key=_order), Event.MISSED)

    def lose_all(self) -> None:
        """Take everything under way for lost: the line is another one, or its device restarted.

        What was asked for is sent again, which no counter holds against the line; what was given
        up meanwhile is forgotten.
        """
        self._decoder = Decoder()
        self._heard_at = float("-inf")
        for sequence, request in list(self._requests.items()):
            if self._apply(request, Event.MISSED):
                request.attempts = 0
                if not request.wanted:
                    del self._requests[sequence]

    def _due(self, flying: list[_Request]) -> float:
        return max(self._heard_at, min(r.sent_at for r in flying)) + self._timeout

    def _in_flight(self) -> list[_Request]:
        return [r for r in self._requests.values() if r.state is State.IN_FLIGHT]

    def _apply(self, request: _Request, event: Event) -> bool:
        state = TRANSITIONS.get((request.state, event))
        if state is None:
            return False
        request.state = state
        return True

    def _transmit(self, request: _Request, now: float) -> bytes:
        # A 0x00 first ends whatever the receiver believes to be in the middle of.
        lead = b"\0" if request.attempts or not self._transmissions else b""
        self.counters.retransmissions += bool(request.attempts)
        self._transmissions += 1
        request.attempts += 1
        request.order = self._transmissions
        request.sent_at = now
        return lead + request.line

    def _on_bad_frame(self) -> None:
        """Send again what was sent first: that is what the broken frame most likely was."""
        oldest = min(self._in_flight(), key=_order, default=None)
        if oldest and oldest.attempts < FAST_LIMIT:
            self._apply(oldest, Event.MISSED)

    def _on_reply(self, frame: Frame, now: float) -> None:
        heard_at, self._heard_at = self._heard_at, now
        request = self._requests.get(frame.sequence)
        in_flight = request is not None and request.state is State.IN_FLIGHT
        if (
            request is None
            or not _answers(frame, request)
            or not self._apply(request, Event.REPLIED)
        ):
            self.counters.ignored += 1
            return
        self._progress_at = now
        self.counters.answered += 1
        request.reply = frame
        if request.attempts == 1:  # else nobody knows which of them was answered
            answer_time = now - max(request.sent_at, heard_at)
            self._timeout = max(self._least_timeout, 4 * answer_time)
        if in_flight:
            for other in self._in_flight():
                if other.order < request.order:
                    self._apply(other, Event.MISSED)
        if not request.wanted:
            del self._requests[frame.sequence]


def _order(request: _Request) -> int:
    return request.order


def _answers(frame: Frame, request: _Request) -> bool:
    if frame.type == ERROR_TYPE:
        return (
            frame.body[:1] == bytes((request.type,)) and len(frame.body) >= ErrorReply.LAYOUT.size
        )
    return frame.type == request.type | REPLY_BIT
