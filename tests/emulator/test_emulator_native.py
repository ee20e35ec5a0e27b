"""How the compiled hook comes into being, and what happens where it cannot."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from hil.emulator import native
from hil.emulator.state import CoreState

needs_compiler = pytest.mark.skipif(
    shutil.which("cc") is None, reason="no C compiler (cc): apt-get install gcc libc6-dev"
)
STRICT = ("-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror", "-fsyntax-only")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "tinyhil"


@needs_compiler
def test_it_is_built_once_and_kept(cache: Path) -> None:
    first = native.build()
    assert first is not None
    assert first.parent == cache
    stamp = first.stat().st_mtime_ns
    assert native.build() == first
    assert first.stat().st_mtime_ns == stamp
    assert [p.name for p in cache.iterdir()] == [first.name], "nothing half-written is left"


@needs_compiler
def test_several_processes_may_build_at_once(cache: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        paths = set(pool.map(lambda _: native.build(), range(4)))
    assert len(paths) == 1
    assert len(list(cache.iterdir())) == 1


@needs_compiler
def test_other_sources_are_another_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = native.build()
    copy = tmp_path / "native"
    shutil.copytree(native.SOURCES, copy)
    (copy / "run.c").write_text((copy / "run.c").read_text() + "\n/* changed */\n")
    monkeypatch.setattr(native, "SOURCES", copy)
    assert native.build() not in {first, None}


@needs_compiler
def test_memory_is_laid_out_as_python_thinks() -> None:
    path = native.build()
    assert path is not None
    library = ctypes.CDLL(str(path))
    library.core_size.restype = ctypes.c_size_t
    assert library.core_size() == ctypes.sizeof(CoreState)


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_the_sources_raise_no_warning(compiler: str) -> None:
    if shutil.which(compiler) is None:
        pytest.skip(f"no {compiler}")
    include = native.UNICORN / "include"
    for source in native.SOURCES.glob("*.c"):
        command = [compiler, "-std=c11", *STRICT, "-isystem", str(include), str(source)]
        subprocess.run(command, check=True)


def test_without_a_compiler_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert native.build() is None


def test_a_compiler_that_fails_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = tmp_path / "bin" / "cc"
    fake.parent.mkdir()
    fake.write_text('#!/bin/sh\n[ "$1" = --version ]\n')
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(fake.parent), prepend=":")
    assert native.build() is None


@needs_compiler
def test_a_cache_that_cannot_be_written_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert native.build() is None
