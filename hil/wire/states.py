"""The states of a request on the host, as a table."""

from __future__ import annotations

from enum import Enum, auto
from typing import Final


class State(Enum):
    """Where a request is."""

    NEW = auto()
    IN_FLIGHT = auto()
    LOST = auto()
    ANSWERED = auto()


class Event(Enum):
    """What happens to a request."""

    SENT = auto()
    REPLIED = auto()
    MISSED = auto()  # its reply is overdue, or a later request's has come


#: Everything that can happen. What is not here is ignored: a second reply, or one to a request
#: that was never sent. `emit.py` prints this table into PROTOCOL.md.
TRANSITIONS: Final = {
    (State.NEW, Event.SENT): State.IN_FLIGHT,
    (State.IN_FLIGHT, Event.REPLIED): State.ANSWERED,
    (State.IN_FLIGHT, Event.MISSED): State.LOST,
    (State.LOST, Event.SENT): State.IN_FLIGHT,
    (State.LOST, Event.REPLIED): State.ANSWERED,  # late, but good
}
