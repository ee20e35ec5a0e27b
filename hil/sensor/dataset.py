"""Recordings appended to a data set as `pipeline/data/csv.py` reads it.

While a recording runs, each sample goes at once, as it came, to a file beside the one it will
become: `.NAME.csv.part`. When it ends, be it by Ctrl-C or an unplugged cable, the samples get their
times (resample.py) and are written as NAME.csv, which appears whole or not at all. What a killed
program has left is finished by the next one.

Several programs may record into one set. A name belongs to who holds the lock on its part, from
before its first sample until the part is gone: only the holder writes NAME.csv.
"""

from __future__ import annotations

import fcntl
import json
import math
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
from numpy.typing import NDArray

from hil.errors import InputError, clean
from hil.files import read_file, write_file
from hil.sensor.resample import fit_times
from hil.sensor.stream import CHANNELS, RAIL, UNIT_PER_COUNT, Batch
from hil.strict_json import read_json

#: What the models are trained at; the loader resamples to it.
RATE_HZ: Final = 100
#: Shorter than one window of the pipeline: nothing to learn from.
MIN_SECONDS: Final = 0.5
MAX_PART_BYTES: Final = 64 * 2**20
#: As pipeline/data/csv.py allows them.
NAME: Final = re.compile(r"\w[\w .-]{0,39}")
DESCRIPTION: Final = "dataset.json"
#: How a set's `source` begins: what an emulated sensor gave is never mixed with a board's.
MADE: Final = "tinyhil capture: "
EMULATED: Final = MADE + "emulated, "


@dataclass(frozen=True)
class Recorded:
    """A finished recording. rate_hz: of the sensor. clipped: share of samples at the rail."""

    path: Path
    samples: int
    seconds: float
    rate_hz: float
    clipped: float


def open_dataset(folder: Path, what: str, *, emulated: bool) -> None:
    """Make the data set, or check that one which is there is of this kind.

    what: board and sensor. Raises InputError: of other units or another rate, emulated where this
    is real or real where this is emulated, or not to be written.
    """
    path = folder / DESCRIPTION
    fields = {"rate_hz": RATE_HZ, "accelerometer": "g", "gyroscope": "rad/s"}
    if not path.exists():
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"{clean(str(folder), 300)}: {error.strerror or error}") from None
        source = (EMULATED if emulated else MADE) + what
        write_file(path, json.dumps({**fields, "source": source}, indent=1) + "\n")
        return
    found = read_json(path)
    if not isinstance(found, dict):
        raise InputError(f"{clean(str(path), 300)}: not a data set's description")
    for key, value in fields.items():
        if found.get(key) != value:
            raise InputError(
                f"{clean(str(path), 300)}: {key} is {clean(str(found.get(key)), 40)}, "
                f"recordings are made with {value}; choose another --out"
            )
    kinds = ("real", "emulated")
    # Older sets name the board before it.
    is_emulated = re.match(rf"{MADE}(\w+, )?emulated, ", str(found.get("source", ""))) is not None
    if is_emulated != emulated:
        raise InputError(
            f"{clean(str(path), 300)}: a data set of {kinds[is_emulated]} sensors takes no "
            f"recordings of {kinds[emulated]} ones; choose another --out"
        )


def check_name(what: str, name: str) -> str:
    """Return a label's or subject's name. Raises InputError unless it can name a folder."""
    if not NAME.fullmatch(name):
        raise InputError(f"--{what} {clean(name)!r}: at most 40 letters, digits, - _ .")
    return name


class Recording:
    """A recording under way. Its files are DIR/LABEL/SUBJECT/STEM-NNN.csv."""

    def __init__(self, folder: Path, stem: str, nominal_hz: float) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._nominal_hz = nominal_hz
        self._part, self._file = _claim(folder, stem)
        self._file.write(f"{nominal_hz!r}\n")

    def add(self, batch: Batch) -> None:
        """Keep samples that follow those before without a gap; they are on disk at once."""
        rows = np.column_stack((batch.times, batch.values)).tolist()
        self._file.write("".join(",".join(map(str, row)) + "\n" for row in rows))
        self._file.flush()

    def finish(self) -> Recorded | None:
        """Write the recording; None: it was too short and is gone."""
        with self._file:  # locked until it is closed
            self._file.flush()
            return _finish(self._part)


def finish_interrupted(root: Path) -> list[Recorded]:
    """Finish what killed programs have left under a data set; what is too short goes.

    What another program is recording at this moment is left to it.
    """
    found = []
    for part in sorted(root.glob("*/*/.*.csv.part")):
        try:
            file = part.open("r+b")
        except FileNotFoundError:  # its program has finished it meanwhile
            continue
        with file:
            if _lock(file, part, fcntl.LOCK_EX | fcntl.LOCK_NB):
                recorded = _finish(part)
                found += [] if recorded is None else [recorded]
    return found


def _claim(folder: Path, stem: str) -> tuple[Path, IO[str]]:
    """Return a new part, locked, of a name that nobody has."""
    while True:
        part = _part_of(_free(folder, stem))
        try:
            file = part.open("x", encoding="ascii")
        except FileExistsError:  # another program was faster
            continue
        if _lock(file, part, fcntl.LOCK_EX):
            return part, file
        file.close()  # another program took it, still empty, for one that was left


def _lock(file: IO[Any], part: Path, how: int) -> bool:
    """Lock an open part; False: another program holds it, or has finished it before."""
    try:
        fcntl.flock(file, how)
        return os.path.samestat(os.fstat(file.fileno()), part.stat())
    except (BlockingIOError, FileNotFoundError):
        return False


def _free(folder: Path, stem: str) -> Path:
    number = 1
    while True:
        path = folder / f"{stem}-{number:03d}.csv"
        if not os.path.lexists(path) and not os.path.lexists(_part_of(path)):
            return path
        number += 1


def _part_of(path: Path) -> Path:
    return path.with_name(f".{path.name}.part")


def _path_of(part: Path) -> Path:
    return part.with_name(part.name.removeprefix(".").removesuffix(".part"))


def _finish(part: Path) -> Recorded | None:
    """Write the recording of a part whose lock is held, and remove the part."""
    path = _path_of(part)
    taken, values, nominal_hz = _read_part(part)
    times, rate = fit_times(taken, nominal_hz)
    seconds = len(values) / rate if len(values) else 0.0
    if seconds < MIN_SECONDS or times[-1] - times[0] < MIN_SECONDS:
        part.unlink()
        return None
    path = _write(path, _csv(times - times[0], values))
    part.unlink()
    clipped = float(np.mean(np.any(np.abs(values.astype(np.int32)) >= RAIL, axis=1)))
    return Recorded(path, len(values), seconds, rate, clipped)


def _write(path: Path, text: str) -> Path:
    """Write a recording, under the next free name where its own is taken; return where it is."""
    if not os.path.lexists(path):
        write_file(path, text)
        return path
    # Written already, by a program that was killed before it had removed the part?
    for there in sorted(path.parent.glob("*.csv")):
        if there.is_file() and there.stat().st_size == len(text) and there.read_text() == text:
            return there
    part, file = _claim(path.parent, path.stem.rpartition("-")[0] or path.stem)
    with file:
        free = _path_of(part)
        write_file(free, text)
        part.unlink()
    return free


def _read_part(part: Path) -> tuple[NDArray[np.int64], NDArray[np.int16], float]:
    """Return what is whole in a part: a program that was killed may have cut its last line."""
    *lines, _rest = read_file(part, MAX_PART_BYTES).decode("ascii", "replace").split("\n")
    rows: list[list[int]] = []
    nominal = float(RATE_HZ)
    for number, line in enumerate(lines):
        numbers = _numbers(line, 1 if number == 0 else 7)
        if numbers is None:
            break
        if number == 0:
            nominal = float(numbers[0])
        else:
            rows.append([int(v) for v in numbers])
    table = np.asarray(rows, np.int64).reshape(-1, 7)
    return table[:, 0], table[:, 1:].astype(np.int16), nominal


def _numbers(line: str, count: int) -> list[Any] | None:
    try:
        if count == 1:
            value = float(line)
            return [value] if math.isfinite(value) and value > 0 else None
        numbers = [int(v) for v in line.split(",")]
    except ValueError:
        return None
    good = len(numbers) == count and 0 <= numbers[0] < 2**53 and max(map(abs, numbers[1:])) <= 2**15
    return numbers if good else None


def _csv(times: NDArray[np.float64], values: NDArray[np.int16]) -> str:
    """Write real values in full: divided by the unit and rounded, they are the counts again."""
    real = values.astype(np.float64) * np.asarray(UNIT_PER_COUNT)
    lines = [",".join(("t", *CHANNELS))]
    for time, row in zip(times.tolist(), real.tolist(), strict=True):
        lines.append(f"{time:.6f}," + ",".join(map(repr, row)))
    return "\n".join(lines) + "\n"


def folder_of(root: Path, label: str, subject: str) -> Path:
    """Return where recordings of a label and a subject go."""
    return root / label / subject
