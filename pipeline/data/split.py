"""The split by subject, and the order in which windows are kept.

Subjects are sorted by name (numbers as numbers). The last three tenths are the test split, the
fifth before them (at least one subject each) is for validation, the rest is for training. No
subject is in two splits: a window must never be judged by a model that has seen its person. The
rule looks at no result: for the watch recordings it gives training 1–5, validation 6–7, test 8–10.
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
