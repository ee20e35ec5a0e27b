"""What a recording leaves on disk, whatever happened to it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import IO, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.errors import InputError
from hil.files import write_file
from hil.sensor import dataset
from hil.sensor.dataset import Recording, finish_interrupted, open_dataset
from hil.sensor.stream import Batch
from pipeline.data.csv import load_csv
from pipeline.data.recordings import CHANNELS, UNIT_PER_COUNT, to_counts


def batch(count: int, first: int = 0, rate: float = 104.0) -> Batch:
    numbers = np.arange(first, first + count)
    values = np.random.default_rng(first).integers(-32768, 32768, (count, 6)).astype(np.int16)
    return Batch(first, (numbers / rate * 1e6).astype(np.int64), values)


def test_units_and_channels_are_the_pipelines() -> None:
    from hil.sensor import stream

    assert stream.CHANNELS == CHANNELS
    assert stream.UNIT_PER_COUNT == UNIT_PER_COUNT


def test_a_recording_is_there_when_it_is_finished(tmp_path: Path) -> None:
    recording = Recording(tmp_path / "wave" / "s1", "nano33", 104)
    recording.add(batch(60))
    recording.add(batch(44, first=60))
    assert not list(tmp_path.rglob("*.csv"))
    recorded = recording.finish()
    assert recorded is not None
    assert recorded.path == tmp_path / "wave" / "s1" / "nano33-001.csv"
    assert recorded.samples == 104
    assert recorded.rate_hz == pytest.approx(104, rel=1e-4)  # the times are whole microseconds
    assert [p.name for p in recorded.path.parent.iterdir()] == ["nano33-001.csv"]


def test_counts_come_back_exactly(tmp_path: Path) -> None:
    """At the sensor's own rate; the loader's resampling is another matter."""
    made = batch(104)
    recording = Recording(tmp_path / "wave" / "s1", "x", 104)
    recording.add(made)
    recorded = recording.finish()
    assert recorded is not None
    table = np.loadtxt(recorded.path, delimiter=",", skiprows=1)
    assert np.array_equal(to_counts(table[:, 1:]), made.values)


def test_a_short_one_is_not_kept(tmp_path: Path) -> None:
    recording = Recording(tmp_path / "wave" / "s1", "x", 104)
    recording.add(batch(30))
    assert recording.finish() is None
    assert not [p for p in tmp_path.rglob("*") if p.is_file()]


def test_what_is_kept_loads(tmp_path: Path) -> None:
    """The shortest that is kept makes a window."""
    open_dataset(tmp_path, "a test", emulated=False)
    kept = 0
    for count in range(45, 60):
        recording = Recording(tmp_path / "wave" / "s1", "x", 104)
        recording.add(Batch(0, batch(count).times, np.zeros((count, 6), np.int16)))
        kept += recording.finish() is not None
    assert kept
    assert len(load_csv(str(tmp_path)).recordings) == kept


@given(st.integers(0, 6000))
def test_a_part_cut_anywhere_is_finished(
    tmp_path_factory: pytest.TempPathFactory, cut: int
) -> None:
    root = tmp_path_factory.mktemp("cut")
    recording = Recording(root / "wave" / "s1", "x", 104)
    made = batch(150)
    recording.add(made)
    (part,) = root.rglob("*.part")
    whole = part.read_bytes()
    part.write_bytes(whole[:cut])
    recording._file.close()  # as its program's end does
    finish_interrupted(root)
    assert not list(root.rglob("*.part"))
    for path in root.rglob("*.csv"):
        table = np.loadtxt(path, delimiter=",", skiprows=1)
        assert np.array_equal(to_counts(table[:, 1:]), made.values[: len(table)])
        assert len(table) == whole[:cut].count(b"\n") - 1
    assert (cut > 5000) <= bool(list(root.rglob("*.csv")))


def test_noise_in_a_part_ends_it(tmp_path: Path) -> None:
    folder = tmp_path / "wave" / "s1"
    recording = Recording(folder, "x", 104)
    recording.add(batch(104))
    (part,) = tmp_path.rglob("*.part")
    part.write_bytes(part.read_bytes() + b"1,2\n\xff\xff,1,1,1,1,1,1\n9,99999,0,0,0,0,0\n")
    recording._file.close()  # as its program's end does
    (recorded,) = finish_interrupted(tmp_path)
    assert recorded.samples == 104


def test_what_another_program_is_recording_is_left_to_it(tmp_path: Path) -> None:
    recording = Recording(tmp_path / "wave" / "s1", "x", 104)
    recording.add(batch(104))
    assert finish_interrupted(tmp_path) == []
    recording.add(Batch(104, batch(104).times + 10**6, np.zeros((104, 6), np.int16)))
    recorded = recording.finish()
    assert recorded is not None
    assert recorded.samples == 208


def test_a_new_recording_takes_no_ones_place(tmp_path: Path) -> None:
    for number in (1, 2, 3):
        recording = Recording(tmp_path / "wave" / "s1", "x", 104)
        recording.add(batch(104))
        recorded = recording.finish()
        assert recorded is not None
        assert recorded.path.name == f"x-00{number}.csv"


@pytest.mark.parametrize(
    ("key", "value"), [("rate_hz", 50), ("accelerometer", "m/s2"), ("gyroscope", "dps")]
)
def test_a_set_of_another_kind_is_refused(tmp_path: Path, key: str, value: object) -> None:
    open_dataset(tmp_path, "a test", emulated=False)
    path = tmp_path / dataset.DESCRIPTION
    path.write_text(json.dumps({**json.loads(path.read_text()), key: value}))
    with pytest.raises(InputError, match=rf"{key} is {value}.*another --out"):
        open_dataset(tmp_path, "a test", emulated=False)


def test_a_set_that_is_there_is_left_as_it_is(tmp_path: Path) -> None:
    open_dataset(tmp_path, "the first", emulated=False)
    before = (tmp_path / dataset.DESCRIPTION).read_text()
    open_dataset(tmp_path, "the second", emulated=False)
    assert (tmp_path / dataset.DESCRIPTION).read_text() == before


@pytest.mark.parametrize("emulated", [False, True])
def test_emulated_and_real_are_never_mixed(tmp_path: Path, emulated: bool) -> None:
    open_dataset(tmp_path, "nano33, LSM9DS1", emulated=emulated)
    open_dataset(tmp_path, "nano33, LSM9DS1", emulated=emulated)
    source = json.loads((tmp_path / dataset.DESCRIPTION).read_text())["source"]
    assert ("emulated" in source) is emulated
    with pytest.raises(InputError, match=r"takes no recordings of \w+ ones; choose another --out"):
        open_dataset(tmp_path, "nano33, LSM9DS1", emulated=not emulated)


def test_an_older_emulated_set_is_known(tmp_path: Path) -> None:
    open_dataset(tmp_path, "nano33, LSM9DS1", emulated=False)
    path = tmp_path / dataset.DESCRIPTION
    path.write_text(path.read_text().replace("nano33, ", "nano33, emulated, "))
    with pytest.raises(InputError, match="emulated sensors takes no recordings of real ones"):
        open_dataset(tmp_path, "nano33, LSM9DS1", emulated=False)


def test_a_description_that_is_no_object_is_refused(tmp_path: Path) -> None:
    (tmp_path / dataset.DESCRIPTION).write_text("[]")
    with pytest.raises(InputError, match="not a data set's description"):
        open_dataset(tmp_path, "a test", emulated=False)


def test_a_name_taken_meanwhile_loses_no_sample(tmp_path: Path) -> None:
    made = batch(104)
    recording = Recording(tmp_path / "wave" / "s1", "x", 104)
    recording.add(made)
    taken = tmp_path / "wave" / "s1" / "x-001.csv"
    taken.write_text("somebody's")
    recorded = recording.finish()
    assert recorded is not None
    assert recorded.path.name == "x-002.csv"
    assert taken.read_text() == "somebody's"
    table = np.loadtxt(recorded.path, delimiter=",", skiprows=1)
    assert np.array_equal(to_counts(table[:, 1:]), made.values)
    assert not list(tmp_path.rglob("*.part"))


def test_one_killed_before_its_part_was_removed_is_kept_once(tmp_path: Path) -> None:
    recording = Recording(tmp_path / "wave" / "s1", "x", 104)
    recording.add(batch(104))
    (part,) = tmp_path.rglob("*.part")
    text = part.read_bytes()
    recording.finish()
    part.write_bytes(text)
    (recorded,) = finish_interrupted(tmp_path)
    assert [recorded.path] == list(tmp_path.rglob("*.csv"))
    assert not list(tmp_path.rglob("*.part"))


def test_one_that_is_being_finished_is_left_to_its_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another capture looks at the moment between the last sample and the end of its part."""
    recording = Recording(tmp_path / "wave" / "s1", "x", 104)
    recording.add(batch(104))
    looked = []
    write = write_file

    def look(path: Path, text: str) -> None:
        looked.append(finish_interrupted(tmp_path))
        write(path, text)
        looked.append(finish_interrupted(tmp_path))

    monkeypatch.setattr("hil.sensor.dataset.write_file", look)
    recorded = recording.finish()
    assert recorded is not None
    assert recorded.samples == 104
    assert looked == [[], []]


def test_two_that_want_one_name_get_two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second takes the name after the first has found it free, before it is made."""
    folder = tmp_path / "wave" / "s1"
    free = dataset._free
    others: list[Recording] = []

    def overtaken(folder: Path, stem: str) -> Path:
        path = free(folder, stem)
        if not others:
            monkeypatch.setattr(dataset, "_free", free)
            others.append(Recording(folder, stem, 104))
        return path

    monkeypatch.setattr(dataset, "_free", overtaken)
    made = [Recording(folder, "x", 104), *others]
    for recording in made:
        recording.add(batch(104))
    names = {done.path.name for recording in made if (done := recording.finish()) is not None}
    assert names == {"x-001.csv", "x-002.csv"}


def test_one_taken_before_it_was_locked_begins_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another capture takes the new, empty part for one that was left, and removes it."""
    lock = dataset._lock
    looked: list[Path] = []

    def late(file: IO[Any], part: Path, how: int) -> bool:
        if not looked:
            looked.append(part)
            assert finish_interrupted(tmp_path) == []
            assert not part.exists()
        return lock(file, part, how)

    monkeypatch.setattr(dataset, "_lock", late)
    recording = Recording(tmp_path / "wave" / "s1", "x", 104)
    assert looked
    recording.add(batch(104))
    recorded = recording.finish()
    assert recorded is not None
    assert recorded.samples == 104


def test_a_part_that_goes_while_it_is_looked_for_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "wave" / "s1" / ".x-001.csv.part"
    monkeypatch.setattr(Path, "glob", lambda *_: [gone])
    assert finish_interrupted(tmp_path) == []
