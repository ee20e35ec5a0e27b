"""Your own recordings: one CSV file per recording, named by its folders.

    DIR/dataset.json                      {"rate_hz": 104, "accelerometer": "g", "gyroscope": "dps"}
    DIR/LABEL/SUBJECT/anything.csv        ax,ay,az,wx,wy,wz
                                          0.012,-0.981,0.101,1.2,-0.4,3.1
                                          …

The header names the six channels, in any order, and nothing else but, where a recording has times
of its own, `t`: seconds, increasing. Such a recording is resampled to `rate_hz`, which is 10 to
1000; `accelerometer` is "g" or "m/s2", `gyroscope` is "rad/s" or "dps"; "source", "license" and
"notice" may be added and go with the windows wherever they go. Everything is checked, and an error
names the file and the line.
"""

from __future__ import annotations

import csv
import hashlib
import io
import math
import re
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from hil.errors import InputError, clean
from hil.files import read_file
from hil.sensor.resample import resample as resample_times
from hil.strict_json import from_json, read_json
from pipeline.data.recordings import (
    CHANNELS,
    INT16,
    RATE_HZ,
    UNIT_PER_COUNT,
    WINDOW,
    Recording,
    RecordingSet,
)

#: An hour at 200 Hz is 720,000 lines of about 50 characters; more is not one recording.
MAX_FILE_BYTES: Final = 64 * 2**20
MAX_TOTAL_BYTES: Final = 1024 * 2**20
MAX_FILES: Final = 10_000
MAX_NAME: Final = 40
NAME: Final = re.compile(r"\w[\w .-]{0,39}")
#: The column of a recording's own times.
TIME: Final = "t"
#: A recording with times may have this many times fewer samples than it is resampled to.
MAX_STRETCH: Final = 20
#: Standard gravity, m/s².
GRAVITY: Final = 9.80665
#: A larger share of samples beyond the sensor's range is a wrong unit, not a hard knock.
MAX_CLIPPED: Final = 0.01


@dataclass(frozen=True)
class Description:
    """dataset.json."""

    rate_hz: float
    accelerometer: Literal["g", "m/s2"]
    gyroscope: Literal["rad/s", "dps"]
    source: str = ""
    license: str = ""
    notice: str = ""

    def factors(self) -> NDArray[np.float64]:
        """Return what brings each channel to g and rad/s."""
        linear = 1 / GRAVITY if self.accelerometer == "m/s2" else 1.0
        angular = math.radians(1) if self.gyroscope == "dps" else 1.0
        return np.asarray([linear] * 3 + [angular] * 3)


def load_csv(folder: str) -> RecordingSet:
    """Return all recordings under `folder`. Raises InputError naming file, line and reason."""
    root = Path(folder)
    if not root.is_dir():
        raise InputError(f"--data {clean(folder)}: neither `watch` nor a folder of recordings")
    description = _description(root / "dataset.json")
    digest = hashlib.sha256(read_file(root / "dataset.json", MAX_FILE_BYTES))
    recordings: list[Recording] = []
    for path in tqdm(_files(root), desc="recordings", unit="file", disable=None):
        data = read_file(path, MAX_FILE_BYTES)
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + data)
        samples = _parse(path, data, description.rate_hz) * description.factors()
        _check_samples(path, samples, description.rate_hz)
        label, subject = path.parts[-3:-1]
        recordings.append(Recording(len(recordings), label, subject, -1, samples))
    return RecordingSet(
        tuple(recordings),
        description.rate_hz,
        description.source or f"CSV recordings in {clean(root.resolve().name, MAX_NAME)}",
        description.license,
        description.notice,
        digest.hexdigest(),
    )


def _refusal(path: Path, reason: str) -> InputError:
    return InputError(f"{clean(str(path), 300)}: {reason}")


def _description(path: Path) -> Description:
    if not path.is_file():
        raise _refusal(
            path,
            'missing; it says the rate and the units, e.g. {"rate_hz": 100, '
            '"accelerometer": "g", "gyroscope": "dps"}',
        )
    description = from_json(Description, read_json(path), path.name)
    if not 10 <= description.rate_hz <= 1000:
        raise _refusal(path, "rate_hz must be between 10 and 1000 Hz")
    return description


def _files(root: Path) -> list[Path]:
    found = sorted(root.glob("*/*/*.csv"))
    if not found:
        raise _refusal(root, "no recording; put them at DIR/LABEL/SUBJECT/NAME.csv")
    if len(found) > MAX_FILES or sum(p.stat().st_size for p in found) > MAX_TOTAL_BYTES:
        raise _refusal(root, f"more than {MAX_FILES} recordings or {MAX_TOTAL_BYTES} bytes")
    for path in found:
        if not all(NAME.fullmatch(part) for part in path.parts[-3:-1]):
            raise _refusal(path, "labels and subjects are at most 40 letters, digits, - _ .")
    return found


def _parse(path: Path, data: bytes, rate_hz: float) -> NDArray[np.float64]:
    """Return [n, 6] at `rate_hz` in the order of CHANNELS, in the file's units."""
    try:
        text = data.decode("utf-8-sig")
        rows = csv.reader(io.StringIO(text, newline=""), strict=True)
        header = [name.strip() for name in next(rows, [])]
        timed = header.count(TIME) == 1
        if sorted(set(header) - {TIME}) != sorted(CHANNELS) or len(header) != 6 + timed:
            raise _refusal(
                path,
                f"line 1: the columns must be {','.join(CHANNELS)}, "
                f"are {clean(','.join(header), 60) or 'none'}",
            )
        values = _numbers(path, rows, len(header))
    except (UnicodeDecodeError, csv.Error) as error:
        raise _refusal(path, f"not a CSV text: {clean(str(error))}") from None
    table = np.frombuffer(values, np.float64).reshape(-1, len(header))
    samples = table[:, [header.index(channel) for channel in CHANNELS]]
    return _regular(path, table[:, header.index(TIME)], samples, rate_hz) if timed else samples


def _regular(
    path: Path, times: NDArray[np.float64], samples: NDArray[np.float64], rate_hz: float
) -> NDArray[np.float64]:
    """Return the samples of a recording with times of its own at `rate_hz`."""
    back = np.flatnonzero(np.diff(times) <= 0)
    if len(back):
        raise _refusal(path, f"line {back[0] + 3}: {TIME} does not increase")
    if len(times) and (times[-1] - times[0]) * rate_hz > MAX_STRETCH * len(times):
        raise _refusal(path, f"{TIME} is not in seconds: a second would have too few samples")
    return resample_times(times, samples, rate_hz)


def _numbers(path: Path, rows: Iterator[list[str]], columns: int) -> array[float]:
    values = array("d")
    for line, row in enumerate(rows, start=2):
        if len(row) not in (0, columns):
            raise _refusal(path, f"line {line}: {len(row)} values, must be {columns}")
        try:
            numbers = [float(v) for v in row]
        except ValueError as error:
            raise _refusal(path, f"line {line}: {clean(str(error))}") from None
        if not all(map(math.isfinite, numbers)):
            raise _refusal(path, f"line {line}: a value is not finite (NaN or infinite)")
        values.extend(numbers)
    return values


def _check_samples(path: Path, samples: NDArray[np.float64], rate_hz: float) -> None:
    seconds, needed = len(samples) / rate_hz, WINDOW / RATE_HZ
    if seconds < needed:
        raise _refusal(
            path,
            f"{len(samples)} samples at {rate_hz:g} Hz are {seconds:.2f} s, "
            f"too short for one window of {needed:g} s",
        )
    rail = np.asarray(UNIT_PER_COUNT) * INT16.max
    clipped = np.mean(np.abs(samples) > rail, axis=0)
    worst = int(np.argmax(clipped))
    if clipped[worst] > MAX_CLIPPED:
        raise _refusal(
            path,
            f"{clipped[worst]:.0%} of {CHANNELS[worst]} is beyond the sensor's "
            "±8 g or ±2000 dps: are the units in dataset.json right?",
        )
