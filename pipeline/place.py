"""Places blocks of memory that are taken for a while so that they need little room together.

Blocks that are taken at the same time lie apart, with one exception: an operator that reads its
input in order may write its output over what it has read (`Leads`).
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

#: Enough for the int16 and int32 that live in the arena.
ALIGNMENT: Final = 4

#: Orders tried in search of the smallest arena, and comparisons of two blocks in all of them: a
#: second at most for the largest models.
TRIES: Final = 500
COMPARISONS: Final = 500_000

#: What a block is for ("tensor" or "scratch"), and the index of the tensor or of the operator.
Key = tuple[str, int]

#: (An operator's input, its output) → how many bytes the output must start before the input at
#: least, so that nothing is overwritten that is still to be read. Only for inputs that nothing
#: reads later. Below zero: it may start behind the input's start.
Leads = Mapping[tuple[Key, Key], int]

#: Lead of an operator that has read all its input before it writes.
ANYWHERE: Final = -(2**31)


@dataclass(frozen=True)
class Block:
    """A piece of memory and when it is taken: first ≤ moment ≤ last, two moments an operator."""

    what: str
    size: int
    first: int
    last: int


@dataclass(frozen=True)
class Gap:
    """Offsets that a block may not have, relative to another's: low < offset < high."""

    other: Key
    low: int
    high: int


def place(blocks: Mapping[Key, Block], leads: Leads) -> dict[Key, int]:
    """Return offsets: in the best of some orders, each block as low as those before it allow.

    The largest first, and the last first (an output lies before the input that it overwrites); then
    the better of these with two exchanged, again and again. The search ends where no arrangement
    can be smaller. Drawn from a fixed seed: the same blocks give the same offsets.
    """
    gaps = _gaps(blocks, leads)
    orders = [
        sorted(blocks, key=lambda key: (-blocks[key].size, -blocks[key].last, key)),
        sorted(blocks, key=lambda key: (-blocks[key].last, key)),
    ]
    order = min(orders, key=lambda keys: end_of(_place_in(keys, blocks, gaps), blocks))
    best = _place_in(order, blocks, gaps)
    least = aligned(max((m.least for m in moments(blocks, leads)), default=0))
    draw = random.Random(0)  # noqa: S311 - not for secrets
    comparisons = sum(map(len, gaps.values()))
    for _ in range(min(TRIES, COMPARISONS // max(comparisons, 1)) if len(order) > 1 else 0):
        if end_of(best, blocks) <= least:
            break
        i, j = draw.sample(range(len(order)), 2)
        order[i], order[j] = order[j], order[i]
        tried = _place_in(order, blocks, gaps)
        if end_of(tried, blocks) <= end_of(best, blocks):
            best = tried
        else:
            order[i], order[j] = order[j], order[i]
    return best


def end_of(offsets: Mapping[Key, int], blocks: Mapping[Key, Block]) -> int:
    """Return where the last block ends."""
    return max((offsets[k] + b.size for k, b in blocks.items()), default=0)


def aligned(offset: int) -> int:
    """Return the next offset that a block may have."""
    return -(-offset // ALIGNMENT) * ALIGNMENT


def _gaps(blocks: Mapping[Key, Block], leads: Leads) -> dict[Key, list[Gap]]:
    """Return, for each block, the offsets that those taken at the same time keep it from."""
    gaps: dict[Key, list[Gap]] = {key: [] for key in blocks}
    taken: list[Key] = []
    for key in sorted(blocks, key=lambda k: (blocks[k].first, k)):
        taken = [other for other in taken if blocks[other].last >= blocks[key].first]
        for other in taken:
            gaps[key].append(_gap(key, other, blocks, leads))
            gaps[other].append(_gap(other, key, blocks, leads))
        taken.append(key)
    return gaps


def _gap(key: Key, other: Key, blocks: Mapping[Key, Block], leads: Leads) -> Gap:
    low, high = -blocks[key].size, blocks[other].size
    if (other, key) in leads:  # the block is written over the other one
        low = max(low, -leads[other, key])
    if (key, other) in leads:
        high = min(high, leads[key, other])
    return Gap(other, low, high)


def _place_in(
    order: list[Key], blocks: Mapping[Key, Block], gaps: Mapping[Key, list[Gap]]
) -> dict[Key, int]:
    """Return offsets, each as low as those already placed allow."""
    offsets: dict[Key, int] = {}
    for key in order:
        placed = [(offsets[g.other], g) for g in gaps[key] if g.other in offsets]
        at = 0
        for low, high in sorted((start + g.low, start + g.high) for start, g in placed):
            if low < at < high:
                at = aligned(high)
        offsets[key] = at
    return offsets


@dataclass(frozen=True)
class Moment:
    """What is taken at once, and the bytes that an operator's inputs and output can share."""

    when: int
    taken: tuple[Block, ...]
    shared: int

    @property
    def least(self) -> int:
        """Return the bytes that no arrangement can do without."""
        return sum(b.size for b in self.taken) - self.shared


def moments(blocks: Mapping[Key, Block], leads: Leads) -> list[Moment]:
    """Return the moments at which something new is taken."""
    found = []
    for when in sorted({b.first for b in blocks.values()}):
        taken = {k: b for k, b in blocks.items() if b.first <= when <= b.last}
        shared: dict[Key, int] = {}
        for (source, target), lead in leads.items():
            if source in taken and target in taken:
                more = min(taken[source].size, taken[target].size - max(lead, 0))
                shared[target] = shared.get(target, 0) + max(more, 0)
        bound = sum(min(size, taken[target].size) for target, size in shared.items())
        largest_first = sorted(taken.values(), key=lambda b: -b.size)
        found.append(Moment(when, tuple(largest_first), bound))
    return found
