"""Emitted C is clean under strict warnings: gcc and clang, for this machine and the core.

Every goal of --optimize: each takes kernels that the others do not. The compilers' own code
generators run where a warning may come from there (uninitialized values, bounds).
"""

from __future__ import annotations

import functools
import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

from hil.board import PROJECT_DIR
from hil.cli import main
from hil.firmware.recipe import CPU_FLAGS
from pipeline.emit_c import Source, generate, two_files
from pipeline.emit_c.choice import GOALS
from tests.engine.native import KERNELS, cc
from tests.engine.test_mlperf import NAMES, mlperf
from tests.engine.test_twins import MODELS as MODELS_OF_ONE_LAYER
from tests.engine.test_twins import graph_of

MODELS: Final = PROJECT_DIR / "test_vectors" / "models"
WARNINGS: Final = ["-Wall", "-Wextra", "-Wconversion", "-Wpedantic", "-Werror"]
STRICT: Final = ["-std=c11", "-O2", *WARNINGS]
#: Clang's C++ is as strict as its C; GCC's -Wconversion in C++ warns of what C promotes silently.
AS_CPP: Final = ["-x", "c++", "-O2", "-Wall", "-Wextra", "-Werror"]
ARM_GCC: Final = "arm-none-eabi-gcc"


@functools.cache
def arm_headers() -> str:
    """Return the folder of the cross compiler's C library headers, which clang lacks."""
    ran = subprocess.run(
        [ARM_GCC, "-E", "-x", "c", "-"],
        input="#include <string.h>\n",
        capture_output=True,
        text=True,
        check=True,
    )
    found = re.search(r'^# 1 "([^"]+)/string\.h"', ran.stdout, re.MULTILINE)
    assert found is not None
    return found[1]


def compilers() -> list[tuple[str, list[str]]]:
    """Return (compiler, flags); a missing one fails the test that needs it."""
    look, make = "-fsyntax-only", ["-S", "-o", "/dev/null"]
    arm = ["--target=thumbv7em-none-eabihf", *CPU_FLAGS, f"-isystem{arm_headers()}"]
    return [
        ("gcc", [*STRICT, *make]),
        ("clang", [*STRICT, look]),
        ("g++", [*AS_CPP, look]),
        ("clang++", [*AS_CPP, look]),
        (ARM_GCC, [*STRICT, *CPU_FLAGS, *make]),
        ("clang", [*STRICT, *arm, look]),
    ]


def check(model: Path, goal: str, folder: Path) -> None:
    """Emit a model and show it to every compiler."""
    arguments = ["emit", str(model), "--name", "m", "--out", str(folder), "--board", "any"]
    assert main([*arguments, "--optimize", goal]) == 0
    for compiler, flags in compilers():
        cc([*flags, folder / "m.c"], compiler)


@pytest.fixture(autouse=True)
def _compilers() -> None:
    missing = [c for c in (ARM_GCC, "clang", "g++") if shutil.which(c) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")


@pytest.mark.parametrize("goal", GOALS)
@pytest.mark.parametrize("arch", ["cnn", "lstm", "dense"])
def test_reference_models_compile_without_a_warning(arch: str, goal: str, tmp_path: Path) -> None:
    check(MODELS / arch, goal, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_mlperf_models_compile_without_a_warning(name: str, tmp_path: Path) -> None:
    for goal in GOALS:
        check(mlperf(name), goal, tmp_path / goal)


def test_every_fast_kernel_compiles_without_a_warning(tmp_path: Path) -> None:
    """In one file; among the layers are some of which nothing is left but zeros."""
    names = [name for name in MODELS_OF_ONE_LAYER if name.endswith(("full", "zeros", "-1", "mean"))]
    for i, name in enumerate(names):
        source = Source(graph_of(name))
        for file, text in two_files(source, generate(source, f"m{i}")).items():
            (tmp_path / file).write_text(text)
    includes = [f'#include "m{i}.c"' for i in range(len(names))]
    (tmp_path / "all.c").write_text("\n".join([*includes, ""]))
    for compiler, flags in compilers():
        cc([*flags, f"-I{KERNELS}", tmp_path / "all.c"], compiler)


def test_a_conversion_is_noticed_by_each(tmp_path: Path) -> None:
    (tmp_path / "m.c").write_text(
        "#include <string.h>\nint f(int *p);\n"
        "int f(int *p) { unsigned char c = (unsigned)*p; int unused; return c; }\n"
    )
    for compiler, flags in compilers():
        ran = subprocess.run(
            [compiler, *flags, str(tmp_path / "m.c")], capture_output=True, text=True, check=False
        )
        assert ran.returncode != 0, compiler
        assert "unused" in ran.stderr
        assert compiler in ("g++", "clang++") or "onversion" in ran.stderr
