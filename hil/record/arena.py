"""Where the model's tensors live in the device's memory while it runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class ArenaBlock:
    """Bytes of the arena that something occupies: from `offset` on, while these layers run.

    first_layer: -1 for what is there before layer 0 runs (the input, a state). Two blocks that
    share bytes in one layer are an output written over the input that it is made from.
    """

    name: str
    kind: Literal["tensor", "state", "scratch"]
    offset: int
    size: int
    first_layer: int
    last_layer: int


@dataclass(frozen=True)
class ArenaPlan:
    """The plan of the C that was emitted: its layers in order with the kernel chosen for each."""

    size: int
    layers: tuple[str, ...]
    kernels: tuple[str, ...]
    blocks: tuple[ArenaBlock, ...]
