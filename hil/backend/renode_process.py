"""A Renode process of our own: found, checked, started headless in a folder of its own, and ended.

Nothing of it listens: Renode connects to a socket that is bound here, on the loopback interface,
before it is started, so that parallel runs cannot take each other's port; a token in the run's
folder keeps other programs of this machine out. A keeper (keeper.py) stands between it and this
process, and ends it and deletes its folder when this process has ended, however that happened.
What a killed keeper leaves, the next start deletes.
"""

from __future__ import annotations

import atexit
import contextlib
import hmac
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Final, TypeAlias

from hil.backend import keeper
from hil.backend.keeper import has_ended, kill_group
from hil.backend.renode_folders import new_folder, read_pid
from hil.board import PROJECT_DIR, Board
from hil.errors import InputError, ToolError, clean

#: Names the program where it is not on PATH.
VARIABLE: Final = "RENODE"
PROGRAM: Final = "renode"
OLDEST: Final = (1, 15, 0)
WANTED: Final = "its portable package, 1.15 or later"

DESCRIPTIONS_DIR: Final = PROJECT_DIR / "firmware" / "platform" / "renode"
SERVICE: Final = "harness.py"

#: Renode starts in one to three seconds; a busy CI host may take ten times as long.
START_TIMEOUT_S: Final = 60.0
VERSION_TIMEOUT_S: Final = 30.0
GREETING_TIMEOUT_S: Final = 5.0
END_TIMEOUT_S: Final = 3.0
POLL_S: Final = 0.05
#: A keeper that has not ended its command so long after it was told to is ended itself.
KEEPER_GRACE_S: Final = 5.0
CPU_ABORT: Final = "[ERROR] cpu: CPU abort"
LOG_BYTES: Final = 1 << 16

Version: TypeAlias = tuple[int, int, int]

_VERSION = re.compile(r"Renode v(\d{1,4})\.(\d{1,4})\.(\d{1,6})")
_FAILED = re.compile(r"There was an error|Error E\d+|Parameters did not match|No such command")
_LOG_LINE = re.compile(r"^\d\d:\d\d:\d\d\.\d+ \[(?:ERROR|WARNING)\] ")


def find() -> str:
    """Return Renode's program: $RENODE, or what PATH has. Raises ToolError where there is none."""
    asked = os.environ.get(VARIABLE)
    path = shutil.which(asked or PROGRAM)
    if path is not None:
        return os.path.abspath(path)  # it is started in another folder
    if asked:
        raise ToolError(f"{VARIABLE}={clean(asked)} is no program; unset it, or name Renode's")
    raise ToolError(
        f"Renode is not installed: put {PROGRAM} from {WANTED}, on PATH, or name it in {VARIABLE}"
    )


def read_version(text: str) -> Version | None:
    """Return the version that `renode --version` names; None where it is another program's text."""
    found = _VERSION.search(text)
    return None if found is None else (int(found[1]), int(found[2]), int(found[3]))


def version(program: str) -> Version:
    """Return a Renode's version. Raises ToolError where it is none, or too old."""
    try:
        done = subprocess.run(
            [program, "--version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=VERSION_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ToolError(f"{clean(program)} --version fails: {clean(str(error))}") from None
    numbers = read_version(done.stdout.decode(errors="replace"))
    if numbers is None:
        raise ToolError(f"{clean(program)} is no Renode: --version does not say so")
    if numbers < OLDEST:
        raise ToolError(f"{clean(program)} is Renode {dotted(numbers)}, too old: install {WANTED}")
    return numbers


def dotted(numbers: Version) -> str:
    """Return a version as people write it."""
    return ".".join(map(str, numbers))


def uart_name(board: Board) -> str:
    """Return what the description calls the board's UART: "UART0, TX …" is sysbus.uart0."""
    return "sysbus." + board.facts.uart.partition(",")[0].strip().lower()


def start_script(board: Board, port: int, token: str) -> str:
    """Return the monitor script that boots `firmware.elf` and connects; it ends with `quit`."""
    return (
        "logLevel 2\n"
        "$elf=@firmware.elf\n"
        f"include @{board.name}.resc\n"
        f"include @{SERVICE}\n"
        f'tinyhil_serve "127.0.0.1" {port} "{token}" "{uart_name(board)}"\n'
        "quit\n"
    )


class RenodeProcess:
    """A running Renode with a board's image. connection: the stream to its service.

    Raises ToolError when it does not start, with what it says; InputError without a description
    for the board.
    """

    connection: socket.socket

    def __init__(self, program: str, board: Board, elf: Path) -> None:
        self._folder = new_folder()
        self._process: subprocess.Popen[bytes] | None = None
        atexit.register(self.close)
        try:
            self._start(program, board, elf)
        except BaseException:
            self.close()
            raise

    def _start(self, program: str, board: Board, elf: Path) -> None:
        token = secrets.token_hex(16)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self._fill(board, elf, listener.getsockname()[1], token)
            self.connection = self._accept(self._launch(program), listener, token.encode() + b"\n")

    def _fill(self, board: Board, elf: Path, port: int, token: str) -> None:
        """Put all that Renode reads into its folder, so that no path needs quoting."""
        for name in (f"{board.name}.repl", f"{board.name}.resc", SERVICE):
            if not (DESCRIPTIONS_DIR / name).is_file():
                raise InputError(f"there is no {name} in {DESCRIPTIONS_DIR}")
            shutil.copyfile(DESCRIPTIONS_DIR / name, self._folder / name)
        shutil.copyfile(elf, self._folder / "firmware.elf")
        (self._folder / "start.resc").write_text(start_script(board, port, token))

    def _launch(self, program: str) -> subprocess.Popen[bytes]:
        history = f"[general]\nhistory-path = {self._folder / 'history'}\n"
        (self._folder / "config").write_text(history)
        command = [program, "--console", "--disable-xwt", "--plain", "--config", "config"]
        kept = [sys.executable, "-I", "-S", keeper.__file__, str(self._folder), str(END_TIMEOUT_S)]
        with (self._folder / "log").open("wb") as log:
            # A session of its own: the terminal's Ctrl-C is for the harness.
            self._process = subprocess.Popen(
                [*kept, *command, "start.resc"],
                env={**os.environ, "TMPDIR": str(self._folder)},
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return self._process

    def _accept(
        self, process: subprocess.Popen[bytes], listener: socket.socket, greeting: bytes
    ) -> socket.socket:
        deadline = time.monotonic() + START_TIMEOUT_S
        listener.settimeout(POLL_S)
        while time.monotonic() < deadline:
            with contextlib.suppress(TimeoutError):
                connection, _ = listener.accept()
                if _greets(connection, greeting):
                    return connection
                connection.close()
            if has_ended(process.pid) or _FAILED.search(self.log()):
                raise ToolError(f"Renode does not start: {self.last_error()}")
        raise ToolError(f"Renode was not ready within {START_TIMEOUT_S:g} s: {self.last_error()}")

    @property
    def pid(self) -> int:
        """The launched process, which leads its group. Raises ToolError when it has ended."""
        pid = read_pid(self._folder)
        if self._process is None or pid is None:
            raise ToolError("Renode is not running")
        return pid

    def log(self) -> str:
        """Return the end of what Renode has printed."""
        try:
            with (self._folder / "log").open("rb") as log:
                log.seek(max(0, log.seek(0, os.SEEK_END) - LOG_BYTES))
                return log.read().decode(errors="replace")
        except OSError:
            return ""

    def last_error(self) -> str:
        """Return what Renode printed last that looks like a reason, in one line."""
        lines = [line.strip() for line in self.log().splitlines() if line.strip()]
        failed = [i for i, line in enumerate(lines) if _FAILED.search(line)]
        if failed:
            return clean(" ".join(lines[failed[0] : failed[0] + 3]), 300)
        errors = [line for line in lines if "[ERROR]" in line] or lines
        return clean(_LOG_LINE.sub("", errors[-1]), 300) if errors else "it printed nothing"

    def cpu_error(self) -> str | None:
        """Return why the CPU's model has given up (it left all memory, say), or None."""
        errors = [line for line in self.log().splitlines() if CPU_ABORT in line]
        return clean(_LOG_LINE.sub("", errors[-1]), 300) if errors else None

    def close(self) -> None:
        """End it and all it started, and delete its folder; harmless when repeated."""
        atexit.unregister(self.close)
        if hasattr(self, "connection"):
            self.connection.close()
        if self._process is not None:
            _end(self._process, self._folder)
            self._process = None
        shutil.rmtree(self._folder, ignore_errors=True)


def _greets(connection: socket.socket, greeting: bytes) -> bool:
    """Return whether the peer is the Renode that was given the token."""
    connection.settimeout(GREETING_TIMEOUT_S)
    said = b""
    with contextlib.suppress(OSError):
        while len(said) < len(greeting):
            part = connection.recv(len(greeting) - len(said))
            if not part:
                break
            said += part
    return hmac.compare_digest(said, greeting)


def _end(process: subprocess.Popen[bytes], folder: Path) -> None:
    """Tell the keeper to end all; one that does not is ended with what it keeps."""
    if process.stdin is not None:
        process.stdin.close()
    try:
        process.wait(END_TIMEOUT_S + KEEPER_GRACE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        if (pid := read_pid(folder)) is not None:
            kill_group(pid)
