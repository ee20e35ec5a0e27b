"""A device that goes away or hangs in mid-run: brought back, and the run goes on where it stopped.

Requests are pure functions (PROTOCOL.md), so those without an answer are sent again and nothing is
lost or counted twice. Back ends that can bring a device back have a method `revive`; what happened
is told in the record: a hang is a fault of the device, a pulled cable is not.
"""

from __future__ import annotations

from collections.abc import Callable

from hil.backend.base import Backend, Transport
from hil.errors import LinkError, NoAnswerError

#: More than this is no accident of a bench but something that ought to be looked at.
MOST_RESCUES = 20


class Rescuer:
    """Calls the back end for help, and keeps account.

    hangs, returns: what happened, a line each.
    """

    def __init__(self, backend: Backend, say: Callable[[str], None]) -> None:
        self._backend, self._say = backend, say
        self._given_up = False
        self._under_way: LinkError | None = None
        self.hangs: list[str] = []
        self.returns: list[str] = []

    def __call__(self, error: LinkError) -> Transport:
        """Bring the device back. Raises `error`, or one that says more, where that fails."""
        revive = getattr(self._backend, "revive", None)
        tries = len(self.hangs) + len(self.returns)
        if revive is None or self._given_up or tries >= MOST_RESCUES:
            raise error
        hangs = isinstance(error, NoAnswerError)
        press = ": restarting it; a board that stays silent needs its reset button" if hangs else ""
        self._say(f"{error}; trying to go on{press}")
        try:
            transport: Transport = revive(error)
        except LinkError:
            self._given_up = True
            raise
        if self._under_way is None or hangs:  # else it dropped before its hello: one rescue yet
            self._under_way = error
        return transport

    def succeeded(self) -> None:
        """Take down the last rescue: the device that was asked for has said hello again."""
        error, self._under_way = self._under_way, None
        kept = self.hangs if isinstance(error, NoAnswerError) else self.returns
        kept.append(f"{error}: {self._backend.description} was brought back, and the run went on")
