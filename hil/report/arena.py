"""The arena's blocks over the layers, and which of them are written in place."""

from __future__ import annotations

from dataclasses import dataclass

from hil.record import ArenaBlock, ArenaPlan, Run


@dataclass(frozen=True)
class BlockRow:
    """A block; over: the block whose bytes it takes while that is still needed."""

    block: ArenaBlock
    over: str | None


@dataclass(frozen=True)
class LayerRow:
    """A layer: its kernel ("" runs nothing) and the bytes that are taken while it runs."""

    name: str
    kernel: str
    taken: int
    share: float


@dataclass(frozen=True)
class ArenaView:
    """The plan; blocks in the order in which they are first needed.

    together: what the blocks would take side by side.
    """

    plan: ArenaPlan
    in_place: tuple[bool, ...]
    rows: tuple[BlockRow, ...]
    layers: tuple[LayerRow, ...]
    together: int


def arena_view(run: Run) -> ArenaView | None:
    """Return the arena of a run, None where it is not known."""
    plan = run.arena
    if plan is None:
        return None
    over = [_under(b, plan) for b in plan.blocks]
    rows = [BlockRow(b, under.name if under else None)
            for b, under in zip(plan.blocks, over, strict=True)]  # fmt: skip
    return ArenaView(
        plan=plan,
        in_place=tuple(under is not None for under in over),
        rows=tuple(sorted(rows, key=lambda r: (r.block.first_layer, r.block.offset))),
        layers=tuple(_layer(plan, i) for i in range(len(plan.layers))),
        together=sum(b.size for b in plan.blocks),
    )


def _under(block: ArenaBlock, plan: ArenaPlan) -> ArenaBlock | None:
    """Return the block this one is written over: one that is read for the last time meanwhile."""
    begin = block.first_layer
    older = [b for b in plan.blocks if b.first_layer < begin == b.last_layer]
    return next((b for b in older if _share_bytes(b, block)), None)


def _share_bytes(a: ArenaBlock, b: ArenaBlock) -> bool:
    return a.offset < b.offset + b.size and b.offset < a.offset + a.size


def _layer(plan: ArenaPlan, i: int) -> LayerRow:
    spans = sorted(
        (b.offset, b.offset + b.size) for b in plan.blocks if b.first_layer <= i <= b.last_layer
    )
    taken, end = 0, 0
    for start, stop in spans:
        taken += max(0, stop - max(start, end))
        end = max(end, stop)
    return LayerRow(plan.layers[i], plan.kernels[i], taken, taken / max(1, plan.size))
