"""No subject in two splits; every prefix is mixed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from recorded import recording_set

from hil.errors import InputError
from hil.vectors import Vectors
from pipeline.data.recordings import cut
from pipeline.data.split import split_by_subject


def windows_of(subjects: int, classes: int = 2, samples: int = 400) -> Vectors:
    labels = tuple("ABCDEFG"[:classes])
    return cut(recording_set(labels, subjects, samples), labels)


@given(st.integers(3, 40), st.integers(2, 4))
def test_no_subject_is_in_two_splits_and_none_is_lost(subjects: int, classes: int) -> None:
    windows = windows_of(subjects, classes, samples=100)
    split = split_by_subject(windows)
    parts = [set(p.subject.tolist()) for p in (split.train, split.validation, split.test)]
    assert all(parts)
    assert sum(map(len, parts)) == len(set.union(*parts)) == subjects
    assert len(split.train) + len(split.validation) + len(split.test) == len(windows)


def test_ten_subjects_are_split_as_documented() -> None:
    split = split_by_subject(windows_of(10))
    found = {
        part.manifest.split: sorted({int(part.manifest.subjects[i]) for i in part.subject})
        for part in (split.train, split.validation, split.test)
    }
    assert found == {"train": [1, 2, 3, 4, 5], "validation": [6, 7], "test": [8, 9, 10]}


def test_splitting_does_not_tear_windows_from_their_labels() -> None:
    windows = windows_of(5)
    key = {(int(windows.recording[i]), int(windows.start[i])): i for i in range(len(windows))}
    test = split_by_subject(windows).test
    for i in range(len(test)):
        j = key[int(test.recording[i]), int(test.start[i])]
        assert np.array_equal(test.raw[i], windows.raw[j])
        assert (test.label[i], test.subject[i], test.side[i]) == (
            windows.label[j],
            windows.subject[j],
            windows.side[j],
        )


def test_any_prefix_is_mixed_by_class_subject_and_side() -> None:
    test = split_by_subject(windows_of(10, classes=3, samples=1000)).test
    groups = 3 * 3  # every test subject has one side here
    for n in range(groups, len(test) + 1):
        cells = test.label[:n].astype(int) * 100 + test.subject[:n]
        _, counts = np.unique(cells, return_counts=True)
        assert len(counts) == groups
        assert counts.max() - counts.min() <= 1
        assert len(np.unique(test.label[max(0, n - 3) : n])) == 3


def test_a_groups_windows_come_spread_over_its_time() -> None:
    test = split_by_subject(windows_of(3, classes=2, samples=5000)).test
    start = test.start[test.label == 0][:10]
    assert np.diff(np.sort(start)).max() <= 3 * 5000 / 10


def test_uneven_groups_are_used_up_without_loss() -> None:
    windows = windows_of(3, classes=2, samples=1000)
    drop = (windows.label == 1) & (windows.start >= 200)
    test = split_by_subject(windows.take(np.flatnonzero(~drop))).test
    assert sorted(test.start[test.label == 0].tolist()) == list(range(0, 1000, 50))
    assert test.label.tolist() == [0, 1] * 4 + [0] * 16


def test_too_few_subjects_are_refused() -> None:
    with pytest.raises(InputError, match=r"2 subject\(s\)"):
        split_by_subject(windows_of(2))


def test_a_split_without_a_class_is_refused_with_its_subjects() -> None:
    windows = windows_of(4)
    drop = (windows.subject == 3) & (windows.label == 1)
    with pytest.raises(InputError, match=r"test split \(subject 4\) has no window of class B"):
        split_by_subject(windows.take(np.flatnonzero(~drop)))
