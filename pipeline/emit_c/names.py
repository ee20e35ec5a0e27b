"""What a model may be called in C: its name begins every symbol, macro and file that is emitted.

Refused is what the language or a file system keeps for others: keywords, reserved identifiers (ISO
C 7.1.3; C++ [lex.name], which adds two underscores anywhere), the kernels' own prefix, and names
whose NAME.h or NAME.c would stand before somebody else's file. The identifiers that ISO C 7.31 sets
aside for later (`to…`, `is…`, `str…`) are not: half of English begins with them.
"""

from __future__ import annotations

import re
from typing import Final

from hil.errors import InputError, clean

MAX_NAME: Final = 60

#: What all files, functions, types and macros of firmware/lib/nn begin with.
KERNEL_PREFIX: Final = "nn"

KEYWORDS: Final = frozenset(
    """
    alignas alignof and and_eq asm auto bitand bitor bool break case catch char class compl concept
    const consteval constexpr constinit const_cast continue co_await co_return co_yield decltype
    default delete do double dynamic_cast else enum explicit export extern false float for friend
    goto if inline int long mutable namespace new noexcept not not_eq nullptr operator or or_eq
    private protected public register reinterpret_cast requires restrict return short signed sizeof
    static static_assert static_cast struct switch template this thread_local throw true try typedef
    typeid typename typeof typeof_unqual union unsigned using virtual void volatile wchar_t while
    xor xor_eq
    """.split()  # noqa: SIM905 - a list of literals would take a screen more
)

#: Headers that a toolchain's own ones include: with the emitted folder on the include path, a file
#: of that name would be found in their place.
HEADERS: Final = frozenset(
    """
    alloca arduino assert complex ctype endian errno fcntl features fenv float inttypes iso646
    limits locale malloc math memory newlib reent sched setjmp signal stdalign stdarg stdatomic
    stdbit stdbool stdckdint stddef stdint stdio stdlib stdnoreturn string strings tgmath threads
    time uchar unistd wchar wctype
    """.split()  # noqa: SIM905
)

#: Names that Windows gives to devices, whatever stands behind the dot.
DEVICES: Final = frozenset(
    ["con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))]
)


def check_name(name: str) -> None:
    """Raise InputError unless a model can be called `name` in C and C++: why not, and what can."""
    if reason := _why_not(name):
        better = re.sub(r"[^A-Za-z0-9]+", "_", name)[: MAX_NAME - 3].strip("_")
        remedy = f"choose another, such as my_{better}" if better else "choose another"
        raise InputError(f"--name {clean(repr(name), 80)}: {reason}; {remedy}")


def _why_not(name: str) -> str | None:
    """Return the first reason against a name, None where there is none."""
    lower = name.lower()
    identifier = re.fullmatch(rf"[A-Za-z][A-Za-z0-9_]{{0,{MAX_NAME - 1}}}", name, re.ASCII)
    form = f"a letter, then letters, digits and underscores, at most {MAX_NAME}"
    kernels = lower == KERNEL_PREFIX or lower.startswith(f"{KERNEL_PREFIX}_")
    reserved = "__" in name or name.endswith("_")
    rules = [
        (identifier is None, f"must be a C identifier: {form}"),
        (reserved, "makes symbols with two underscores together, which C++ reserves"),
        (name in KEYWORDS, "must be a C identifier, and is a keyword of C or C++"),
        (kernels, f"{KERNEL_PREFIX}_ begins the names of the kernels and of their files"),
        (lower == "main", "main.c is where programs have their own code"),
        (lower in HEADERS, f"{lower}.h is a header of the C library or of the toolchain"),
        (lower in DEVICES, "is a device on Windows"),
    ]
    return next((reason for broken, reason in rules if broken), None)
