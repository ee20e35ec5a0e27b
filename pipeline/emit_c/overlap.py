"""How far before its input an operator's output must start, for kernels that read in order.

Such a kernel makes its output piece by piece, in the order of memory; what it has read for the last
time may be overwritten. A lead says by how many bytes the output must start before the input at
least, so that no piece is written over what a later piece still reads. It is a property of the
kernel's loops: whoever changes their order changes the lead. tests/engine/test_overlap.py looks at
every access of the compiled C.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from pipeline.ir import Graph, Op
from pipeline.ops.base import Window
from pipeline.place import ANYWHERE

Leads = dict[int, int]


def apart(_graph: Graph, _op: Op) -> Leads:
    """Return no leads: the output lies beside the inputs."""
    return {}


def consumed(_graph: Graph, _op: Op) -> Leads:
    """Return the lead of an operator that has read its first input before it writes anything."""
    return {0: ANYWHERE}


def lead(first: NDArray[np.int64], piece: int, together: int = 0) -> int:
    """Return the lead of an input.

    first: [pieces] the lowest byte of the input that each piece of the output reads. piece: bytes
    of one. together: how many pieces are made at a time, reading their inputs again and again; 0:
    one at a time, which has read all that it needs before it is written.
    """
    count = len(first)
    written = np.arange(count) // max(together, 1) * max(together, 1) + together
    needed = np.minimum.accumulate(first[::-1])[::-1]  # by a piece or any after it
    leads = np.minimum(written, count) * piece - needed
    return int(leads[0 if together else 1 :].max(initial=ANYWHERE))


def even_lead(count: int, step: int, piece: int) -> int:
    """Return `lead` of `count` pieces one at a time that read the input `step` bytes apart."""
    return ANYWHERE if count == 1 else (piece - step) * (count - 1 if piece > step else 1)


def element_by_element(graph: Graph, op: Op) -> Leads:
    """Return the leads of an operator whose n-th output is made of the n-th input, or inputs."""
    target = graph.output_of(op)
    step = target.size // max(target.elements, 1)
    return {
        place: even_lead(target.elements, source.size // source.elements, step)
        for place in range(len(op.inputs))
        if (source := graph.input_of(op, place)) is not None
        and source.data is None
        and source.shape == target.shape
    }


def by_position(graph: Graph, op: Op, windows: tuple[Window, Window], together: int) -> Leads:
    """Return the lead of an operator on windows that makes all channels of `together` positions.

    Batches, rows and columns follow each other; 0: see `lead`.
    """
    batch, _, _, depth = graph.need(op, 0).shape
    return {0: _position_lead(batch, depth, windows, graph.output_of(op).shape[3], together)}


# An arena is planned many times; what is kept of an operator is one number.
@lru_cache(maxsize=4096)
def _position_lead(
    batch: int, depth: int, windows: tuple[Window, Window], channels: int, together: int
) -> int:
    top, left = map(_first, windows)
    height, width = (window.size for window in windows)
    images = np.arange(batch) * height * width
    places = images[:, None, None] + top[:, None] * width + left
    return lead(places.reshape(-1) * depth, channels, together)


def _first(window: Window) -> NDArray[np.int64]:
    """Return the first place inside the input under each window."""
    starts = np.arange(window.out) * window.stride - window.pad
    inside = -(-np.maximum(-starts, 0) // window.dilation) * window.dilation
    return np.asarray(starts + inside, np.int64)
