"""What a record keeps of each window, and the columns of answers to them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Windows:
    """What is known of each window; see hil/vectors.py. label -1: unknown."""

    classes: tuple[str, ...]
    label: tuple[int, ...]
    subject: tuple[str, ...]
    recording: tuple[int, ...]


@dataclass(frozen=True)
class Column:
    """One model on one runtime over all windows: a stage of the chain or a side branch.

    name: "float", "pruned", "int8", "qat", "retrained", "int8-litert-ref", "int8-litert",
    "int8-xnnpack", "device", "device-raw". `predicted[i]` is -1 where window i was not measured
    (an incomplete run); `scores[i][k]` is the probability of class k (empty where not measured).
    `after` is the column that this one is compared with (its step), None for the first.
    """

    name: str
    runtime: str
    kind: Literal["float", "int8", "device"]
    side_branch: bool
    after: str | None
    predicted: tuple[int, ...]
    scores: tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Validation:
    """The chain's first step, validation → target: the same float model on other recordings.

    column: named "validation", the model's answers to recordings that it has not learnt from (the
    folder's validation windows); its arrays are over `windows` here. target: the column of the run
    that it is compared with, the chain's first: the same model on the recordings under test.
    Run.held_out has the same of other recordings of the training people themselves, where the
    folder has some; its column is named "held-out".
    """

    windows: Windows
    column: Column
    target: str


@dataclass(frozen=True)
class Fit:
    """The first float model on windows that it was trained on: what it has learnt at all.

    stage: its name. All other arrays are over `windows` here, all of which are labelled. predicted:
    its classes; lowered: those with the scores of class `favoured` lowered by what makes most
    windows right; simple: a simple model's, of people that it has not seen (hil/run/fit.py; empty:
    too few people, or too many channels).
    """

    stage: str
    windows: Windows
    predicted: tuple[int, ...]
    favoured: int
    lowered: tuple[int, ...]
    simple: tuple[int, ...]


@dataclass(frozen=True)
class ByteComparison:
    """Two columns that must agree to the byte, or two int8 inputs.

    what: "output" or "input". differing: windows whose bytes differ, in order.
    """

    expected: str
    actual: str
    what: str
    compared: int
    differing: tuple[int, ...]
    max_difference_lsb: int


@dataclass(frozen=True)
class Signal:
    """A window's raw samples: int16, little endian, all channels of a sample together, in hex."""

    window: int
    raw: str


@dataclass(frozen=True)
class Signals:
    """Windows kept to be drawn: all, or where they are large those that change class in the chain.

    One count of channel c is unit_per_count[c] of units[c]; rate_hz: samples a second.
    """

    channels: tuple[str, ...]
    units: tuple[str, ...]
    unit_per_count: tuple[float, ...]
    rate_hz: float
    kept: tuple[Signal, ...]
