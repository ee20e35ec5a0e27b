"""Recordings of one's own: what is read, and what each mistake is answered with."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from recorded import csv_folder, describe, motion, write_csv

from hil.errors import InputError
from pipeline.data.csv import GRAVITY, load_csv
from pipeline.data.load import choose_classes, load
from pipeline.data.recordings import CHANNELS

HEADER = ",".join(CHANNELS)
FIRST = Path("lift") / "p0" / "take-1.csv"


def test_a_folder_is_read_with_labels_and_subjects(tmp_path: Path) -> None:
    data = load(f"csv:{csv_folder(tmp_path)}")
    assert [(r.number, r.label, r.subject, r.side) for r in data.recordings[:2]] == [
        (0, "lift", "p0", -1),
        (1, "lift", "p1", -1),
    ]
    assert np.abs(data.recordings[0].samples - motion(0, 0, 400)).max() <= 5e-7  # six decimals
    assert data.labels() == ("lift", "swing")
    assert load(str(tmp_path)).sha256 == data.sha256


def test_columns_may_come_in_any_order(tmp_path: Path) -> None:
    csv_folder(tmp_path)
    expected = load_csv(str(tmp_path)).recordings[0].samples
    write_csv(tmp_path / FIRST, motion(0, 0, 400)[:, ::-1], ",".join(CHANNELS[::-1]))
    assert np.array_equal(load_csv(str(tmp_path)).recordings[0].samples, expected)


@pytest.mark.parametrize("rate", [104.0, 119.0])
def test_a_recording_with_times_of_its_own_is_resampled(tmp_path: Path, rate: float) -> None:
    """A straight line is interpolated without error, whatever the times."""
    csv_folder(tmp_path)
    times = np.cumsum(np.random.default_rng(1).uniform(0.5, 1.5, 400) / rate) + 7
    line = times[:, np.newaxis] / 100 * np.arange(1, 7)
    table = np.column_stack((line, times)).tolist()
    rows = [",".join(map(repr, row)) for row in table]
    (tmp_path / FIRST).write_text("\n".join([f"{HEADER},t", *rows]))
    samples = load_csv(str(tmp_path)).recordings[0].samples
    grid = times[0] + np.arange(len(samples)) / 100
    assert grid[-1] <= times[-1] < grid[-1] + 0.01 + 1e-9
    assert np.allclose(samples, grid[:, np.newaxis] / 100 * np.arange(1, 7), rtol=0, atol=1e-12)


def test_units_are_converted(tmp_path: Path) -> None:
    csv_folder(tmp_path)
    samples = motion(0, 0, 400)
    write_csv(tmp_path / FIRST, samples * ([GRAVITY] * 3 + [math.degrees(1)] * 3))
    describe(tmp_path, accelerometer="m/s2", gyroscope="dps")
    loaded = load_csv(str(tmp_path)).recordings[0].samples
    assert np.abs(loaded - samples).max() <= 5e-7


def test_a_byte_order_mark_crlf_and_blank_lines_are_taken(tmp_path: Path) -> None:
    csv_folder(tmp_path)
    expected = load_csv(str(tmp_path)).recordings[0].samples
    text = (tmp_path / FIRST).read_text()
    (tmp_path / FIRST).write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode() + b"\r\n")
    assert np.array_equal(load_csv(str(tmp_path)).recordings[0].samples, expected)


def replaced(line: str) -> str:
    rows = [HEADER, *["0,0,1,0,0,0"] * 100]
    rows[6] = line
    return "\n".join(rows)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "line 1: the columns must be ax,ay,az,wx,wy,wz, are none"),
        (HEADER, "0 samples at 100 Hz are 0.00 s, too short"),
        (HEADER + "\n0,0,1,0,0,0" * 49, "49 samples at 100 Hz are 0.49 s, too short"),
        ("time," + HEADER + "\n0,0,0,1,0,0,0", "line 1: the columns must be"),
        ("ax,ay,az,wx,wy,wy\n", "line 1: the columns must be"),
        ("ax,ay,\x1b[2J,wx,wy,wz\n", "line 1: the columns must be"),
        (replaced("0,0,nan,0,0,0"), "line 7: a value is not finite"),
        (replaced("0,0,-inf,0,0,0"), "line 7: a value is not finite"),
        (replaced("0,0,one,0,0,0"), "line 7: could not convert string to float: 'one'"),
        (replaced("0,0,,0,0,0"), "line 7: could not convert"),
        (replaced("0,0,1,0,0"), "line 7: 5 values, must be 6"),
        (replaced("0,0,1,0,0,0,0"), "line 7: 7 values, must be 6"),
        (replaced('0,0,"1,0,0,0'), "not a CSV text"),
        (replaced("\udcff"), "not a CSV text"),
        ("t," + HEADER + "\n0,0,0,1,0,0,0\n0,0,0,1,0,0,0", "line 3: t does not increase"),
        ("t," + HEADER + "\n0,0,0,1,0,0,0\n9e9,0,0,1,0,0,0", "t is not in seconds"),
        ("t," + HEADER + "\n0,0,0,1,0,0", "line 2: 6 values, must be 7"),
        ("t,t," + HEADER + "\n", "line 1: the columns must be"),
        (HEADER + "\n0,0,9.81,0,0,0" * 99, "100% of az is beyond the sensor's ±8 g"),
        (HEADER + "\n0,0,1,0,57,0" * 99, "100% of wy is beyond"),
    ],
)
def test_a_wrong_file_is_refused_by_name_and_line(
    tmp_path: Path, content: str, reason: str
) -> None:
    csv_folder(tmp_path)
    (tmp_path / FIRST).write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(InputError) as caught:
        load_csv(str(tmp_path))
    text = str(caught.value)
    assert text.startswith(f"{tmp_path / FIRST}: {reason}"), text
    assert text.isprintable()


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"rate_hz": 0}, "rate_hz must be between 10 and 1000"),
        ({"rate_hz": 100000}, "rate_hz must be between 10 and 1000"),
        ({"rate_hz": "100"}, "rate_hz: must be a number"),
        ({"accelerometer": "mg"}, "accelerometer: must be one of g, m/s2"),
        ({"colour": "red"}, "unknown key 'colour'"),
    ],
)
def test_a_wrong_description_is_refused(
    tmp_path: Path, fields: dict[str, object], reason: str
) -> None:
    describe(csv_folder(tmp_path), **fields)
    with pytest.raises(InputError, match=reason):
        load_csv(str(tmp_path))


def test_a_missing_rate_is_refused(tmp_path: Path) -> None:
    csv_folder(tmp_path)
    (tmp_path / "dataset.json").write_text('{"accelerometer": "g", "gyroscope": "dps"}')
    with pytest.raises(InputError, match="missing key 'rate_hz'"):
        load_csv(str(tmp_path))
    (tmp_path / "dataset.json").unlink()
    with pytest.raises(InputError, match="missing; it says the rate and the units"):
        load_csv(str(tmp_path))


def test_a_missing_or_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="neither `watch` nor a folder"):
        load_csv(str(tmp_path / "none"))
    describe(tmp_path)
    with pytest.raises(InputError, match=r"DIR/LABEL/SUBJECT/NAME\.csv"):
        load_csv(str(tmp_path))


@pytest.mark.parametrize(
    "label", ["a,b", "\x1b[31mred", "*", "</script>".replace("/", "∕"), "x" * 41]
)
def test_names_that_could_do_harm_are_refused(tmp_path: Path, label: str) -> None:
    csv_folder(tmp_path)
    write_csv(tmp_path / label / "p0" / "take-1.csv", motion(0, 0, 100))
    with pytest.raises(InputError, match="labels and subjects are") as caught:
        load_csv(str(tmp_path))
    assert str(caught.value).isprintable()


def test_the_hash_follows_content_and_names(tmp_path: Path) -> None:
    csv_folder(tmp_path)
    seen = [load_csv(str(tmp_path)).sha256]
    (tmp_path / FIRST).rename(tmp_path / FIRST.with_name("other.csv"))
    seen.append(load_csv(str(tmp_path)).sha256)
    describe(tmp_path, rate_hz=99)
    seen.append(load_csv(str(tmp_path)).sha256)
    assert len(set(seen)) == 3


@given(st.binary(max_size=400))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    """Even the shortest row takes 12 bytes: 400 are too short for a window, whatever they say."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a" / "b" / "c.csv"
        path.parent.mkdir(parents=True)
        path.write_bytes(HEADER.encode() + b"\n" + content)
        describe(Path(folder))
        with pytest.raises(InputError) as caught:
            load_csv(folder)
    assert str(caught.value).isprintable()


def test_classes_are_chosen(tmp_path: Path) -> None:
    data = load_csv(str(csv_folder(tmp_path)))
    assert choose_classes("csv:x", None, data) == ("lift", "swing")
    assert choose_classes("csv:x", "swing, lift", data) == ("swing", "lift")
    assert choose_classes("watch", None, data) == ("PEN", "FEL", "ROW")
    assert len(choose_classes("watch", "all", data)) == 7
    for wrong in ("lift", "lift,lift", ""):
        with pytest.raises(InputError, match="two or more, none twice"):
            choose_classes("csv:x", wrong, data)
