"""The windows kept for drawing are all, or those that change class; their samples the vectors'."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from records import answers, col

from hil.reference.inputs import DEFAULT_LIMIT
from hil.run import signals as module
from hil.run.signals import signals
from hil.vectors import Vectors, load_vectors
from hil.verdict.flips import KEPT, flips, spread

MODEL = Path("test_vectors/models/cnn")


@pytest.fixture(scope="module")
def vectors() -> Vectors:
    return load_vectors(MODEL / "vectors.npz").take(slice(0, 60))


def test_a_flip_is_another_class_where_both_were_measured() -> None:
    before = col("int8", "int8", None, (0, 1, 2, -1, 0))
    after = col("device", "device", "int8", (0, 2, -1, 1, 1))
    assert flips(before, after) == [1, 4]


@pytest.mark.parametrize("count", [0, 1, KEPT, KEPT + 1, 300])
def test_what_is_kept_is_spread_and_bounded(count: int) -> None:
    chosen = spread(range(100, 100 + count))
    assert len(chosen) == min(KEPT, count)
    assert chosen == sorted(set(chosen))
    assert all(100 <= i < 100 + count for i in chosen)


@pytest.fixture
def many(vectors: Vectors, monkeypatch: pytest.MonkeyPatch) -> Vectors:
    """Windows that together are too large to be kept."""
    monkeypatch.setattr(module, "MAX_ALL_BYTES", vectors.raw.nbytes - 1)
    return vectors


def test_small_windows_are_all_kept(vectors: Vectors) -> None:
    """Another run may answer otherwise in any of them."""
    same = (col("float", "float", None, answers(60)), col("int8", "int8", "float", answers(60)))
    got = signals(vectors, same)
    assert got is not None
    assert [s.window for s in got.kept] == list(range(60))


def test_a_run_of_the_default_length_keeps_all_its_windows() -> None:
    assert DEFAULT_LIMIT * 50 * 6 * 2 <= module.MAX_ALL_BYTES


def test_the_flipped_windows_samples_are_kept(many: Vectors) -> None:
    columns = (
        col("float", "float", None, answers(60)),
        col("int8", "int8", "float", answers(60, wrong=(5, 40))),
        col("qat", "int8", "float", answers(60, wrong=(7,)), side=True),
        col("device", "device", "int8", answers(60, wrong=(5, 41))),
    )
    got = signals(many, columns)
    assert got is not None
    assert [s.window for s in got.kept] == [5, 40, 41]  # not the side branch's
    for item in got.kept:
        raw = np.frombuffer(bytes.fromhex(item.raw), "<i2").reshape(-1, len(got.channels))
        assert np.array_equal(raw, many.raw[item.window])
    assert (got.channels, got.rate_hz) == (many.manifest.channels, many.manifest.rate_hz)


def test_nothing_changes_and_nothing_is_kept(many: Vectors) -> None:
    same = (col("float", "float", None, answers(60)), col("int8", "int8", "float", answers(60)))
    assert signals(many, same) is None


def test_large_windows_are_not_kept(vectors: Vectors, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_BYTES", vectors.raw[0].nbytes - 1)
    changed = (
        col("float", "float", None, answers(60)),
        col("int8", "int8", "float", answers(60, wrong=(5,))),
    )
    assert signals(vectors, changed) is None
