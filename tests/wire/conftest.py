"""The C end of the protocol, built for this machine with the undefined-behaviour sanitizer."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import tty
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from c_end import CDecoder, CDevice, bind

ROOT = Path(__file__).resolve().parents[2]
WIRE = ROOT / "firmware" / "lib" / "wire"
INCLUDES = [f"-I{WIRE}", f"-I{ROOT / 'firmware' / 'lib' / 'nn'}", f"-I{ROOT / 'tests' / 'c'}"]
SOURCES = [*sorted(WIRE.glob("*.c")), ROOT / "tests" / "c" / "fake_model.c"]
FLAGS = [
    "-std=c11", "-O1", "-g", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror",
    "-fno-sanitize-recover=all",
]  # fmt: skip


@pytest.fixture(scope="session")
def compiler() -> str:
    for name in ("gcc", "clang"):
        if path := shutil.which(name):
            return path
    pytest.skip("no C compiler here: install gcc or clang")


def compile_c(compiler: str, out: Path, sources: list[Path], *options: str) -> Path:
    command = [compiler, *FLAGS, *options, *INCLUDES, *map(str, sources), "-o", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return out


@pytest.fixture(scope="session")
def library(compiler: str, tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    out = tmp_path_factory.mktemp("wire") / "wire.so"
    sources = [*SOURCES, Path(__file__).parent / "c_end.c"]
    compile_c(compiler, out, sources, "-fsanitize=undefined", "-shared", "-fPIC")
    return bind(ctypes.CDLL(str(out)))


@pytest.fixture
def device(library: ctypes.CDLL) -> Callable[..., CDevice]:
    """Make a device; options as in tests/c/fake_model.h."""

    def make(**options: int) -> CDevice:
        return CDevice(library, **options)

    return make


@pytest.fixture
def c_decoder(library: ctypes.CDLL) -> Callable[[], CDecoder]:
    return lambda: CDecoder(library)


@pytest.fixture
def pty() -> Iterator[tuple[int, str]]:
    master, slave = os.openpty()
    tty.setraw(slave)
    yield master, os.ttyname(slave)
    for fd in (master, slave):
        try:
            os.close(fd)
        except OSError:
            continue  # the test closed it
