"""The `--data` and `--classes` options: which recordings, which labels."""

from __future__ import annotations

from hil.errors import InputError
from pipeline.data import csv, watch
from pipeline.data.recordings import RecordingSet


def load(spec: str) -> RecordingSet:
    """Return the recordings that `spec` names: `watch`, `csv:DIR` or `DIR`. Raises InputError."""
    return watch.load_watch() if spec == "watch" else csv.load_csv(spec.removeprefix("csv:"))


def choose_classes(spec: str, wanted: str | None, data: RecordingSet) -> tuple[str, ...]:
    """Return the labels to train on: at least two, none twice. Raises InputError."""
    if wanted is None:
        return watch.DEFAULT_CLASSES if spec == "watch" else data.labels()
    if wanted == "all":
        return watch.ALL_CLASSES if spec == "watch" else data.labels()
    names = tuple(name.strip() for name in wanted.split(","))
    if len(names) < 2 or len(set(names)) < len(names):
        raise InputError("--classes: at least two labels, none twice, e.g. --classes PEN,FEL,ROW")
    return names
