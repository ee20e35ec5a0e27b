"""No subject in two splits; every prefix is mixed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from recorded import recording_set

from hil.errors import InputError
from hil.vectors import Vectors
from pipeline.data.recordings import cut
from pipeline.data.split import hold_out, split_by_subject


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


def several(recordings: int, samples: int = 400) -> Vectors:
    """Return the windows of four people with so many recordings of each of two movements."""
    sets = [recording_set(("A", "B"), 4, samples) for _ in range(recordings)]
    made = [
        replace(r, number=r.number + 100 * i, side=0)
        for i, part in enumerate(sets)
        for r in part.recordings
    ]
    return cut(replace(sets[0], recordings=tuple(made)), ("A", "B"))


def places(windows: Vectors) -> set[tuple[int, int]]:
    return set(zip(windows.recording.tolist(), windows.start.tolist(), strict=True))


def test_of_several_recordings_the_last_are_held_out_whole() -> None:
    train = split_by_subject(several(5)).train
    rest, held = hold_out(train, 0.4)
    assert len(rest) + len(held) == len(train)
    assert set(held.recording.tolist()).isdisjoint(rest.recording.tolist())
    for label in (0, 1):
        own = np.unique(train.recording[(train.label == label) & (train.subject == 0)])
        out = np.unique(held.recording[(held.label == label) & (held.subject == 0)])
        assert out.tolist() == own[-2:].tolist()
    assert held.manifest.split == "held-out"
    assert rest.manifest == train.manifest


def test_of_an_only_recording_the_end_is_held_out_with_a_window_between() -> None:
    train = split_by_subject(windows_of(4, samples=1000)).train  # 20 windows a recording
    rest, held = hold_out(train, 0.15)
    for recording in np.unique(train.recording):
        out = np.sort(held.start[held.recording == recording])
        kept = np.sort(rest.start[rest.recording == recording])
        assert out.tolist() == [850, 900, 950]
        assert kept.tolist() == list(range(0, 800, 50))
    assert places(rest).isdisjoint(places(held))
    assert set(held.label.tolist()) == set(train.label.tolist())


@given(st.integers(1, 4), st.integers(1, 12), st.floats(0.05, 0.5))
def test_what_is_held_out_is_not_trained_on_and_something_always_is(
    recordings: int, windows: int, share: float
) -> None:
    train = split_by_subject(several(recordings, 50 * windows)).train
    if recordings == 1 and windows < 3:
        with pytest.raises(InputError, match="too short to hold a part of them out"):
            hold_out(train, share)
        return
    rest, held = hold_out(train, share)
    assert len(held)
    groups = [set(zip(v.label, v.subject, strict=True)) for v in (train, rest, held)]
    assert groups[0] == groups[1] == groups[2], "a movement of a person has gone from one of them"
    # No sample is in both, and none within a window of one that is.
    gap = {(r, s + d) for r, s in places(held) for d in (-50, 0, 50)}
    assert places(rest).isdisjoint(gap) or recordings > 1
    assert places(rest).isdisjoint(places(held))


def test_what_is_kept_is_mixed() -> None:
    _, held = hold_out(split_by_subject(windows_of(10, classes=3, samples=1000)).train, 0.15)
    for n in range(15, len(held) + 1):
        _, counts = np.unique(held.label[:n] * 10 + held.subject[:n], return_counts=True)
        assert counts.max() - counts.min() <= 1
