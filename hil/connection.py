"""Requests and replies over a transport, blocking: the only place that waits for a device."""

from __future__ import annotations

import secrets
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from hil.backend.base import Transport
from hil.errors import IdentityError, LinkError, NoAnswerError, RemoteError, clean
from hil.wire.codec import Body
from hil.wire.frame import Frame
from hil.wire.messages import ErrorCode, ErrorReply, HelloReply, HelloRequest
from hil.wire.schema import ERROR_TYPE, HOST_MAX_BODY, PROTOCOL_VERSION
from hil.wire.session import LAST_SEQUENCE, Counters, Session

#: A frame must at least carry a staged request.
LEAST_BODY: Final = 64

#: Seconds for a device that came back to say hello: long enough to press a reset button.
REVIVAL_S: Final = 30.0

#: Drops that are gone on after without an answer in between. A plug that is being pushed in makes
#: and breaks contact some times, and a hub that powers up again lets go once or twice; a cable that
#: does so more often is broken.
MOST_DROPS: Final = 8

Clock = Callable[[], float]

#: Brings a device back that has gone or hangs, on a transport of its own or the same one; raises
#: the error it was given, or one that says more, where it cannot.
Rescue = Callable[[LinkError], Transport]


@dataclass
class _Trouble:
    """What went wrong since the last answer. answered: how many there had been."""

    answered: int
    hangs: int = 0
    drops: int = 0

    def is_too_much(self, error: LinkError) -> bool:
        """Count `error`, and return whether it is no accident any more.

        To hang twice at one place is none: what was asked there is what the device dies of.
        """
        hangs = isinstance(error, NoAnswerError)
        self.hangs += hangs
        self.drops += not hangs
        return self.hangs > 1 or self.drops > MOST_DROPS


class Connection:
    """A session on a transport.

    timeout and patience as in Session, in seconds. Several streams may be under way at once, one
    begun inside another: each gets its own replies.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        timeout: float = 2.0,
        patience: float = 10.0,
        clock: Clock = time.monotonic,
    ) -> None:
        self._transport = transport
        self._timeout = timeout
        self._patience = patience
        self._clock = clock
        self._session = Session()
        self._rescue: Rescue | None = None
        self._welcome: Callable[[HelloReply], None] = lambda _: None
        self._trouble = _Trouble(-1)

    def guard(self, rescue: Rescue | None, welcome: Callable[[HelloReply], None]) -> None:
        """From now on, go on after `rescue` where the device goes away or hangs.

        `welcome` gets the HELLO of the device that came back, and raises where it is another one.
        Requests are pure functions, so those without an answer are simply sent again.
        """
        self._rescue, self._welcome = rescue, welcome

    @property
    def counters(self) -> Counters:
        """What this end saw since `hello`."""
        return self._session.counters

    @property
    def max_body(self) -> int:
        """Bytes of the largest body, either way."""
        return self._session.max_body

    def hello(self, deadline: float, mend: str) -> HelloReply:
        """Begin anew, whatever the device is in the middle of; repeated for `deadline` seconds.

        The device answers in order, so once this (randomly numbered) hello is answered no reply
        to an earlier session can come any more. `mend` is the command for firmware that speaks
        another version.
        """
        self._trouble = _Trouble(-1)
        try:
            first, hello = self._greet(deadline, mend)
        except LinkError as error:
            if self._rescue is None or self._trouble.is_too_much(error):
                raise
            first, hello = self._bring_back(error, mend)
            self._welcome(hello)
        following = (first + 1) % LAST_SEQUENCE + 1
        self._session = Session(following, timeout=self._timeout, patience=self._patience)
        self._session.credits = max(1, hello.credits)
        self._session.max_body = min(hello.max_body, HOST_MAX_BODY)
        return hello

    def _greet(self, deadline: float, mend: str) -> tuple[int, HelloReply]:
        """Say hello in a session of its own, which is left in place; nobody is rescued there.

        Returns its number too.
        """
        first = 1 + secrets.randbelow(LAST_SEQUENCE)
        self._session = Session(first, timeout=min(self._timeout, 0.3), patience=deadline)
        rescue, self._rescue = self._rescue, None
        try:
            (reply,) = self.stream([HelloRequest(PROTOCOL_VERSION)])
        finally:
            self._rescue = rescue
        return first, _read_hello(reply, mend)

    def stream(self, requests: Iterable[Body]) -> Iterator[Frame]:
        """Send requests, pipelined; yield each one's reply (or ERROR) in order.

        Raises LinkError when the device is silent for too long or its transport has gone.
        """
        source = iter(requests)
        queue: deque[int] = deque()
        try:
            while True:
                self._fill(queue, source)
                if not queue:
                    return
                while queue and (reply := self._session.take(queue[0])) is not None:
                    queue.popleft()
                    yield reply
                    self._fill(queue, source)
                if queue:
                    self._step_or_rescue()
        finally:
            for sequence in queue:
                self._session.cancel(sequence)

    def close(self) -> None:
        """Release the transport."""
        self._transport.close()

    def call(self, request: Body) -> Frame:
        """Send one request and return its reply; see `stream`."""
        (reply,) = self.stream([request])
        return reply

    def _fill(self, queue: deque[int], source: Iterator[Body]) -> None:
        # Twice the credits: when a reply comes, the next request is at hand and leaves before
        # the caller has looked at the reply, so that the line never runs dry.
        while len(queue) < 2 * self._session.credits:
            request = next(source, None)
            if request is None:
                return
            queue.append(self._session.submit(request.TYPE, request.encode()))

    def _step_or_rescue(self) -> None:
        try:
            self._step()
        except LinkError as error:
            if self._trouble.answered != self.counters.answered:
                self._trouble = _Trouble(self.counters.answered)
            if self._rescue is None or self._trouble.is_too_much(error):
                raise
            self._go_on(error)

    def _go_on(self, error: LinkError) -> None:
        """Continue the session with the device that comes back."""
        session = self._session
        try:
            _, hello = self._bring_back(error, "tinyhil flash")
        finally:
            self._session = session
        self._welcome(hello)
        session.credits = max(1, hello.credits)
        session.lose_all()

    def _bring_back(self, error: LinkError, mend: str) -> tuple[int, HelloReply]:
        """Greet the device where the rescue finds it, again where it drops or is silent meanwhile.

        Silence after a drop may be a hang, which a port that is opened anew has hidden: it is
        restarted once. After a hang that was no accident any more, `error` was counted.
        """
        assert self._rescue is not None
        while True:
            self._transport = self._rescue(error)
            try:
                return self._greet(REVIVAL_S, mend)
            except LinkError as again:
                if self._trouble.is_too_much(again):
                    raise
                error = again

    def _step(self) -> None:
        """Send what may be sent, wait for bytes or for the next time-out, and take them in."""
        session = self._session
        self._write()
        wake_at = session.wake_at()
        wait = 0.0 if wake_at is None else max(0.0, wake_at - self._clock())
        if data := self._transport.read(wait):
            session.receive(data, self._clock())
        # Whatever came: a line full of something else (another program's log) is no answer.
        session.expire(self._clock())
        self._write()

    def _write(self) -> None:
        if out := self._session.send(self._clock()):
            self._transport.write(out)


def check(reply: Frame, what: str) -> bytes:
    """Return the body of a reply. Raises RemoteError when it is an ERROR; `what` was asked."""
    if reply.type != ERROR_TYPE:
        return reply.body
    error = ErrorReply.decode(reply.body)
    known = {int(c): c.name for c in ErrorCode}
    code = known.get(error.code, f"error {error.code}")
    text = f"the device refused {what}: {code}, {clean(error.text)} ({error.detail})"
    raise RemoteError(code, error.detail, text)


def _read_hello(reply: Frame, mend: str) -> HelloReply:
    """Decode HELLO. Its first field is the version in every version: it is looked at first."""
    body = check(reply, "HELLO")
    version = int.from_bytes(body[:2], "little")
    if len(body) >= 2 and version != PROTOCOL_VERSION:
        side = "older" if version < PROTOCOL_VERSION else "newer"
        raise IdentityError(
            f"the device speaks protocol version {version}, this program {PROTOCOL_VERSION}: its "
            f"firmware is {side}; {mend} writes this program's"
        )
    hello = HelloReply.decode(body)
    if hello.max_body < LEAST_BODY:
        raise LinkError(f"HELLO: a largest body of {hello.max_body} bytes makes no sense")
    return hello
