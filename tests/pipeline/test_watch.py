"""The watch recordings: found, verified, unpickled by four symbols only, cut exactly."""

from __future__ import annotations

import importlib.util
import io
import math
import os
import pickle
import subprocess
import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import numpy as np
import pytest

from hil.errors import InputError, ToolError
from pipeline.data import watch
from pipeline.data.recordings import CHANNELS, UNIT_PER_COUNT, WINDOW, cut

needs_seglearn = pytest.mark.skipif(
    importlib.util.find_spec("seglearn") is None, reason="seglearn is not installed"
)


class Runs:
    """Unpickled by an ordinary unpickler, it would make a folder."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.trace),)


def as_npy(payload: bytes) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        stream, {"descr": "|O", "fortran_order": False, "shape": ()}
    )
    return stream.getvalue() + payload


def test_a_pickle_that_runs_code_is_refused(tmp_path: Path) -> None:
    trace = tmp_path / "ran"
    payload = pickle.dumps(Runs(trace), protocol=2)
    with pytest.raises(pickle.UnpicklingError, match=r"mkdir is refused"):
        watch.unpickle_array(as_npy(payload))
    assert not trace.exists()
    pickle.loads(payload)  # noqa: S301 - the attack, by an ordinary unpickler
    assert trace.exists(), "the attack itself must work, or this test shows nothing"


@pytest.mark.parametrize("symbol", ["builtins eval", "os system", "numpy load", "_codecs decode"])
def test_symbols_beyond_the_four_are_refused(symbol: str) -> None:
    module, name = symbol.split()
    with pytest.raises(pickle.UnpicklingError, match=rf"{module}\.{name} is refused"):
        watch.unpickle_array(as_npy(f"c{module}\n{name}\n.".encode()))


def test_bytes_are_decoded_as_latin1_and_nothing_else() -> None:
    def call(encoding: str) -> object:
        payload = f"c_codecs\nencode\n(V\\u00e9\nV{encoding}\ntR.".encode()
        return watch.ArrayUnpickler(io.BytesIO(payload)).load()

    assert call("latin1") == b"\xe9"
    with pytest.raises(pickle.UnpicklingError, match="not expected"):
        call("rot13")


def test_arrays_survive_the_restricted_unpickler() -> None:
    array = np.arange(6.0).reshape(2, 3)
    # NumPy 2 writes its new module's name; the recordings were written by an old one.
    payload = pickle.dumps({"X": array}, protocol=2)
    payload = payload.replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
    loaded = watch.ArrayUnpickler(io.BytesIO(payload)).load()
    assert np.array_equal(loaded["X"], array)


def test_a_file_with_another_hash_is_not_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "watch_dataset.npy"
    path.write_bytes(as_npy(pickle.dumps(Runs(tmp_path / "ran"))))

    class Package:
        files = ()

    monkeypatch.setattr(watch, "distribution", lambda _: Package())
    monkeypatch.setattr(watch, "_installed", lambda _package, _name: path)
    with pytest.raises(InputError, match=r"SHA-256 differs.*force-reinstall"):
        watch.load_watch()
    assert not (tmp_path / "ran").exists()


def test_without_seglearn_the_mend_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_: str) -> None:
        raise PackageNotFoundError

    monkeypatch.setattr(watch, "distribution", missing)
    with pytest.raises(ToolError, match=r"pip install -e '\.\[train\]'"):
        watch.load_watch()


@needs_seglearn
def test_seglearn_itself_is_not_imported() -> None:
    code = (
        "import sys; from pipeline.data.watch import load_watch; load_watch();"
        "print(sorted({'seglearn', 'sklearn', 'tensorflow'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert result.stdout.decode().strip() == "[]"


@needs_seglearn
def test_the_recordings_are_the_documented_ones() -> None:
    data = watch.load_watch()
    assert len(data.recordings) == 140
    assert sum(len(r.samples) for r in data.recordings) == 244_102
    assert set(data.labels()) == set(watch.ALL_CLASSES)
    assert {r.subject for r in data.recordings} == {str(i) for i in range(1, 11)}
    assert {r.side for r in data.recordings} == {0, 1}
    assert "David M. Burns" in data.notice
    assert data.license == "BSD-3-Clause"


@needs_seglearn
@pytest.mark.parametrize("classes", [watch.DEFAULT_CLASSES, watch.ALL_CLASSES])
def test_every_whole_window_of_every_recording_is_cut_once(classes: tuple[str, ...]) -> None:
    data = watch.load_watch()
    windows = cut(data, classes)
    expected = {
        r.number: 2 * len(r.samples) // WINDOW for r in data.recordings if r.label in classes
    }
    numbers, counts = np.unique(windows.recording, return_counts=True)
    assert dict(zip(numbers.tolist(), counts.tolist(), strict=True)) == expected
    for recording in data.recordings:
        rows = windows.recording == recording.number
        if recording.label in classes:
            assert set(windows.label[rows]) == {classes.index(recording.label)}
            assert windows.manifest.subjects[windows.subject[rows][0]] == recording.subject
            assert windows.start[rows].tolist() == list(range(0, rows.sum() * WINDOW, WINDOW))


@needs_seglearn
def test_the_manifest_says_what_the_numbers_are() -> None:
    manifest = cut(watch.load_watch(), watch.DEFAULT_CLASSES).manifest
    assert manifest.channels == CHANNELS
    assert manifest.unit_per_count == UNIT_PER_COUNT
    assert manifest.unit_per_count[0] == 0.000244
    assert manifest.unit_per_count[3] == 0.07 * math.pi / 180
    assert (manifest.rate_hz, manifest.bandwidth_hz) == (100.0, 25.0)
    assert manifest.subjects == tuple(str(i) for i in range(1, 11))
    assert "Redistribution" in manifest.notice
