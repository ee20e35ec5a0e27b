"""Made-up recordings for tests: each label turns at its own speed about its own axis."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.data.recordings import CHANNELS, Recording, RecordingSet


def motion(label: int, subject: int, samples: int, rate_hz: float = 100.0) -> NDArray[np.float64]:
    """Return [n, 6] in g and rad/s."""
    time = np.arange(samples) / rate_hz + subject
    angle = (1 + label) * time
    gravity = np.stack([np.sin(angle), np.cos(angle), 0.1 * np.sin(3 * angle)], axis=1)
    turn = np.roll(np.stack([1 + label + 0 * time, np.sin(time), np.cos(time)], axis=1), label, 1)
    return np.concatenate([gravity, turn], axis=1)


def recording_set(
    labels: tuple[str, ...] = ("A", "B"), subjects: int = 4, samples: int = 400, rate: float = 100.0
) -> RecordingSet:
    recordings = [
        Recording(
            number=s * len(labels) + i,
            label=label,
            subject=f"{s + 1}",
            side=s % 2,
            samples=motion(i, s, samples, rate),
        )
        for s in range(subjects)
        for i, label in enumerate(labels)
    ]
    return RecordingSet(tuple(recordings), rate, "made up", "CC0", "none", "0" * 64)


def write_csv(path: Path, samples: NDArray[np.float64], header: str = ",".join(CHANNELS)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [",".join(f"{v:.6f}" for v in row) for row in samples]
    path.write_text("\n".join([header, *rows]) + "\n")


def csv_folder(root: Path, samples: int = 400, rate: float = 100.0) -> Path:
    """Write two labels × four subjects below `root` and return it."""
    for s in range(4):
        for i, label in enumerate(("lift", "swing")):
            write_csv(root / label / f"p{s}" / "take-1.csv", motion(i, s, samples, rate))
    describe(root, rate_hz=rate, license="CC0", notice="Do as you like.")
    return root


def describe(root: Path, **fields: object) -> None:
    content = {"rate_hz": 100, "accelerometer": "g", "gyroscope": "rad/s", **fields}
    (root / "dataset.json").write_text(json.dumps(content))
