"""Counts, resampling and windows, with numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from recorded import recording_set

from hil.errors import InputError
from pipeline.data.recordings import UNIT_PER_COUNT, WINDOW, cut, natural, resample, to_counts


def test_counts_are_the_sensors() -> None:
    one_g_and_one_turn = np.array([[1.0, -1.0, 0.0, 2 * np.pi, -2 * np.pi, 0.0]])
    # 1 / 0.000244 = 4098.36; 360° / 0.07° = 5142.86.
    assert to_counts(one_g_and_one_turn).tolist() == [[4098, -4098, 0, 5143, -5143, 0]]


def test_counts_stop_at_the_rails() -> None:
    counts = to_counts(np.array([[9.0, -9.0, 7.99, 50.0, -50.0, 39.0]]))
    assert counts.tolist() == [[32767, -32768, 32746, 32767, -32768, 31922]]


@pytest.mark.parametrize(
    ("rate", "samples", "expected"),
    [(50, 51, 102), (100, 77, 77), (200, 301, 151), (104, 208, 200)],
)
def test_resampling_gives_the_exact_number_of_samples(
    rate: float, samples: int, expected: int
) -> None:
    assert resample(np.zeros((samples, 6)), rate).shape == (expected, 6)


def test_gravity_does_not_ring_at_the_ends() -> None:
    """A still pose stays one; the filter's own ripple is below two counts in 4098."""
    still = to_counts(resample(np.ones((200, 6)), 50.0))
    assert np.abs(still[:, 0].astype(int) - 4098).max() <= 2


def test_a_slow_movement_survives_resampling() -> None:
    """Away from the ends, 1 Hz is 1 Hz, within the filter's ripple."""
    slow = np.sin(2 * np.pi * np.arange(500) / 50.0)[:, None] * np.ones(6)
    expected = np.sin(2 * np.pi * np.arange(1000) / 100.0)
    assert np.abs(resample(slow, 50.0)[50:-50, 0] - expected[50:-50]).max() < 2e-3


@pytest.mark.parametrize(("samples", "each"), [(50, 1), (99, 1), (100, 2), (1049, 20)])
def test_windows_do_not_overlap_and_none_is_missing(samples: int, each: int) -> None:
    data = recording_set(samples=samples)
    windows = cut(data, ("A", "B"))
    assert windows.raw.shape == (8 * each, WINDOW, 6)
    for recording in data.recordings:
        rows = windows.raw[windows.recording == recording.number].reshape(-1, 6)
        assert np.array_equal(rows, to_counts(recording.samples)[: each * WINDOW])


def test_a_recording_shorter_than_a_window_gives_none() -> None:
    with pytest.raises(InputError, match="no recording is as long as one window"):
        cut(recording_set(samples=49), ("A", "B"))


def test_an_unknown_class_is_refused_and_the_known_named() -> None:
    with pytest.raises(InputError, match=r"'C'.*the data has A, B"):
        cut(recording_set(), ("A", "C"))


def test_only_the_classes_asked_for_are_cut() -> None:
    windows = cut(recording_set(("A", "B", "C")), ("C", "A"))
    assert windows.manifest.classes == ("C", "A")
    assert set(windows.label.tolist()) == {0, 1}
    assert {int(n) % 3 for n in windows.recording} == {0, 2}


@given(st.lists(st.integers(0, 999), unique=True, min_size=1))
def test_numbered_names_sort_as_numbers(numbers: list[int]) -> None:
    assert sorted(map(str, numbers), key=natural) == [str(n) for n in sorted(numbers)]


def test_upsampled_data_says_so() -> None:
    assert cut(recording_set(rate=50.0), ("A", "B")).manifest.bandwidth_hz == 25.0
    assert cut(recording_set(rate=400.0), ("A", "B")).manifest.bandwidth_hz == 50.0
    assert UNIT_PER_COUNT[0] == 0.000244
