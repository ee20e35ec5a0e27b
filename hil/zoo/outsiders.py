"""Faults from outside the zoo, thought up without reading how the diagnosis works.

They measure how the diagnosis does on what its rules were not made for. Faults and answers were
written down and committed before the first run; each is run once, at medium severity, on one model,
and the score is reported as it comes out, right or wrong, the undetectable listed as such. They
are never used to tune a rule, and an answer is never changed after a run: a fault that the
diagnosis is to learn goes into hil/zoo/faults.py, and counts no longer here. benchmarks/
zoo_outsiders.txt keeps the first score, of twelve; acceleration without gravity, which that run
called healthy, has been learnt since, so that any later score is of the other eleven.

Where the vocabulary of hil/verdict/causes.py has no name for a fault, the answer is the cause that
says so ("kernel", "shift", "inputs-differ").
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hil.vectors import Vectors
from hil.zoo import expected, faults, recordings
from hil.zoo.faults import ALL, Fault
from hil.zoo.specimen import BOARDS, Specimen

MEDIUM: Final = 1

_FAULTS: Final = (
    Fault(
        "recording-fifo-slip",
        "the sensor's FIFO is read so many words late: channels slip, samples mix",
        "recordings",
        "fifo-slip",
        {"cnn": ALL},
        (1, 2, 4),
    ),
    Fault(
        "pruning-wrong-ranking",
        "filters ranked the wrong way round: the strongest are cut",
        "model",
        "prune-filters",
        {"cnn": "conv2"},
        (0.1, 0.3, 0.6),
    ),
    Fault(
        "quantization-input-range",
        "representative windows scaled to ±1 instead of standardised",
        "model",
        "input-range",
        {"cnn": "input"},
        (2, 1, 0.5),
    ),
    Fault(
        "preprocessing-channel-major",
        "the window is read channel by channel, and lies sample by sample",
        "code",
        "pre-channel-major",
        {"dense": ALL},
        (0, 0, 0),
    ),
    Fault(
        "preprocessing-own-statistics",
        "every window is standardised by its own mean and std, not the training's",
        "code",
        "pre-own-statistics",
        {"cnn": ALL},
        (0, 0, 0),
    ),
    Fault(
        "device-unsigned-max",
        "a max-pool that compares int8 codes as unsigned bytes",
        "code",
        "unsigned-max",
        {"cnn": "pool1"},
        (0, 0, 0),
    ),
    Fault(
        "device-mean-divisor",
        "an average over 7 places that divides by another number, as by a shift",
        "code",
        "mean-divisor",
        {"cnn": "average"},
        (6, 8, 16),
    ),
    Fault(
        "build-plain-char",
        "weights in plain char, which is unsigned on ARM",
        "code",
        "plain-char",
        {"dense": "dense1"},
        (0, 0, 0),
    ),
    Fault(
        "build-unpruned-weights",
        "the C of the model before pruning, under the name of the one after",
        "code",
        "unpruned",
        {"cnn": "all"},
        (0, 0, 0),
    ),
    Fault(
        "memory-bias-sign",
        "the top bit of one channel's bias turned in flash",
        "memory",
        # The word is a non-negative number in C; read as a float, −1 times it turns the top bit.
        "1_dense1_start",
        {"dense": "5"},
        (-1, -1, -1),
    ),
    Fault(
        "wire-stalls",
        "an adapter that holds bytes back, so many stalls a byte",
        "wire",
        "delay",
        {"cnn": "both"},
        (0.001, 0.005, 0.02),
    ),
)

OUTSIDERS: Final = {f.name: f for f in _FAULTS}

#: Fault → (stage, cause).
ANSWERS: Final = {
    "recording-fifo-slip": ("data", "shift"),
    "pruning-wrong-ranking": ("pruning", "loss"),
    "quantization-input-range": ("quantization", "saturation"),
    "preprocessing-channel-major": ("preprocessing", "inputs-differ"),
    "preprocessing-own-statistics": ("preprocessing", "inputs-differ"),
    "device-unsigned-max": ("device", "kernel"),
    "device-mean-divisor": ("device", "scale"),
    "build-plain-char": ("device", "kernel"),
    "build-unpruned-weights": ("device", "stale-weights"),
    "memory-bias-sign": ("device", "stale-weights"),
    "wire-stalls": ("link", "damaged-frames"),
}

#: Where the place of planting is not the name to be found; all layers of the build are stale.
PLACES: Final = {
    "pruning-wrong-ranking": ("",),
    "build-unpruned-weights": ("conv1", "conv2", "conv3", "dense1", "scores"),
    "memory-bias-sign": ("dense1",),
}


def _fifo_slip(vectors: Vectors, channels: list[int], amount: float) -> NDArray[np.float64]:
    """Read the words of each window `amount` late; its last ones are repeated."""
    count, length, width = vectors.raw.shape
    words = np.minimum(np.arange(length * width) + int(amount), length * width - 1)
    flat = vectors.raw.reshape(count, -1).astype(np.float64)
    return flat[:, words].reshape(count, length, width)


def specimens() -> list[Specimen]:
    """Return each outsider once, and the clean run that statistical ones are held against."""
    clean = Specimen("cnn", BOARDS[0], ())
    made = [
        Specimen(arch, BOARDS[0], ((fault.name, MEDIUM),))
        for fault in _FAULTS
        for arch in fault.places
    ]
    return [clean, *made]


@contextlib.contextmanager
def admitted() -> Iterator[None]:
    """Let the outsiders be planted and scored, for a while: they are no part of the zoo's list."""
    changes = {"fifo-slip": _fifo_slip}
    joined: list[tuple[dict[str, Any], dict[str, Any]]] = [
        (faults.FAULTS, OUTSIDERS),
        (expected.ANSWERS, ANSWERS),
        (expected.PLACES, PLACES),
        (recordings.CHANGES, changes),
    ]
    for known, new in joined:
        assert not set(known) & set(new), "already admitted, or a name of the zoo's own"
        known.update(new)
    try:
        yield
    finally:
        for known, new in joined:
            for name in new:
                del known[name]
