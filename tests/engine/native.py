"""Emitted C built and run on this machine, with sanitizers."""

from __future__ import annotations

import ctypes
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hil.board import PROJECT_DIR
from pipeline.emit_c import ModelCode, Source, generate, two_files

HERE = Path(__file__).parent
KERNELS = PROJECT_DIR / "firmware" / "lib" / "nn"
STRICT = ["-std=c11", "-Wall", "-Wextra", "-Wconversion", "-Werror", f"-I{KERNELS}"]
SANITIZED = [*STRICT, "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]


def cc(arguments: list[str | Path], compiler: str = "gcc") -> None:
    """Run a compiler; its messages are the test's failure."""
    run = subprocess.run(
        [compiler, *map(str, arguments)], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr[-4000:]


class Program:
    """Some models as one executable."""

    def __init__(
        self,
        sources: list[Source],
        folder: Path,
        optimize: str = "-O0",
        codes: list[ModelCode] | None = None,
    ) -> None:
        """codes: of the models, named m0, m1, …; else with the kernels that are chosen."""
        self.sources = sources
        lines, entries = [], []
        codes = codes or [generate(source, f"m{i}") for i, source in enumerate(sources)]
        for i, (source, code) in enumerate(zip(sources, codes, strict=True)):
            for name, text in two_files(source, code).items():
                (folder / name).write_text(text)
            lines.append(f'#include "m{i}.c"')
            entries.append(f"    {{&m{i}_descriptor, m{i}_invoke}},")
        table = "\n".join(["static const struct entry models[] = {", *entries, "};"])
        (folder / "models.h").write_text("\n".join([*lines, table, ""]))
        self.path = folder / "program"
        cc([*SANITIZED, optimize, f"-I{folder}", HERE / "driver.c", "-o", self.path])

    def crcs(self, model: int, inputs: NDArray[Any]) -> NDArray[np.uint32]:
        """Return [N, layers]: the CRC-32 of every layer's output for inputs [N, …]."""
        number = np.uint32(model).tobytes()
        stream = b"".join(number + window.tobytes() for window in inputs)
        run = subprocess.run([self.path], input=stream, capture_output=True, check=False)
        assert run.returncode == 0, (run.returncode, run.stderr.decode(errors="replace")[-4000:])
        crcs: NDArray[np.uint32] = np.frombuffer(run.stdout, np.uint32)
        return crcs.reshape(len(inputs), -1)


def arithmetic(folder: Path) -> ctypes.CDLL:
    """Return kernels.c as a library; undefined behaviour ends the process."""
    library = folder / "kernels.so"
    undefined = ["-fsanitize=undefined", "-fno-sanitize-recover=all"]
    cc([*STRICT, "-O1", "-shared", "-fPIC", *undefined, HERE / "kernels.c", "-o", library])
    return ctypes.CDLL(str(library))
