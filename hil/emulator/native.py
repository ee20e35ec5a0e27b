"""Compiles native/*.c at first use and runs the core through it.

The library lies in the user's cache directory under a name made of the hash of everything that
goes into it, and is written under another name first: two processes may build it at once.
Without a C compiler `load` returns None, and the portable runner takes over with the same counts.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any

import unicorn
from unicorn import UC_HOOK_BLOCK, UC_HOOK_CODE, UC_HOOK_INTR, Uc
from unicorn.unicorn_py3 import unicorn as binding

from hil.emulator.portable import Counting
from hil.emulator.state import BlockEntry, CoreState, Run

SOURCES = Path(__file__).parent / "native"
UNICORN = Path(unicorn.__file__).parent
FLAGS = ("-std=c11", "-O2", "-shared", "-fPIC")

ANALYSE = ctypes.CFUNCTYPE(None, ctypes.c_uint32, ctypes.c_uint32, ctypes.POINTER(BlockEntry))


def cache_dir() -> Path:
    """Return where compiled code is kept: $XDG_CACHE_HOME/tinyhil, by default ~/.cache/tinyhil."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "tinyhil"


def _library() -> Path | None:
    for name in ("libunicorn.so.2", "libunicorn.so"):
        if (UNICORN / "lib" / name).exists():
            return UNICORN / "lib" / name
    return None


def _key(compiler: str, library: Path) -> str:
    digest = hashlib.sha256()
    version = subprocess.run([compiler, "--version"], capture_output=True, check=True).stdout
    names = (str(library), unicorn.__version__, *FLAGS)
    for part in (version, *map(str.encode, names)):
        digest.update(part + b"\0")
    for source in sorted(SOURCES.iterdir()):
        digest.update(source.name.encode() + b"\0" + source.read_bytes())
    return digest.hexdigest()[:24]


def build() -> Path | None:
    """Return the compiled library, built if need be; None where that is not possible."""
    compiler, library = shutil.which("cc"), _library()
    if not compiler or not library or not (UNICORN / "include" / "unicorn").is_dir():
        return None
    try:
        target = cache_dir() / f"emulator-{_key(compiler, library)}.so"
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            _compile(compiler, library, target)
    except (OSError, RuntimeError, subprocess.CalledProcessError):  # RuntimeError: no home
        return None
    return target


def _compile(compiler: str, library: Path, target: Path) -> None:
    handle, part = tempfile.mkstemp(suffix=".so", dir=target.parent)
    os.close(handle)
    try:
        sources = [str(p) for p in sorted(SOURCES.glob("*.c"))]
        link = [str(library), f"-Wl,-rpath,{library.parent}"]
        command = [
            compiler,
            *FLAGS,
            "-isystem",
            str(UNICORN / "include"),
            *sources,
            *link,
            "-o",
            part,
        ]
        subprocess.run(command, capture_output=True, check=True)
        Path(part).replace(target)
    finally:
        with contextlib.suppress(FileNotFoundError):
            Path(part).unlink()


@cache
def load() -> ctypes.CDLL | None:
    """Return the loaded library, None where it cannot be had."""
    path = build()
    if path is None:
        return None
    library = ctypes.CDLL(str(path))
    library.core_size.restype = ctypes.c_size_t
    if library.core_size() != ctypes.sizeof(CoreState):
        raise AssertionError("state.py and native/core.h differ")
    return library


class NativeRunner:
    """Runs the core with the compiled hooks."""

    name = "compiled hook"

    def __init__(self, library: ctypes.CDLL, uc: Uc, core: CoreState, counting: Counting) -> None:
        self._library = library
        self._core = ctypes.byref(core)
        self._keep: list[Any] = [core]
        core.uc = uc._uch
        core.analyse = self._pointer(ANALYSE(self._analyse))
        self._counting = counting
        self._hook(uc, UC_HOOK_BLOCK, library.on_block)
        self._hook(uc, UC_HOOK_INTR, library.on_interrupt)

    def _pointer(self, function: Any) -> int | None:
        self._keep.append(function)
        return ctypes.cast(function, ctypes.c_void_p).value

    def _analyse(self, address: int, size: int, entry: Any) -> None:
        self._counting.analyse(address, size, entry[0])

    def watch_divisions(self, uc: Uc, addresses: Iterable[int]) -> None:
        """Look at the divisor before each of these instructions runs."""
        for address in addresses:
            self._hook(uc, UC_HOOK_CODE, self._library.on_division, address, address)

    def _hook(self, uc: Uc, kind: int, function: Any, first: int = 1, last: int = 0) -> None:
        handle = ctypes.c_size_t()
        status = binding.uclib.uc_hook_add(
            uc._uch, ctypes.byref(handle), kind, ctypes.cast(function, ctypes.c_void_p),
            self._core, ctypes.c_uint64(first), ctypes.c_uint64(last),
        )  # fmt: skip
        if status:
            raise AssertionError(f"uc_hook_add: {status}")

    def map_uart(self, uc: Uc, base: int, size: int, read: Callable[..., int], write: Any) -> None:
        """Map the UART's page onto native code, which leaves what is no data to `read`, `write`."""
        core = self._keep[0]
        core.uart_read = self._pointer(
            binding.MMIO_READ_CFUNC(lambda _u, offset, width, _k: read(uc, offset, width, None))
        )
        core.uart_write = self._pointer(
            binding.MMIO_WRITE_CFUNC(
                lambda _u, offset, width, value, _k: write(uc, offset, width, value, None)
            )
        )
        self._map(uc, base, size, self._library.uart_read, self._library.uart_write)

    def _map(self, uc: Uc, base: int, size: int, read: Any, write: Any) -> None:
        cast = ctypes.c_void_p
        status = binding.uclib.uc_mmio_map(
            uc._uch, base, size, ctypes.cast(read, cast), self._core, ctypes.cast(write, cast),
            self._core,
        )  # fmt: skip
        if status:
            raise AssertionError(f"uc_mmio_map: {status}")

    def run(self) -> Run:
        """Run until there is something that only the machine can deal with."""
        return Run(self._library.run(self._core))
