"""What an operator's emitter gets and gives; one file of this package per operator family."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.emit_c.overlap import Leads, apart
from pipeline.emit_c.text import int_literal
from pipeline.ir import Graph, Op, Tensor, identifier
from pipeline.plan import Plan


@dataclass(frozen=True)
class Context:
    """A model on its way to C: the graph, its name there, and where its tensors live."""

    graph: Graph
    name: str
    plan: Plan

    def symbol(self, op: Op, part: str = "") -> str:
        """Return the C name of a layer, or of a part of it."""
        stem = f"{self.name}_{op.index}_{identifier(self.graph.layer_name(op))}"
        return f"{stem}_{part}" if part else stem

    def at(self, tensor: Tensor) -> str:
        """Return the address of a tensor."""
        return f"{self.name}_arena.i8 + {self.plan.tensors[tensor.index]}"

    def at_int16(self, offset: int) -> str:
        """Return the address of int16 values at a byte offset of the arena."""
        return f"{self.name}_arena.i16 + {offset // 2}"

    def at_word(self, offset: int, kind: str = "i32") -> str:
        """Return the address of int32 (or, with "u32", uint32) values at a byte offset."""
        return f"{self.name}_arena.{kind} + {offset // 4}"

    def source(self, op: Op) -> str:
        """Return the address of an operator's first input."""
        return self.at(self.graph.need(op, 0))

    def target(self, op: Op) -> str:
        """Return the address of an operator's output."""
        return self.at(self.graph.output_of(op))

    def scratch(self, op: Op) -> str:
        """Return the address of an operator's scratch memory."""
        return f"{self.name}_arena.i8 + {self.plan.scratch[op.index]}"


@dataclass(frozen=True)
class LayerCode:
    """Definitions at file scope, the statements of the run function, and bytes of constants.

    reads_to: where a kernel that reads whole words stops reading the arena, 0 where within tensors.
    """

    definitions: str
    statements: str
    constant_bytes: int
    reset: str = ""
    reads_to: int = 0


def _no_scratch(_graph: Graph, _op: Op) -> int:
    return 0


@dataclass(frozen=True)
class Emitter:
    """How one operator becomes C. header: its kernel's, None where it needs none.

    scratch: bytes of the arena the kernel needs while it runs. note: what is special about the
    kernel, for the comment above the layer. leads: places of inputs that the output may be written
    over → by how many bytes it must start before them (pipeline/emit_c/overlap.py).
    """

    header: str | None
    code: Callable[[Context, Op], LayerCode]
    scratch: Callable[[Graph, Op], int] = _no_scratch
    note: str = ""
    leads: Callable[[Graph, Op], Leads] = apart


def struct(kind: str, name: str, rows: list[tuple[str, str]]) -> str:
    """Return a constant struct; rows are (initialisers, what they are)."""
    body = "\n".join(f"    {values}, /* {what} */" for values, what in rows)
    return f"static const struct {kind} {name} = {{\n{body}\n}};\n"


def numbers(*values: int) -> str:
    """Return initialisers."""
    return ", ".join(int_literal(v) for v in values)


def range_row(zero_point: int, low: int, high: int, shifts: Any) -> tuple[str, str]:
    """Return the row of a `struct nn_range`; shifts: those of all channels."""
    only_right = int(bool((np.asarray(shifts) < 0).all()))
    return (
        f"{{{numbers(zero_point, low, high, only_right)}}}",
        "output: zero point, lowest and highest code, all shifts to the right",
    )


def channels(
    name: str, bias: NDArray[np.int64], multiplier: NDArray[np.int64], shift: NDArray[np.int64]
) -> str:
    """Return the `struct nn_channel` array of a layer."""
    rows = "\n".join(
        f"    {{{numbers(*map(int, row))}}}," for row in zip(bias, multiplier, shift, strict=True)
    )
    return (
        "/* per output channel: bias with the input's zero point folded in, multiplier, shift */\n"
        f"static const struct nn_channel {name}[{len(bias)}] = {{\n{rows}\n}};\n"
    )
