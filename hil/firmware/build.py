"""Builds a board's firmware with PlatformIO, and says where the image is and how large.

The image carries `source_hash()`, so a device can be told from one with other firmware. Builds of
one checkout take turns (a file lock), so that parallel test processes do not disturb each other.
"""

from __future__ import annotations

import fcntl
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile

from hil.board import PROJECT_DIR, Board
from hil.errors import DeviceError, InputError, ToolError, clean
from hil.firmware.recipe import (
    BAUD_VARIABLE,
    MODEL_VARIABLE,
    WORKSPACE_DIR,
    build_dir,
    source_hash,
)

__all__ = [
    "ImageSize",
    "build",
    "elf_path",
    "image_size",
    "run_platformio",
    "source_hash",
    "upload",
    "why_failed",
]

#: PlatformIO's first action is otherwise a look at its servers: 24 s where there is no network.
QUIET_PLATFORMIO: Final = {
    "PLATFORMIO_SETTING_ENABLE_TELEMETRY": "no",
    "PLATFORMIO_DISABLE_UPGRADE_CHECK": "true",
    "PLATFORMIO_NO_ANSI": "true",
}

#: A build takes seconds; the registry's compiler, where it must be fetched, some minutes.
TIMEOUT_S: Final = 1800

#: How `python -m hil.upload` begins its one line of error.
UPLOADER_SAYS: Final = "upload: "
#: How its line begins where the firmware was written, and could not be asked whether it runs.
NOT_HEARD: Final = "no hello: "

#: What SCons prints as it begins to upload, after the build.
UPLOADING: Final = "Uploading"

#: Builds of other models and baud rates that are kept, a megabyte each. Far more than are in use at
#: once: one is read soon after it was built.
KEPT_VARIANTS: Final = 64

_OVERFLOW = re.compile(r"region [`'](FLASH|RAM)' overflowed by (\d+) bytes?")
_REGION = {"FLASH": "flash (its code and weights)", "RAM": "RAM (its arena)"}


@dataclass(frozen=True)
class ImageSize:
    """What an image takes, in bytes, as MEMORY reports it.

    flash_used: code, constants and the initial values of variables; ram_static: variables, the
    model's arena included; stack_size: reserved for the stack.
    """

    flash_used: int
    ram_static: int
    stack_size: int


def elf_path(board: Board, model: Path | None, baud: int | None = None) -> Path:
    """Return where `build` with the same arguments puts the image."""
    return build_dir(model, baud) / board.name / "firmware.elf"


def build(board: Board, model: Path | None, baud: int | None = None) -> Path:
    """Build a board's firmware and return its ELF file.

    `model`: a model folder, None for the committed one. `baud`: in bits per second, None for the
    board's own. Raises ToolError, in one line: no PlatformIO, no compiler, an error in the code, or
    by how much the model is too large for the board and in which memory.
    """
    path = elf_path(board, model, baud)
    result = run_platformio(["run", "-e", board.name], model, baud)
    if result.returncode != 0:
        raise ToolError(_failure(board, model, result.stdout))
    _keep(path.parent.parent)
    return path


def _keep(variant: Path) -> None:
    """Note that a build has been used, and forget the one that was not for the longest time."""
    if variant.parent != WORKSPACE_DIR:
        os.utime(variant)
        with _turn():
            forget_old(variant.parent)


def forget_old(variants: Path, keep: int = KEPT_VARIANTS) -> None:
    """Delete all but the `keep` builds used last."""
    used = sorted(variants.iterdir(), key=lambda p: p.stat().st_mtime, reverse=True)
    for old in used[keep:]:
        shutil.rmtree(old, ignore_errors=True)


def upload(
    board: Board, model: Path | None, port: str | None = None, baud: int | None = None
) -> str | None:
    """Build a board's firmware and upload it as platformio.ini says; arguments as for `build`.

    `port`: None lets PlatformIO find the board. Return why the firmware's hello was not awaited,
    None where it was heard. Raises, in one line, DeviceError when the board is not there (which is
    told before anything is built) or refuses, ToolError for all else.
    """
    command = ["run", "-e", board.name, "-t", "upload"]
    command += ["--upload-port", port] if port else []
    result = run_platformio(command, model, baud, show_from=UPLOADING.encode())
    if result.returncode == 0:
        _keep(elf_path(board, model, baud).parent.parent)
        lines = [x for x in result.stdout.splitlines() if x.startswith(NOT_HEARD)]
        return clean(lines[-1].removeprefix(NOT_HEARD), 600) if lines else None
    reason = why_failed(result.stdout)
    if reason.startswith(UPLOADER_SAYS):
        # The uploader speaks to those who run `pio run -t upload`.
        told = reason.removeprefix(UPLOADER_SAYS).replace("--upload-port", "--port")
        raise DeviceError(f"{board.name}: {told}")
    if UPLOADING not in result.stdout:
        raise ToolError(_failure(board, model, result.stdout))
    raise ToolError(f"{board.name}: not uploaded: {reason}")


def run_platformio(
    arguments: Sequence[str],
    model: Path | None = None,
    baud: int | None = None,
    show_from: bytes | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run `pio` in the project; return its exit code and its output, both streams together.

    show_from: from where this stands in the output, it is shown on a terminal as it comes: an
    upload takes seconds, and its tool draws a bar.
    """
    if importlib.util.find_spec("platformio") is None:
        raise ToolError("PlatformIO is not installed: pip install -e '.[firmware]'")
    command = [sys.executable, "-m", "platformio", *arguments]
    with _turn():
        return _run(command, _environment(model, baud), show_from)


def _run(
    command: list[str], environment: dict[str, str], show_from: bytes | None
) -> subprocess.CompletedProcess[str]:
    process = subprocess.Popen(
        command,
        cwd=PROJECT_DIR,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    watchdog = threading.Timer(TIMEOUT_S, process.kill)
    watchdog.start()
    try:
        output = _read(process, show_from if sys.stderr.isatty() else None)
        code = process.wait()
    finally:
        in_time = watchdog.is_alive()
        watchdog.cancel()
        process.kill()
    if not in_time:
        raise ToolError(f"`pio {' '.join(command[3:])}` took over {TIMEOUT_S} s")
    return subprocess.CompletedProcess(command, code, output.decode(errors="replace"))


def _read(process: subprocess.Popen[bytes], show_from: bytes | None) -> bytes:
    assert process.stdout is not None
    output, shown = b"", None
    while chunk := os.read(process.stdout.fileno(), 4096):
        output += chunk
        if show_from is not None and shown is None and show_from in output:
            shown = output.index(show_from)
        if shown is not None:
            os.write(sys.stderr.fileno(), output[shown:])
            shown = len(output)
    process.stdout.close()
    return output


def _environment(model: Path | None, baud: int | None) -> dict[str, str]:
    variables = {**os.environ, **QUIET_PLATFORMIO}
    for name in (MODEL_VARIABLE, BAUD_VARIABLE):
        variables.pop(name, None)
    if model is not None:
        variables[MODEL_VARIABLE] = str(model.resolve())
    if baud is not None:
        variables[BAUD_VARIABLE] = str(baud)
    return variables


@contextmanager
def _turn() -> Iterator[None]:
    WORKSPACE_DIR.mkdir(exist_ok=True)
    with (WORKSPACE_DIR / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


#: PlatformIO puts the class of what it raised before the words.
_CLASS = re.compile(r"^(Error|[\w.]*Exception): ")


def _failure(board: Board, model: Path | None, output: str) -> str:
    overflows = dict(_OVERFLOW.findall(output))
    if overflows:
        name = clean(model.name if model else "(the committed one)", 60)
        needs = " and ".join(f"{n} bytes of {_REGION[r]}" for r, n in sorted(overflows.items()))
        return f"model {name} needs {needs} more than {board.name} has; use a smaller model"
    return f"{board.name}: the firmware was not built: {why_failed(output)}"


def why_failed(output: str) -> str:
    """Return the line of a failed run of PlatformIO that says why."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    for mark in ("Error:", "error:", "Exception:", UPLOADER_SAYS, "undefined reference", "***"):
        for line in lines:
            if mark in line:
                return clean(_CLASS.sub("", line), 300)
    return clean(lines[-1], 300) if lines else "PlatformIO said nothing"


def image_size(elf: Path) -> ImageSize:
    """Return what an image takes. Raises InputError when `elf` is not one of this firmware's."""
    try:
        with elf.open("rb") as file:
            symbols = ELFFile(file).get_section_by_name(".symtab")
            return ImageSize(
                flash_used=_span(symbols, "_image"),
                ram_static=_span(symbols, "_data") + _span(symbols, "_bss"),
                stack_size=_span(symbols, "_stack", "_bottom", "_top"),
            )
    except OSError as error:
        raise InputError(f"{elf}: {error.strerror}") from None
    except (ELFError, TypeError, AttributeError):
        raise InputError(f"{elf}: not an image of this firmware") from None


def _span(symbols: object, name: str, begin: str = "_start", end: str = "_end") -> int:
    (low,) = symbols.get_symbol_by_name(name + begin)  # type: ignore[attr-defined]
    (high,) = symbols.get_symbol_by_name(name + end)  # type: ignore[attr-defined]
    return int(high["st_value"] - low["st_value"])
