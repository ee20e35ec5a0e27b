"""Nested loops over tensors: as few axes as the layouts allow.

An axis of one tensor that is laid out right behind the next one needs no loop of its own; two
tensors of one shape are walked as one line.
"""

from __future__ import annotations

from typing import Final

import numpy as np

#: Loops in the kernels: of nn_walk.h, and of nn_move.h, which takes bytes of an element as an axis.
WALK_AXES: Final = 4
MOVE_AXES: Final = 5

Strides = tuple[int, ...]


def strides_of(shape: tuple[int, ...], within: tuple[int, ...]) -> Strides:
    """Return elements from one place to the next along the axes of `within`, 0 where broadcast."""
    lead = len(within) - len(shape)
    steps = np.broadcast_to(np.empty((1,) * lead + shape, np.int8), within).strides
    return tuple(int(s) if d > 1 else 0 for s, d in zip(steps, within, strict=True))


def merged(
    shape: tuple[int, ...], *walks: Strides, loops: int = WALK_AXES
) -> tuple[tuple[int, ...], list[Strides]]:
    """Return (shape, strides per walk) of `loops` axes that visit the same places in order.

    Axes of one are dropped, neighbours joined where every walk allows it.
    """
    axes: list[tuple[int, Strides]] = []
    for i, extent in enumerate(shape):
        steps = tuple(walk[i] for walk in walks)
        if extent == 1:
            continue
        if axes and axes[-1][1] == tuple(s * extent for s in steps):
            axes[-1] = (axes[-1][0] * extent, steps)
        else:
            axes.append((extent, steps))
    assert len(axes) <= loops
    axes = [(1, (0,) * len(walks))] * (loops - len(axes)) + axes
    return (
        tuple(extent for extent, _ in axes),
        [tuple(steps[w] for _, steps in axes) for w in range(len(walks))],
    )
