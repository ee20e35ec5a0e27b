"""`tinyhil vectors`: CSV recordings as windows that `tinyhil run --vectors` streams for a model."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from hil.errors import InputError, clean
from hil.model_folder import load_model_folder
from hil.vectors import Vectors, save_vectors
from pipeline.data import csv
from pipeline.data.load import load
from pipeline.data.recordings import RecordingSet, cut


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = csv.__doc__
    parser.add_argument("--data", required=True, help="a folder of recordings (below), or watch")
    parser.add_argument("--model", required=True, type=Path, help="whose classes the labels are")
    parser.add_argument("--out", required=True, type=Path, help="FILE.npz; FILE.json goes beside")


def execute(args: argparse.Namespace) -> int:
    """Write the vectors; say what they hold."""
    if args.out.suffix != ".npz":
        raise InputError(f"--out {clean(str(args.out), 300)}: must end in .npz")
    classes = load_model_folder(args.model).manifest.classes
    data = load(args.data)
    vectors = for_model(data, classes)
    try:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        save_vectors(args.out, vectors)
    except OSError as error:
        raise InputError(f"{clean(str(args.out), 300)}: {error.strerror or error}") from None
    for label in sorted(set(data.labels()) - set(classes)):
        print(f"left out: {clean(label)}, which is no class of the model", file=sys.stderr)
    counts = {c: int(np.sum(vectors.label == i)) for i, c in enumerate(classes)}
    if args.json:
        print(json.dumps({"out": str(args.out), "windows": counts}))
    else:
        each = ", ".join(f"{clean(c)} {n}" for c, n in counts.items())
        print(f"{clean(str(args.out), 300)}: {len(vectors)} windows ({each})")
    return 0


def for_model(data: RecordingSet, classes: tuple[str, ...]) -> Vectors:
    """Return the windows of the recordings labelled with a model's classes, numbered as its own.

    Not every class needs a recording. Raises InputError where none has one.
    """
    there = tuple(c for c in classes if c in data.labels())
    if not there:
        raise InputError(
            f"no recording is labelled with a class of the model ({', '.join(classes) or 'none'}); "
            f"the data has {', '.join(data.labels())}"
        )
    vectors = cut(data, there)
    numbers = np.asarray([classes.index(c) for c in there], np.int16)
    manifest = replace(vectors.manifest, classes=classes)
    return replace(vectors, manifest=manifest, label=numbers[vectors.label])
