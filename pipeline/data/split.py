"""The split by subject, and the order in which windows are kept.

Subjects are sorted by name (numbers as numbers). The last three tenths are the test split, the
fifth before them (at least one subject each) is for validation, the rest is for training. No
subject is in two splits: a window must never be judged by a model that has seen its person. The
rule looks at no result: for the watch recordings it gives training 1–5, validation 6–7, test 8–10.
On request a part of the training subjects' own recordings is held out as well (`hold_out`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hil.errors import InputError
from hil.vectors import Vectors


@dataclass(frozen=True)
class Split:
    """Windows of three disjoint groups of subjects, each in the order of `interleave`."""

    train: Vectors
    validation: Vectors
    test: Vectors


def split_by_subject(windows: Vectors) -> Split:
    """Split `windows`. Raises InputError for fewer than three subjects, or a class missing."""
    count = len(windows.manifest.subjects)
    if count < 3:
        raise InputError(
            f"the data has {count} subject(s); training, validation and test need one each"
        )
    tests, validations = max(1, round(0.3 * count)), max(1, round(0.2 * count))
    bounds = (0, count - tests - validations, count - tests, count)
    names = ("train", "validation", "test")
    parts = [
        _part(windows, name, low, high)
        for name, low, high in zip(names, bounds, bounds[1:], strict=False)
    ]
    return Split(*parts)


def _part(windows: Vectors, name: str, low: int, high: int) -> Vectors:
    chosen = windows.take(np.flatnonzero((windows.subject >= low) & (windows.subject < high)))
    missing = set(range(len(windows.manifest.classes))) - set(chosen.label.tolist())
    if missing:
        who = ", ".join(windows.manifest.subjects[low:high])
        what = ", ".join(windows.manifest.classes[i] for i in sorted(missing))
        raise InputError(f"the {name} split (subject {who}) has no window of class {what}")
    ordered = chosen.take(interleave(chosen))
    return replace(ordered, manifest=replace(windows.manifest, split=name))


def hold_out(train: Vectors, share: float) -> tuple[Vectors, Vectors]:
    """Return the training windows without, and those that are held out of them, in their order.

    Of each movement of a person on a side: the last recordings, about `share` of them, where there
    are several, and else the last windows of the only one, with a window between that is in
    neither: resampling's filter reaches over a window's end. Raises InputError where that is none.
    """
    group = np.stack([train.side, train.subject, train.label]).astype(np.int64)
    rest, held = np.ones(len(train), np.bool_), np.zeros(len(train), np.bool_)
    for key in np.unique(group, axis=1).T:
        inside = (group == key[:, None]).all(axis=0)
        recordings = np.unique(train.recording[inside])
        if len(recordings) > 1:
            last = recordings[-_part_of(share, len(recordings)) :]
            out = kept_out = inside & np.isin(train.recording, last)
        else:
            out, kept_out = _last_windows(train, inside, share)
        held |= out
        rest &= ~kept_out
    if not held.any():
        raise InputError("the recordings are too short to hold a part of them out of training")
    without = train.take(np.flatnonzero(rest))
    chosen = train.take(np.flatnonzero(held))
    ordered = chosen.take(interleave(chosen))
    return without, replace(ordered, manifest=replace(train.manifest, split="held-out"))


def _part_of(share: float, count: int) -> int:
    """Return how many of `count` things are held out: at least one, and never all."""
    return min(max(1, round(share * count)), count - 1)


def _last_windows(
    train: Vectors, inside: NDArray[np.bool_], share: float
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which windows of a recording are held out, and which are not trained on; of fewer
    than three there are none.
    """
    starts = np.sort(train.start[inside])
    if len(starts) < 3:
        return np.zeros_like(inside), np.zeros_like(inside)
    count = min(_part_of(share, len(starts)), len(starts) - 2)
    return inside & (train.start >= starts[-count]), inside & (train.start >= starts[-count - 1])


def interleave(windows: Vectors) -> NDArray[np.intp]:
    """Return an order in which any prefix is mixed by class, subject and side.

    Groups (side, subject, class) take turns, the class changing fastest, until they run out; inside
    a group the windows come spread over its time, by steps of the golden ratio. No random numbers:
    the order is the same everywhere.
    """
    group = np.stack([windows.side, windows.subject, windows.label]).astype(np.int64)
    turn = np.zeros(len(windows), np.float64)
    for key in np.unique(group, axis=1).T:
        members = np.flatnonzero((group == key[:, None]).all(axis=0))
        spread = np.argsort(np.arange(len(members)) * ((5**0.5 - 1) / 2) % 1.0, kind="stable")
        turn[members[spread]] = np.arange(len(members))
    return np.lexsort((windows.label, windows.subject, windows.side, turn))
