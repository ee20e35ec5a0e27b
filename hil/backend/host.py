"""The host back end: the same firmware as a process on this machine, for sanitizers and fuzzers.

It shares everything with a board's image but its port (firmware/src/port/host), is built with `cc`
in about a second, and tells nothing about a board's time, stack or flash.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from hil.backend.base import Counters, Transport
from hil.backend.stream import SocketTransport
from hil.board import Board
from hil.errors import ToolError, clean
from hil.firmware.recipe import (
    C_FLAGS,
    LIBRARIES,
    LIBRARY_DIR,
    REFERENCE_MODEL_DIR,
    SANITIZER_FLAGS,
    SOURCE_DIR,
    WORKSPACE_DIR,
    build_info,
)

#: Seconds a process gets to end by itself once its link is closed.
END_TIMEOUT_S = 2.0
COMPILE_TIMEOUT_S = 300


def build_host(
    board: Board,
    model: Path | None,
    *,
    sanitize: bool = False,
    code: Path | None = None,
    flags: Sequence[str] = (),
) -> Path:
    """Build the firmware as a program that says it is `board`; return its path.

    `model`: a model folder, None for the committed one. `sanitize`: with AddressSanitizer and
    UndefinedBehaviorSanitizer. `code`: a folder with the model's C, used as it is in place of
    what `model` emits; it and `flags`, put before the recipe's include paths, are how the fault zoo
    builds what is wrong. The same sources are built once. Raises ToolError when `cc` is missing or
    fails.
    """
    compiler = _compiler()
    with tempfile.TemporaryDirectory(prefix="tinyhil-") as scratch:
        generated = Path(scratch)
        (generated / "build_info.h").write_text(build_info(board, board.facts.baud))
        folders = [LIBRARY_DIR / name for name in LIBRARIES]
        folders.append(code or _model_dir(model, generated))
        command = [compiler, *C_FLAGS, *(SANITIZER_FLAGS if sanitize else ()), *flags]
        command += [f"-I{folder}" for folder in (generated, SOURCE_DIR, *folders)]
        sources = [*SOURCE_DIR.glob("*.c"), *(SOURCE_DIR / "port" / "host").glob("*.c")]
        sources += [path for folder in folders for path in folder.glob("*.c")]
        headers = [p for d in (generated, SOURCE_DIR, *folders) for p in d.glob("*.h")]
        program = WORKSPACE_DIR / "host" / _key(command, generated, [*sources, *headers])
        if not program.is_file():
            _compile([*command, *map(str, sorted(sources))], program)
    return program


def _compiler() -> str:
    compiler = shutil.which("cc")
    if compiler is None:
        raise ToolError("no C compiler (cc) on PATH: apt-get install gcc libc6-dev")
    return compiler


def _model_dir(model: Path | None, scratch: Path) -> Path:
    if model is None:
        return REFERENCE_MODEL_DIR
    out = scratch / "model"
    out.mkdir()
    # Loaded by name: the harness does not import the pipeline (ARCHITECTURE.md).
    import_module("pipeline.emit_c").emit(model, "model", out, kernels=False)
    return out


def _key(command: list[str], scratch: Path, files: list[Path]) -> str:
    """Return a name made of all that decides the program, but for the scratch folder's name."""
    digest = hashlib.sha256(" ".join(command).replace(str(scratch), "").encode())
    for path in sorted(files, key=lambda p: str(p).replace(str(scratch), "")):
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return "firmware-" + digest.hexdigest()[:16]


def _compile(command: list[str], program: Path) -> None:
    program.parent.mkdir(parents=True, exist_ok=True)
    # Built under a name of its own and moved into place: two processes may build at once.
    part = program.with_name(f"{program.name}.{os.getpid()}")
    result = subprocess.run(
        [*command, "-o", str(part)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=COMPILE_TIMEOUT_S,
        check=False,
    )
    if result.returncode != 0:
        reason = next((line for line in result.stderr.splitlines() if "error" in line), "cc failed")
        raise ToolError(f"the host firmware was not built: {clean(reason, 300)}")
    part.replace(program)


class HostBackend:
    """Runs the host firmware; see `hil.backend.base.Backend`."""

    name = "host"
    description = "host port (the firmware as a process on this machine)"
    emulated = True
    links: tuple[str, ...] = ()
    via = "process"

    def __init__(self, *, model: Path | None = None, sanitize: bool = False) -> None:
        self._model, self._sanitize = model, sanitize
        self._process: subprocess.Popen[bytes] | None = None
        self._transport: SocketTransport | None = None
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `close`
        self._crash: str | None = None

    def check(self, board: Board, port: str | None) -> None:
        """See Backend.check."""
        _compiler()

    def open(self, board: Board, elf: Path | None, port: str | None) -> Transport:
        """Start the process. `elf`: a program from `build_host`; None: built here."""
        program = elf or build_host(board, self._model, sanitize=self._sanitize)
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [str(program)],
                env={**os.environ, "TINYHIL_FD": str(theirs.fileno())},
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._log,
            )
        self._transport = SocketTransport(ours, "host firmware")
        return self._transport

    def counters(self) -> Counters | None:
        """Return None: a process counts nothing that means something for a board."""
        return None

    def crash_report(self) -> str | None:
        """Return what the process wrote as it failed (a sanitizer's report), or None."""
        if self._process is None or self._log.closed or self._process.poll() in (None, 0):
            return self._crash
        self._log.seek(0)
        text = self._log.read().decode(errors="replace").strip()
        return text or f"ended with status {self._process.returncode}"

    def close(self) -> None:
        """Close the link and see the process end, by force where it does not by itself."""
        if self._transport is not None:
            self._transport.close()
        if self._process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(END_TIMEOUT_S)
            self._crash = self.crash_report()
            self._process.kill()
            self._process.wait()
        self._log.close()
