"""The `--data` and `--classes` options: which recordings, which labels."""

from __future__ import annotations

from hil.errors import InputError, clean
from pipeline.data import csv, watch
from pipeline.data.recordings import RecordingSet


def load(spec: str) -> RecordingSet:
    """Return the recordings that `spec` names: `watch`, `csv:DIR` or `DIR`. Raises InputError."""
    return watch.load_watch() if spec == "watch" else csv.load_csv(spec.removeprefix("csv:"))


def choose_classes(spec: str, wanted: str | None, data: RecordingSet) -> tuple[str, ...]:
    """Return the labels to train on: at least two, none twice. Raises InputError."""
    every = watch.ALL_CLASSES if spec == "watch" else data.labels()
    default = watch.DEFAULT_CLASSES if spec == "watch" else every
    if wanted is None:
        names: tuple[str, ...] = default
    else:
        names = every if wanted == "all" else tuple(n.strip() for n in wanted.split(","))
    if len(names) < 2 or len(set(names)) < len(names):
        raise InputError(
            f"classes {clean(','.join(names))}: there must be two or more, none twice; "
            "choose them with --classes A,B,…"
        )
    return names
