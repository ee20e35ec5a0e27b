"""The arena of a model's C as data: what lies where, while which layers run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipeline.emit_c.model import Source, generate
from pipeline.plan import Placed
from pipeline.verify import read_verified


@dataclass(frozen=True)
class Arena:
    """Bytes of the whole, and its blocks; the layers in order, and the kernel that computes each.

    Blocks that share bytes in one layer are an output written over the input it is made from.
    kernels: names of firmware/lib/nn without its ending, "" for a layer that runs nothing.
    """

    size: int
    layers: tuple[str, ...]
    kernels: tuple[str, ...]
    blocks: tuple[Placed, ...]


def arena_of(model: Path, goal: str = "speed") -> Arena:
    """Return the arena of an int8 .tflite as `tinyhil emit --optimize GOAL` has it. InputError."""
    graph = read_verified(model)
    code = generate(Source(graph), "m", goal)
    layers = tuple(graph.layer_name(op) for op in graph.ops)
    return Arena(code.plan.size, layers, code.kernels, code.plan.placed)
