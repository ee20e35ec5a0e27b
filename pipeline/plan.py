"""Where every activation lives in the one static arena, and whether that fits a board.

A tensor's memory is taken from when it is made until its last reader has run; tensors that are
not needed at the same time share bytes. Operators that only rename memory (`Operator.alias`) put
their output inside their input's bytes. State (an LSTM's) keeps its bytes for good.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from hil.board import Board
from hil.errors import InputError, clean
from pipeline.ir import Graph
from pipeline.ops import OPERATORS

#: Enough for the int16 and int32 that live in the arena.
ALIGNMENT: Final = 4

#: Orders tried in search of the smallest arena: a second at most for the largest models.
TRIES: Final = 500

#: What a block is for ("tensor" or "scratch"), and the index of the tensor or of the operator.
Key = tuple[str, int]


@dataclass(frozen=True)
class Block:
    """A piece of memory and when it is taken: first ≤ moment ≤ last, two moments an operator."""

    what: str
    size: int
    first: int
    last: int


@dataclass(frozen=True)
class Plan:
    """Byte offsets into the arena, by tensor index and, for scratch, by operator index."""

    tensors: Mapping[int, int]
    scratch: Mapping[int, int]
    size: int
    #: What is taken while the fullest operator runs: (name, bytes), largest first.
    peak: tuple[tuple[str, int], ...]


def make_plan(
    graph: Graph, scratch_bytes: Mapping[int, int], consumed: Collection[int] = ()
) -> Plan:
    """Place all tensors of a verified graph.

    scratch_bytes: operator index → bytes it needs. consumed: operators that have read their inputs
    for the last time before they write.
    """
    homes = _homes(graph)
    tensors = _tensor_blocks(graph, homes, consumed)
    blocks: dict[Key, Block] = {("tensor", i): b for i, b in tensors.items()}
    for index, size in scratch_bytes.items():
        name = f"scratch of {graph.layer_name(graph.ops[index])}"
        blocks["scratch", index] = Block(name, size, 2 * index, 2 * index + 1)
    offsets = _place(blocks)
    size = _end(offsets, blocks)
    return Plan(
        tensors={i: offsets["tensor", home] + at for i, (home, at) in homes.items()},
        scratch={i: offsets["scratch", i] for i in scratch_bytes},
        size=-(-size // ALIGNMENT) * ALIGNMENT,
        peak=_peak(list(blocks.values())),
    )


def _homes(graph: Graph) -> dict[int, tuple[int, int]]:
    """Return tensor → (tensor whose bytes it lives in, offset there)."""
    homes = {graph.inputs[0]: (graph.inputs[0], 0)}
    for op in graph.ops:
        at = OPERATORS[op.name].alias(graph, op)
        target = op.outputs[0]
        if at is None:
            homes[target] = (target, 0)
        else:
            home, before = homes[graph.source_of(op).index]
            homes[target] = (home, before + at)
        homes.update({i: (i, 0) for i in op.inputs if i >= 0 and graph.tensors[i].variable})
    return homes


def _tensor_blocks(
    graph: Graph, homes: Mapping[int, tuple[int, int]], consumed: Collection[int]
) -> dict[int, Block]:
    """Return each tensor's block. Operator i reads from 2i on and writes until 2i + 1."""
    end = 2 * len(graph.ops)
    spans: dict[int, tuple[int, int]] = {}

    def use(tensor: int, *moments: int) -> None:
        home = homes[tensor][0]
        times = (*moments, *spans.get(home, ()))
        spans[home] = (min(times), max(times))

    use(graph.inputs[0], -1)
    use(graph.outputs[0], end)
    for op in graph.ops:
        start, last = 2 * op.index, 2 * op.index + 1
        apart = op.index in consumed
        for tensor in (i for i in op.inputs if i in homes):
            use(tensor, start, *([] if apart else [last]))
            if graph.tensors[tensor].variable:
                use(tensor, -1, end)
        use(op.outputs[0], last, *([] if apart else [start]))
    return {
        i: Block(f"tensor {i} ({clean(graph.tensors[i].name, 40)})", graph.tensors[i].size, *span)
        for i, span in spans.items()
    }


def _place(blocks: Mapping[Key, Block]) -> dict[Key, int]:
    """Return offsets: blocks are placed the largest first, then in orders with two exchanged.

    An exchange that makes the arena no larger is kept; the search ends where the arena is as small
    as its fullest moment. Drawn from a fixed seed: the same graph gives the same plan.
    """
    order = sorted(blocks, key=lambda key: (-blocks[key].size, key))
    best = _place_in(order, blocks)
    least = sum(size for _, size in _peak(list(blocks.values())))
    draw = random.Random(0)  # noqa: S311 - not for secrets
    for _ in range(TRIES if len(order) > 1 else 0):
        if _end(best, blocks) <= -(-least // ALIGNMENT) * ALIGNMENT:
            break
        i, j = draw.sample(range(len(order)), 2)
        order[i], order[j] = order[j], order[i]
        tried = _place_in(order, blocks)
        if _end(tried, blocks) <= _end(best, blocks):
            best = tried
        else:
            order[i], order[j] = order[j], order[i]
    return best


def _end(offsets: Mapping[Key, int], blocks: Mapping[Key, Block]) -> int:
    return max((offsets[k] + b.size for k, b in blocks.items()), default=0)


def _place_in(order: list[Key], blocks: Mapping[Key, Block]) -> dict[Key, int]:
    """Return offsets, each as low as those already placed allow."""
    offsets: dict[Key, int] = {}
    for key in order:
        block = blocks[key]
        others = sorted(
            (offsets[k], offsets[k] + blocks[k].size)
            for k in offsets
            if blocks[k].first <= block.last and block.first <= blocks[k].last
        )
        at = 0
        for start, end in others:
            if at + block.size <= start:
                break
            at = max(at, -(-end // ALIGNMENT) * ALIGNMENT)
        offsets[key] = at
    return offsets


def _peak(blocks: list[Block]) -> tuple[tuple[str, int], ...]:
    """Return what is taken at once at the fullest moment, largest first."""
    starts = sorted({b.first for b in blocks})
    moments = [[b for b in blocks if b.first <= when <= b.last] for when in starts]
    fullest = max(moments, key=lambda taken: sum(b.size for b in taken), default=[])
    return tuple((b.what, b.size) for b in sorted(fullest, key=lambda b: -b.size))


def check_budget(plan: Plan, constants: int, board: Board) -> None:
    """Raise InputError where a model cannot fit a board: which part, the sum, by how much.

    constants: bytes of weights and tables in flash. The firmware itself needs more; the linker
    has the last word on that.
    """
    parts = " + ".join(f"{what} {size}" for what, size in plan.peak[:3])
    rest = "" if len(plan.peak) <= 3 else " + …"
    for part, need, have, where in (
        ("arena", plan.size, board.facts.ram_size, f" ({parts}{rest})"),
        ("weights", constants, board.facts.flash_size, ""),
    ):
        if need > have:
            raise InputError(
                f"the model does not fit {board.title}: its {part} needs {need} bytes{where} "
                f"of {have}, {need - have} too many; use a smaller model"
            )
