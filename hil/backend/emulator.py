"""The embedded emulator's process and its control channel, seen from the harness.

unicorn is loaded in that process alone (ARCHITECTURE.md, decision 10). The process ends with the
sockets it was given, so it ends when this one does, however that happens.
"""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from hil.board import Board
from hil.errors import InputError, LinkError, ToolError, clean

#: Loading unicorn and compiling the hook the first time takes two to three seconds on a slow host.
START_TIMEOUT_S = 60.0
ANSWER_TIMEOUT_S = 30.0
END_TIMEOUT_S = 2.0
#: A peek's answer is the longest line, half a megabyte.
MAX_LINE = 1 << 21
MAX_EVENTS = 64

Message = dict[str, Any]


def check_installed() -> None:
    """Raise ToolError where there is no unicorn."""
    if find_spec("unicorn") is None:
        raise ToolError("the emulator is not installed: pip install -e '.[emulator]'")


class EmulatorProcess:
    """A running emulator. Raises ToolError where there is no unicorn, InputError for a bad ELF."""

    def __init__(
        self, board: Board, elf: Path, link: socket.socket | None, options: Sequence[str] = ()
    ) -> None:
        check_installed()
        #: What the emulator said unasked, oldest first; `crash` is kept apart.
        self.events: deque[Message] = deque(maxlen=MAX_EVENTS)
        self.crash: Message | None = None
        self._incoming = b""
        self._next_id = 0
        self._control, theirs = socket.socketpair()
        carrier = ["--pty"] if link is None else ["--fd", str(link.fileno())]
        command = [
            sys.executable, "-m", "hil.emulator", "--board", board.name, "--elf", str(elf),
            *carrier, "--control-fd", str(theirs.fileno()), *options,
        ]  # fmt: skip
        inherited = [s.fileno() for s in (theirs, link) if s is not None]
        with theirs:
            self._process = subprocess.Popen(
                command, pass_fds=inherited, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
            )
        try:
            self._wait_for_start()
        except BaseException:
            self.close()
            raise

    def _wait_for_start(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            message = self._answer(deadline)
            if message.get("event") == "error":
                raise InputError(clean(str(message.get("message")), 400))
            self._note(message)
            if message.get("event") == "ready":
                self.hook = str(message.get("hook"))
                self.pty = message.get("pty")
                return

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._process.pid

    def request(self, do: str, **arguments: object) -> Message:
        """Ask something over the control channel (hil/emulator/control.py); return the answer.

        Raises InputError when the emulator refuses, LinkError when it is gone.
        """
        self._next_id += 1
        line = json.dumps({"id": self._next_id, "do": do, **arguments}) + "\n"
        try:
            self._control.settimeout(ANSWER_TIMEOUT_S)
            self._control.sendall(line.encode())
        except OSError as error:
            raise LinkError(f"emulator: {error.strerror or error}") from None
        deadline = time.monotonic() + ANSWER_TIMEOUT_S
        while True:
            message = self._answer(deadline)
            if message.get("id") == self._next_id:
                if "error" in message:
                    raise InputError(f"emulator: {clean(str(message['error']), 200)}")
                return message
            self._note(message)

    def poll(self, timeout: float) -> Message | None:
        """Return the next event, None when there was none in `timeout` seconds."""
        if not self.events:
            with contextlib.suppress(TimeoutError):
                self._note(self._receive(time.monotonic() + timeout))
        return self.events.popleft() if self.events else None

    def _note(self, message: Message) -> None:
        if message.get("event") == "crash":
            self.crash = message.get("crash")
        if "event" in message:
            self.events.append(message)

    def _answer(self, deadline: float) -> Message:
        try:
            return self._receive(deadline)
        except TimeoutError:
            raise LinkError("the emulator does not answer") from None

    def _receive(self, deadline: float) -> Message:
        while b"\n" not in self._incoming:
            self._control.settimeout(max(deadline - time.monotonic(), 1e-3))
            try:
                data = self._control.recv(65536)
            except TimeoutError:
                raise
            except OSError as error:
                raise LinkError(f"emulator: {error.strerror or error}") from None
            if not data or len(self._incoming) > MAX_LINE:
                raise LinkError(f"the emulator has ended with status {self._status()}")
            self._incoming += data
        line, _, self._incoming = self._incoming.partition(b"\n")
        message: Message = json.loads(line)
        return message

    def _status(self) -> int:
        """Return the exit status of a process that has closed its end, or said too much."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self._process.wait(END_TIMEOUT_S)
        self._process.kill()
        return self._process.wait()

    def drain(self) -> None:
        """Take in the events that have come, without waiting."""
        with contextlib.suppress(TimeoutError, LinkError):
            while True:
                self._note(self._receive(time.monotonic()))

    def close(self) -> None:
        """End the process; harmless when repeated."""
        self._control.close()
        try:
            self._process.wait(END_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
