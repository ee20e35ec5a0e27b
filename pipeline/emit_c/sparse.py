"""Streams of nonzero weights for the kernels of pruned layers (firmware/lib/nn/nn_sparse.h)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pipeline.emit_c.text import array

#: Largest first byte of a tap: a gap in words, or a place.
MAX_BYTE: Final = 255
#: NN_SPARSE_ROUND, and the most rounds that a byte counts.
ROUND: Final = 8
MAX_TAPS: Final = ROUND * 256 - 1


@dataclass(frozen=True)
class Cost:
    """Estimated instructions of one inference, and bytes of weights with their indices in flash."""

    instructions: int
    flash: int


@dataclass(frozen=True, eq=False)
class Taps:
    """The streams of some rows: [n, 2] of gap or place and weight, and how many each row has."""

    stream: NDArray[np.int64]
    counts: list[int]

    @property
    def bytes(self) -> int:
        """Return the bytes of the streams and of the counts."""
        return self.stream.size + 2 * len(self.counts)

    def why_not(self) -> str | None:
        """Return what the kernels cannot count, None where they can."""
        return "too many weights in a row" if max(self.counts, default=0) > MAX_TAPS else None

    @property
    def first_and_rounds(self) -> list[tuple[int, int]]:
        """Return each row's taps as the kernels count them."""
        return first_and_rounds(self.counts)


def first_and_rounds(counts: list[int]) -> list[tuple[int, int]]:
    """Return numbers of taps as the kernels take them: the rest first, then whole rounds."""
    return [(n % ROUND, n // ROUND) for n in counts]


def taps_by_gaps(weights: NDArray[Any], places: NDArray[Any]) -> Taps:
    """Return the taps of weights [rows, inputs]; places: where each input lies, in words.

    A gap that a byte cannot hold is bridged by taps with a weight of 0.
    """
    order = np.argsort(places)
    streams = [_by_gaps(places[order], row) for row in weights[:, order]]
    return _joined(streams)


def _by_gaps(places: NDArray[Any], row: NDArray[Any]) -> NDArray[np.int64]:
    nonzero = np.flatnonzero(row)
    gaps = np.diff(places[nonzero], prepend=0)
    bridges = np.maximum(gaps - 1, 0) // MAX_BYTE
    ends = np.cumsum(bridges + 1) - 1
    stream = np.tile(np.array([MAX_BYTE, 0]), (int((bridges + 1).sum()), 1))
    stream[ends, 0] = gaps - MAX_BYTE * bridges
    stream[ends, 1] = row[nonzero]
    return stream


def taps_by_places(weights: NDArray[Any], part: int) -> Taps:
    """Return the taps of weights [rows, inputs], `part` inputs after `part` inputs."""
    streams = [
        np.stack([np.flatnonzero(piece), piece[np.flatnonzero(piece)]], axis=1).astype(np.int64)
        for row in weights
        for piece in np.split(row, range(part, len(row), part))
    ]
    return _joined(streams)


def _joined(streams: list[NDArray[np.int64]]) -> Taps:
    counts = [len(stream) for stream in streams]
    return Taps(np.concatenate([*streams, np.zeros((0, 2), np.int64)]), counts)


def stream_array(name: str, taps: Taps, comment: str) -> str:
    """Return the stream of a layer as C."""
    stream = (taps.stream + 128) % 256 - 128
    return array("int8_t", name, stream if stream.size else np.zeros(1), comment)
