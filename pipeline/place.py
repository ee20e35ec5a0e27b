"""Places blocks of memory that are taken for a while so that they need little room together.

Blocks that are taken at the same time lie apart, with one exception: an operator that reads its
input in order may write its output over what it has read (`Leads`).
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

I64 = NDArray[np.int64]

#: Enough for the int16 and int32 that live in the arena.
ALIGNMENT: Final = 4

#: Orders tried in search of the smallest arena, and comparisons of two blocks in all of them: a
#: second at most for the largest models.
TRIES: Final = 500
COMPARISONS: Final = 500_000
#: Comparisons that take as long as what a block takes besides.
BY_ITSELF: Final = 10

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


def place(blocks: Mapping[Key, Block], leads: Leads) -> dict[Key, int]:
    """Return offsets: in the best of some orders, each block as low as those before it allow.

    The largest first, and the last first (an output lies before the input that it overwrites); then
    the better of these with two exchanged, again and again. The search ends where no arrangement
    can be smaller. Drawn from a fixed seed: the same blocks give the same offsets.
    """
    room = _Room(blocks, leads)
    orders = [
        sorted(blocks, key=lambda key: (-blocks[key].size, -blocks[key].last, key)),
        sorted(blocks, key=lambda key: (-blocks[key].last, key)),
    ]
    order, best = min(((keys, room.fill(keys)) for keys in orders), key=lambda tried: tried[1].end)
    least = aligned(max(least_bytes(blocks, leads).values(), default=0))
    draw = random.Random(0)  # noqa: S311 - not for secrets
    for _ in range(min(TRIES, COMPARISONS // max(room.work, 1)) if len(order) > 1 else 0):
        if best.end <= least:
            break
        i, j = draw.sample(range(len(order)), 2)
        order[i], order[j] = order[j], order[i]
        tried = room.fill(order)
        if tried.end <= best.end:
            best = tried
        else:
            order[i], order[j] = order[j], order[i]
    return best.offsets


def aligned(offset: int) -> int:
    """Return the next offset that a block may have."""
    return -(-offset // ALIGNMENT) * ALIGNMENT


@dataclass(frozen=True)
class Filled:
    """An arrangement, and where its last block ends."""

    offsets: dict[Key, int]
    end: int


class _Room:
    """Blocks as arrays: there may be thousands, all of them taken at once.

    work: of one arrangement, in comparisons: how often one block is taken while another one is, or
    what a block takes by itself.
    """

    def __init__(self, blocks: Mapping[Key, Block], leads: Leads) -> None:
        self._places = {key: i for i, key in enumerate(blocks)}
        numbers = [(b.size, b.first, b.last) for b in blocks.values()]
        self._size, self._first, self._last = np.array(numbers, np.int64).reshape(-1, 3).T
        #: Block → [(another block, whether the block is written over that one, the lead)].
        self._leads: dict[int, list[tuple[int, bool, int]]] = {}
        for (source, target), lead in leads.items():
            i, j = self._places[source], self._places[target]
            self._leads.setdefault(j, []).append((i, True, lead))
            self._leads.setdefault(i, []).append((j, False, lead))
        begun = np.searchsorted(np.sort(self._first), self._last, "right")
        ended = np.searchsorted(np.sort(self._last), self._first, "left")
        self.work = max(int((begun - ended - 1).sum()), BY_ITSELF * len(blocks))

    def fill(self, order: Sequence[Key]) -> Filled:
        """Return offsets, each as low as those already placed allow."""
        offsets = np.zeros(len(order), np.int64)
        placed = np.zeros(len(order), bool)
        for i in map(self._places.__getitem__, order):
            taken = placed & (self._first <= self._last[i]) & (self._last >= self._first[i])
            offsets[i] = _lowest(*self._forbidden(i, offsets, np.flatnonzero(taken)))
            placed[i] = True
        end = int((offsets + self._size).max(initial=0))
        return Filled({key: int(offsets[i]) for key, i in self._places.items()}, end)

    def _forbidden(self, i: int, offsets: I64, near: NDArray[np.intp]) -> tuple[I64, I64]:
        """Return what blocks taken at the same time keep a block from: low < offset < high."""
        low, high = offsets[near] - self._size[i], offsets[near] + self._size[near]
        for other, over, lead in self._leads.get(i, ()):
            k = int(np.searchsorted(near, other))
            if k == len(near) or near[k] != other:
                continue
            if over:  # the block is written over the other one
                low[k] = max(low[k], offsets[other] - lead)
            else:
                high[k] = min(high[k], offsets[other] + lead)
        return low, high


def _lowest(low: I64, high: I64) -> int:
    """Return the lowest offset that lies in none of the ranges low < offset < high."""
    order = np.argsort(low, kind="stable")
    # Where one gets when all ranges up to one, by their low ends, are in the way.
    reached = np.maximum.accumulate(np.concatenate([[0], -(-high[order] // ALIGNMENT) * ALIGNMENT]))
    free = np.flatnonzero(low[order] >= reached[:-1])
    return int(reached[free[0]] if len(free) else reached[-1])


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


def least_bytes(blocks: Mapping[Key, Block], leads: Leads) -> dict[int, int]:
    """Return the bytes that no arrangement can do without, by moments when something is taken."""
    when = np.unique(np.array([b.first for b in blocks.values()], np.int64))
    changes = np.zeros(len(when) + 1, np.int64)
    for block in blocks.values():
        begin, end = _span(when, block.first, block.last)
        changes[begin] += block.size
        changes[end] -= block.size
    least = np.cumsum(changes[:-1])
    for target, sources in _by_target(blocks, leads).items():
        shared = np.zeros(len(when), np.int64)
        for source, more in sources:
            first = max(blocks[source].first, blocks[target].first)
            begin, end = _span(when, first, min(blocks[source].last, blocks[target].last))
            shared[begin:end] += more
        least -= np.minimum(shared, blocks[target].size)
    return dict(zip(when.tolist(), least.tolist(), strict=True))


def _span(when: I64, first: int, last: int) -> tuple[int, int]:
    begin, end = np.searchsorted(when, first, "left"), np.searchsorted(when, last, "right")
    return int(begin), int(max(begin, end))


def _by_target(blocks: Mapping[Key, Block], leads: Leads) -> dict[Key, list[tuple[Key, int]]]:
    """Return output → [(input, bytes that the two can share)]."""
    found: dict[Key, list[tuple[Key, int]]] = {}
    for (source, target), lead in leads.items():
        more = min(blocks[source].size, blocks[target].size - max(lead, 0))
        found.setdefault(target, []).append((source, max(more, 0)))
    return found


def fullest(blocks: Mapping[Key, Block], leads: Leads) -> Moment:
    """Return the first of the moments that need the most; what is taken, the largest first."""
    least = least_bytes(blocks, leads)
    when = max(least, key=least.__getitem__)
    taken = [b for b in blocks.values() if b.first <= when <= b.last]
    total = sum(block.size for block in taken)
    return Moment(when, tuple(sorted(taken, key=lambda b: -b.size)), total - least[when])
