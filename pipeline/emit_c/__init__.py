"""From the IR to C11 that needs nothing but a compiler (and is C++ as well).

    NAME.h  NAME.c      the model
    nn_*.h              the kernels it uses, copied from firmware/lib/nn

or, as a single header, NAME.h alone: include it where the model is used, and in one file put
`#define NAME_IMPLEMENTATION` before the include.

What layers read and write is bytes, whatever they mean: places (ARG_MAX) are int32 or int64, reals
(DEQUANTIZE, a float input) are float32, little endian and unaligned, behind the same `int8_t *` as
codes. Their scale is stated as 1 and their zero point as 0.

Kernels are inline functions in headers, not objects to link: inlined into a layer whose constants
the compiler sees, their loops have known trip counts, which is most of their speed.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hil.board import PROJECT_DIR, Board
from hil.errors import InputError, clean
from hil.model_folder import load_model_folder
from hil.vectors import load_vectors
from pipeline.emit_c.model import MARK, ModelCode, Source, banner, generate
from pipeline.ir import Graph
from pipeline.preprocess import Preprocessing
from pipeline.verify import read_verified

KERNEL_DIR: Final = PROJECT_DIR / "firmware" / "lib" / "nn"
INTERFACE: Final = "nn_model.h"

INCLUDE: Final = re.compile(r'^#include "(nn_[a-z0-9_]+\.h)"\n', re.MULTILINE)


@dataclass(frozen=True)
class Emitted:
    """What was written, and what it needs."""

    files: list[Path]
    graph: Graph
    code: ModelCode


def emit(
    source: Path, name: str, out: Path, *, kernels: bool = True, single_header: bool = False
) -> list[Path]:
    """Write a model as C into the folder `out` and return the files' paths.

    source: a .tflite or a model folder. kernels: copy the kernel headers too (without them,
    firmware/lib/nn must be on the include path). Nothing is written where anything is refused.
    Raises InputError.
    """
    return emit_model(source, name, out, kernels=kernels, single_header=single_header).files


def emit_model(  # noqa: PLR0913 - each is an option of `tinyhil emit`
    source: Path,
    name: str,
    out: Path,
    *,
    kernels: bool = True,
    single_header: bool = False,
    boards: Sequence[Board] = (),
    goal: str = "speed",
) -> Emitted:
    """As `emit`; with `boards`, refuse a model that fits none of them. goal: see `generate`."""
    loaded = load_source(source)
    code = generate(loaded, name, goal, boards=boards)
    if single_header:
        files = {f"{name}.h": single_header_text(loaded, code)}
    else:
        files = two_files(loaded, code)
        files.update({h: (KERNEL_DIR / h).read_text() for h in _needed(code) if kernels})
    return Emitted(_write(out, files), loaded.graph, code)


def load_source(source: Path) -> Source:
    """Return what a .tflite or a model folder gives to emit. Raises InputError."""
    if not source.is_dir():
        return Source(read_verified(source))
    folder = load_model_folder(source)
    graph = read_verified(folder.int8)
    constants = folder.manifest.preprocessing
    if constants is None:
        return Source(graph)
    return Source(graph, Preprocessing(constants.mean, constants.std), _raw_unit(folder.vectors))


def _raw_unit(vectors: Path | None) -> str:
    """Return the unit of a raw count per channel: "ax ay az 0.000244 g, …"; "" where not known."""
    if vectors is None:
        return ""
    manifest = load_vectors(vectors).manifest
    groups: dict[tuple[float, str], list[str]] = {}
    for channel, unit, step in zip(
        manifest.channels, manifest.units, manifest.unit_per_count, strict=True
    ):
        groups.setdefault((step, unit), []).append(channel)
    text = ", ".join(
        f"{' '.join(names)} {step:.7g} {unit}" for (step, unit), names in groups.items()
    )
    return re.sub(r"[^A-Za-z0-9 .,/^*+()-]", "_", clean(text, 200)).replace("*/", "_/")


def two_files(source: Source, code: ModelCode) -> dict[str, str]:
    """Return NAME.h and NAME.c."""
    head = banner(source.graph, code.name, _flags(code))
    includes = "".join(f'#include "{h}"\n' for h in code.headers)
    return {
        f"{code.name}.h": head + "/* clang-format off */\n" + code.interface,
        f"{code.name}.c": (
            f'{head}/* clang-format off */\n#include "{code.name}.h"\n\n#include <string.h>\n\n'
            f"{includes}\n{code.implementation}"
        ),
    }


def _flags(code: ModelCode) -> str:
    return "" if code.goal == "speed" else f" --optimize {code.goal}"


def single_header_text(source: Source, code: ModelCode) -> str:
    """Return the one-file form."""
    kernels = [h for h in _needed(code) if h != INTERFACE]
    inlined = "\n".join(_without_includes((KERNEL_DIR / h).read_text()) for h in kernels)
    interface = _without_includes((KERNEL_DIR / INTERFACE).read_text())
    return (
        banner(source.graph, code.name, " --single-header" + _flags(code))
        + f"/* Include it wherever the model is used; in one file, before the include:\n"
        f" *     #define {code.name}_IMPLEMENTATION */\n"
        + "/* clang-format off */\n"
        + interface
        + _without_includes(code.interface)
        + f"\n#ifdef {code.name}_IMPLEMENTATION\n#ifndef {code.name}_IMPLEMENTED\n"
        f"#define {code.name}_IMPLEMENTED\n\n#include <string.h>\n\n"
        + inlined
        + code.implementation
        + "\n#endif\n#endif\n"
    )


def _needed(code: ModelCode) -> list[str]:
    """Return the kernel headers a model needs, each after those it includes itself."""
    ordered: list[str] = []

    def add(header: str) -> None:
        if header not in ordered:
            for inner in INCLUDE.findall((KERNEL_DIR / header).read_text()):
                add(inner)
            ordered.append(header)

    for header in (INTERFACE, *code.headers):
        add(header)
    return ordered


def _without_includes(text: str) -> str:
    return INCLUDE.sub("", text)


def _check_free(out: Path, files: Collection[str]) -> None:
    """Raise InputError where somebody else's file stands in the way; ours are written anew.

    A file whose name differs in upper and lower case is another one here and the same one on the
    file systems of Windows and macOS.
    """
    there = {path.name.lower(): path for path in out.iterdir()} if out.is_dir() else {}
    for name in files:
        other = there.get(name.lower(), out / name)
        if other.name != name:
            reason = f"differs from {name} in upper and lower case only"
        elif name.startswith("nn_") or not other.exists() or _is_ours(other):
            continue
        else:
            reason = "is there, and was not written by tinyhil emit"
        raise InputError(f"{clean(str(other))}: {reason}; choose another --name or --out")


def _is_ours(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(MARK)) == MARK.encode()


def _write(out: Path, files: dict[str, str]) -> list[Path]:
    try:
        _check_free(out, files)
        out.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            part = out / f"{name}.part"
            part.write_text(text, encoding="utf-8")
            part.replace(out / name)
    except OSError as error:
        raise InputError(f"{out}: {error.strerror or error}") from None
    return [out / name for name in files]
