"""Every error a user can meet, and whose fault it is; the exit code follows from the class.

An error's text is one line that names the thing, the reason and the command that mends it.
Text that came from a file or a device goes through `clean` before it is put into a message.
"""

from __future__ import annotations


class TinyhilError(Exception):
    """Base of all; never raised itself."""

    exit_code = 2


class InputError(TinyhilError):
    """The user's options or files are wrong (exit code 2)."""


class ToolError(TinyhilError):
    """A program this needs is missing or failed (exit code 2)."""


class DeviceError(TinyhilError):
    """The device or the link to it failed (exit code 3)."""

    exit_code = 3


class IdentityError(DeviceError):
    """The device is not what was asked for: other board, firmware, model or protocol version."""


class LinkError(DeviceError):
    """No answer, a vanished port, or bytes that make no sense."""


class NoAnswerError(LinkError):
    """Nothing that answers a request came for too long, whatever else did."""


class UnsteadyError(DeviceError):
    """The device gave two answers to one question, and the line is not why."""


class RemoteError(DeviceError):
    """The device understood the request and refused it."""

    def __init__(self, code: str, detail: int, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.detail = detail


def clean(text: str, limit: int = 120) -> str:
    """Return `text` made safe for a terminal line: printable, one line, at most `limit` characters.

    Names from files and devices are not trusted: an escape code in one could rewrite the screen.
    """
    safe = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    return safe if len(safe) <= limit else safe[: limit - 1] + "…"
