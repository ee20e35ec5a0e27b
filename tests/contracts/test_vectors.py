"""The vector format: what is written is read back, and whatever was tampered with is refused."""

from __future__ import annotations

import hashlib
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.errors import InputError
from hil.vectors import FORMAT, VERSION, VectorManifest, Vectors, load_vectors, save_vectors


def make_vectors(count: int = 4, **changes: Any) -> Vectors:
    rng = np.random.default_rng(1)
    manifest = VectorManifest(
        format=FORMAT,
        version=VERSION,
        classes=("a", "b"),
        subjects=("s1", "s2"),
        channels=("ax", "ay"),
        units=("g", "g"),
        unit_per_count=(0.25, 0.25),
        rate_hz=100.0,
        bandwidth_hz=None,
        split="test",
        source="made by a test",
        license="MIT",
        notice="",
        npz_sha256="",
    )
    arrays: dict[str, Any] = {
        "raw": rng.integers(-(2**15), 2**15, (count, 5, 2)).astype(np.int16),
        "label": (np.arange(count) % 2).astype(np.int16),
        "subject": (np.arange(count) % 2).astype(np.int16),
        "recording": np.arange(count, dtype=np.int32),
        "side": np.full(count, -1, np.int8),
        "start": np.zeros(count, np.int32),
    }
    arrays.update(changes)
    return Vectors(manifest, **arrays)


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "v.npz"
    save_vectors(path, make_vectors())
    return path


def test_reads_back_what_was_written(saved: Path) -> None:
    vectors = load_vectors(saved)
    for name, array in vars(make_vectors()).items():
        if name != "manifest":
            np.testing.assert_array_equal(getattr(vectors, name), array)
    assert len(vectors) == 4
    assert vectors.take(slice(1, 3)).recording.tolist() == [1, 2]


def test_the_same_content_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("x.npz", "y.npz"):
        save_vectors(tmp_path / name, make_vectors())
    assert (tmp_path / "x.npz").read_bytes() == (tmp_path / "y.npz").read_bytes()
    assert (tmp_path / "x.json").read_bytes() == (tmp_path / "y.json").read_bytes()


@given(st.integers(0), st.integers(0, 255))
def test_any_changed_byte_is_refused(position: int, value: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "v.npz"
        save_vectors(path, make_vectors(1))
        data = bytearray(path.read_bytes())
        position %= len(data)
        if data[position] == value:
            return
        data[position] = value
        path.write_bytes(data)
        with pytest.raises(InputError, match="SHA-256"):
            load_vectors(path)


def rewrite_manifest(path: Path, **changes: Any) -> None:
    manifest = path.with_suffix(".json")
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), **changes}))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"format": "other"}, "not a tinyhil-vectors"),
        ({"version": 99}, "not a tinyhil-vectors version"),
        ({"channels": ["ax"]}, "2 channels, but the manifest's channels"),
        ({"unit_per_count": [0.0, 1.0]}, "finite and positive"),
        ({"classes": ["only"]}, "label outside"),
        ({"subjects": []}, "subject outside"),
        ({"rate_hz": "fast"}, "rate_hz: must be a number"),
        ({"surprise": 1}, "unknown key 'surprise'"),
    ],
)
def test_a_wrong_manifest_is_refused(saved: Path, changes: dict[str, Any], reason: str) -> None:
    rewrite_manifest(saved, **changes)
    with pytest.raises(InputError, match=reason):
        load_vectors(saved)


@pytest.mark.parametrize(
    ("arrays", "reason"),
    [
        ({"raw": np.zeros((4, 5, 2), np.float32)}, "raw is float32 with 3 axes, must be int16"),
        ({"raw": np.zeros((4, 10), np.int16)}, "raw is int16 with 2 axes"),
        ({"label": np.zeros(3, np.int16)}, "label has 3 rows, raw 4"),
        ({"label": np.full(4, 7, np.int16)}, "label outside"),
    ],
)
def test_wrong_arrays_are_refused(tmp_path: Path, arrays: dict[str, Any], reason: str) -> None:
    path = tmp_path / "v.npz"
    save_vectors(path, make_vectors(**arrays))
    with pytest.raises(InputError, match=reason):
        load_vectors(path)


def test_an_empty_set_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "v.npz"
    save_vectors(path, make_vectors(0))
    with pytest.raises(InputError, match="holds no windows"):
        load_vectors(path)


def test_a_missing_set_is_named_as_it_was_asked_for(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"v\.npz: No such file"):
        load_vectors(tmp_path / "v.npz")


def test_a_missing_manifest_is_named_with_what_it_is(saved: Path) -> None:
    saved.with_suffix(".json").unlink()
    with pytest.raises(InputError, match=r"v\.npz: v\.json is missing beside it: it names the cl"):
        load_vectors(saved)


def test_pickles_are_never_loaded(tmp_path: Path) -> None:
    path = tmp_path / "v.npz"
    bomb = np.array([{"a": 1}], dtype=object)
    save_vectors(path, make_vectors())
    np.savez(path, raw=bomb, label=bomb, subject=bomb, recording=bomb, side=bomb, start=bomb)
    rewrite_manifest(path, npz_sha256=hashlib.sha256(path.read_bytes()).hexdigest())
    with pytest.raises(InputError, match="not a readable"):
        load_vectors(path)
