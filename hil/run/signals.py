"""The windows that a report can draw: all where they are small, else those that change class.

Which windows will be asked for is not known while they are measured: a later run's answers may
differ from this one's in any of them (--baseline).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from hil.record import Column, Signal, Signals
from hil.vectors import Vectors
from hil.verdict.flips import flips, spread

#: A window larger than this is no signal that a person reads (an image, a long recording).
MAX_BYTES: Final = 16_384
#: Of all windows together, where all are kept: a record of them is half a megabyte larger.
MAX_ALL_BYTES: Final = 256 * 1024


def signals(vectors: Vectors, columns: Sequence[Column]) -> Signals | None:
    """Return the raw samples of the windows to draw; None where there are none."""
    everything = vectors.raw.nbytes <= MAX_ALL_BYTES
    chosen = range(len(vectors)) if everything else sorted(set(_chosen(columns)))
    if not chosen or vectors.raw[0].nbytes > MAX_BYTES:
        return None
    manifest = vectors.manifest
    return Signals(
        channels=manifest.channels,
        units=manifest.units,
        unit_per_count=manifest.unit_per_count,
        rate_hz=manifest.rate_hz,
        kept=tuple(Signal(i, vectors.raw[i].astype("<i2").tobytes().hex()) for i in chosen),
    )


def _chosen(columns: Sequence[Column]) -> Iterable[int]:
    named = {c.name: c for c in columns}
    for column in columns:
        if not column.side_branch and column.after in named:
            yield from spread(flips(named[column.after], column))
