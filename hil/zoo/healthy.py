"""Runs in which nothing is wrong: other models, other recordings of the people they learnt from.

An alarm here is a false one. Models are trained once and kept (pipeline/train/healthy.py); each
run draws recordings anew from those that its model has not seen. Runs of one model share
recordings, so that their number says less than as many models would.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from itertools import product
from pathlib import Path
from typing import Final

import numpy as np
from tqdm import tqdm

from hil.board import PROJECT_DIR
from hil.errors import InputError
from hil.vectors import Vectors, load_vectors

FOLDER: Final = PROJECT_DIR / "build" / "zoo" / "models"
#: Movements that can be told apart: pendulum, forward elevation, row, rotations, trapezius.
CLASSES: Final = {"three": ("PEN", "FEL", "ROW"), "four": ("PEN", "FEL", "IR", "TRAP")}
SEEDS: Final = (11, 12)
#: Name of a model → architecture, classes and seed.
MODELS: Final = {
    f"{arch}-{name}-{seed}": (arch, CLASSES[name], seed)
    for seed, name, arch in product(SEEDS, CLASSES, ("cnn", "lstm", "dense"))
}
#: Share of the recordings in a run, and its windows.
DRAWN: Final = 2 / 3
WINDOWS: Final = 300


def train_missing(names: Sequence[str], quiet: bool) -> None:
    """Train the models that are not there yet. Raises ToolError without tensorflow."""
    for name in tqdm(names, desc="models", unit="model", disable=True if quiet else None):
        arch, classes, seed = MODELS[name]
        try:
            import_module("pipeline.train.healthy").make(FOLDER / name, arch, classes, seed)
        except ModuleNotFoundError as error:
            raise InputError(
                f"--clean trains models, which needs {error.name}: pip install -e '.[train]'"
            ) from None


def draw(folder: Path, number: int) -> Vectors:
    """Return the windows of a model's run `number`: of recordings drawn at random."""
    vectors, random = load_vectors(folder / "vectors.npz"), np.random.default_rng(number)
    recordings = np.unique(vectors.recording)
    chosen = random.choice(recordings, max(2, round(DRAWN * len(recordings))), replace=False)
    index = np.flatnonzero(np.isin(vectors.recording, chosen))
    return vectors.take(np.sort(random.permutation(index)[:WINDOWS]))
