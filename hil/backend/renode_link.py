"""What is said to the service in Renode (firmware/platform/renode/harness.py), and its UART.

Virtual time runs only while a request is under way. What is written is kept until the next read,
so that the same calls put the same bytes to the firmware after the same instructions.
"""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Callable
from typing import Final

from hil.errors import InputError, LinkError, clean

#: Seconds for one answer. A core that hangs gets five seconds of virtual time, some twenty of ours.
ANSWER_TIMEOUT_S: Final = 180.0
#: While it is waited for, Renode's log is looked at so often.
LOOK_S: Final = 0.5
#: The largest answer is what a UART sends in a slice of virtual time, or a command prints.
MAX_ANSWER: Final = 1 << 22
MAX_HEADER: Final = 80
#: More than this is handed over at once: the firmware's own ring holds twice as much.
FLUSH_BYTES: Final = 4096
#: One read lets at most so much virtual time pass.
LONGEST_READ_S: Final = 10.0


class RenodeLink:
    """Requests to the service. why: what Renode printed last, for messages when it has gone;
    stopped: why its CPU has, or None: from then on the service waits for it without end.

    Raises LinkError when Renode is gone, stopped or answers nonsense.
    """

    def __init__(
        self,
        connection: socket.socket,
        why: Callable[[], str],
        stopped: Callable[[], str | None],
    ) -> None:
        self._connection = connection
        self._why, self._stopped = why, stopped
        connection.settimeout(ANSWER_TIMEOUT_S)
        self._stream = connection.makefile("rb")

    def exchange(self, data: bytes, limit_s: float) -> tuple[int, bytes]:
        """Give `data` to the UART and run until it sends, for at most `limit_s` of virtual time.

        Returns the instructions executed since the chip's last reset, and what was sent.
        """
        return self._ask("exchange", int(limit_s * 1e6), data)

    def monitor(self, command: str) -> str:
        """Return what a command of Renode's monitor prints. Raises InputError when it fails."""
        return self._ask("monitor", 0, command.encode())[1].decode(errors="replace").strip()

    def mark(self, address: int) -> None:
        """Note every arrival of the program counter at `address`."""
        self._ask("mark", address, b"")

    def marks(self) -> list[tuple[int, int]]:
        """Return (address, executed instructions) of each arrival since the last call."""
        text = self._ask("marks", 0, b"")[1].decode(errors="replace")
        pairs = [line.split() for line in text.splitlines()]
        if not all(len(p) == 2 and p[0].isdigit() and p[1].isdigit() for p in pairs):
            raise self._nonsense(text[:MAX_HEADER])
        return [(int(address), int(count)) for address, count in pairs]

    def _ask(self, verb: str, number: int, payload: bytes) -> tuple[int, bytes]:
        try:
            self._connection.sendall(f"{verb} {number} {len(payload)}\n".encode() + payload)
            self._wait()
            verdict, count, body = self._answer()
        except TimeoutError:
            raise LinkError(f"Renode did not answer for {ANSWER_TIMEOUT_S:g} s") from None
        except OSError:
            raise self._gone() from None
        if verdict == b"error":
            raise InputError(f"Renode: {clean(body.decode(errors='replace').strip(), 200)}")
        return count, body

    def _wait(self) -> None:
        deadline = time.monotonic() + ANSWER_TIMEOUT_S
        while not select.select([self._connection], [], [], LOOK_S)[0]:
            if (reason := self._stopped()) is not None:
                raise LinkError(f"Renode has stopped: {reason}")
            if time.monotonic() > deadline:
                raise TimeoutError

    def _answer(self) -> tuple[bytes, int, bytes]:
        header = self._stream.readline(MAX_HEADER)
        if not header:
            raise self._gone()
        fields = header.split()
        right = len(fields) == 3 and fields[0] in {b"ok", b"error"}
        if not right or not fields[1].isdigit() or not fields[2].isdigit():
            raise self._nonsense(header.decode(errors="replace"))
        size = int(fields[2])
        if size > MAX_ANSWER:
            raise self._nonsense(header.decode(errors="replace"))
        body = self._stream.read(size)
        if len(body) != size:
            raise self._gone()
        return fields[0], int(fields[1]), body

    def _gone(self) -> LinkError:
        return LinkError(f"Renode has ended: {self._why()}")

    def _nonsense(self, text: str) -> LinkError:
        return LinkError(f"Renode's service answers {clean(text.strip())!r}, which makes no sense")

    def close(self) -> None:
        """Close this end; harmless when repeated."""
        self._stream.close()
        self._connection.close()


class RenodeTransport:
    """The firmware's UART; see `hil.backend.base.Transport`. Time-outs are of virtual time."""

    def __init__(self, link: RenodeLink) -> None:
        self._link = link
        self._to_send = b""
        self._received = b""
        #: Instructions executed since the chip's last reset, as of the last exchange.
        self.instructions = 0

    def read(self, timeout: float) -> bytes:
        """Run the firmware until it sends; b"" when it did not within `timeout` (virtual) s.

        A core that computes is not cut short: it gets up to five virtual seconds.
        """
        if not self._received:
            self.run(min(timeout, LONGEST_READ_S))
        received, self._received = self._received, b""
        return received

    def write(self, data: bytes) -> None:
        """Keep `data` for the next read, but no more than the firmware has room for."""
        for start in range(0, len(data), FLUSH_BYTES):
            self._to_send += data[start : start + FLUSH_BYTES]
            if len(self._to_send) >= FLUSH_BYTES:
                self.run(0.0)

    def run(self, limit_s: float) -> None:
        """Hand over what is kept, and run until the firmware sends, or for `limit_s` (virtual)."""
        data, self._to_send = self._to_send, b""
        self.instructions, sent = self._link.exchange(data, limit_s)
        self._received += sent

    def close(self) -> None:
        """Close the link; Renode then ends by itself."""
        self._link.close()
