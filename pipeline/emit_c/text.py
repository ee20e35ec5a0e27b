"""Small pieces of C: literals, arrays, comments. Nothing from a file reaches C unfiltered."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hil.errors import InputError

LINE: Final = 96


def float_literal(value: float) -> str:
    """Return a float32 as a C literal that reads back to the same bits (nine digits do)."""
    if not np.isfinite(np.float32(value)):
        raise InputError("a constant of the model is not a finite number")
    text = f"{np.float32(value):.9g}"
    return text + ("f" if any(c in text for c in ".e") else ".0f")


def int_literal(value: int) -> str:
    """Return an integer as a C literal; INT32_MIN has none of its own."""
    return "INT32_MIN" if value == -(2**31) else str(int(value))


def wrap(items: Iterable[str], indent: str = "    ") -> str:
    """Return items separated by commas in lines of at most LINE characters."""
    lines, line = [], indent
    for item in items:
        if len(line) + len(item) + 2 > LINE and line.strip():
            lines.append(line.rstrip())
            line = indent
        line += item + ", "
    return "\n".join([*lines, line.rstrip()])


def array(kind: str, name: str, values: NDArray[Any], comment: str) -> str:
    """Return a constant array; `comment` says what it holds and its shape."""
    literal = float_literal if kind == "float" else int_literal
    body = wrap(literal(v) for v in values.reshape(-1).tolist())
    return f"/* {comment} */\nstatic const {kind} {name}[{values.size}] = {{\n{body}\n}};\n"


def word_array(name: str, words: NDArray[np.uint32], comment: str) -> str:
    """Return a constant array of uint32 in hexadecimal."""
    body = wrap(f"0x{word:08x}" for word in words.tolist())
    return f"/* {comment} */\nstatic const uint32_t {name}[{words.size}] = {{\n{body}\n}};\n"


def shape_text(shape: tuple[int, ...]) -> str:
    """Return a shape for a comment: "[1, 50, 6]"."""
    return f"[{', '.join(map(str, shape))}]"
