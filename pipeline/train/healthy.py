"""Models that nothing is wrong with, trained in seconds: the fault zoo's runs without a fault.

Of the recordings that come with `seglearn`, half are trained on, a quarter validates, a quarter is
tested on: all of the same people, one recording never in two parts. Not pruned, few epochs: what is
asked of them is an honest run, not the best accuracy.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hil.vectors import Vectors
from pipeline.data.load import load
from pipeline.data.recordings import cut
from pipeline.data.split import Split, interleave
from pipeline.model_folder import Draft, complete, write_folder

#: Passes over the augmented windows: the loss has settled by then.
EPOCHS: Final = {"cnn": 3, "lstm": 4, "dense": 5}
#: Part of a recording, by its turn among four.
PARTS: Final = ("test", "validation", "train", "train")
#: Calibration and shift tests take so many training windows.
KEPT: Final = 1000


def make(out: Path, arch: str, classes: tuple[str, ...], seed: int) -> None:
    """Write the model folder `out`; what is derived from the weights is only brought up to date
    where it is there already. Raises InputError or ToolError.
    """
    if (out / "manifest.json").is_file():
        complete(out)
        return
    split = split_by_recording(cut(load("watch"), classes), seed)
    models, preprocessing = _trained(arch, split, seed)
    write_folder(
        out,
        Draft(
            name=f"healthy-{arch}-{seed}",
            arch=arch,
            classes=classes,
            channels=split.test.manifest.channels,
            models=models,
            float_file="float.tflite",
            stages={"float": "float.tflite"},
            variants={},
            preprocessing=preprocessing,
            vectors=split.test,
            training=split.train.take(slice(KEPT)),
            validation=split.validation.take(slice(KEPT)),
            compression=(),
            keras_accuracy={},
            command="tinyhil zoo --clean",
            seed=seed,
            versions={},
        ),
    )


def split_by_recording(windows: Vectors, seed: int) -> Split:
    """Return three sets of recordings of the same people; every class and arm is in each."""
    turn = (windows.subject + windows.label + windows.side + seed) % len(PARTS)
    part = np.array(PARTS)[turn]
    return Split(*(_part(windows, part == name, name) for name in ("train", "validation", "test")))


def _part(windows: Vectors, use: NDArray[np.bool_], name: str) -> Vectors:
    chosen = windows.take(np.flatnonzero(use))
    mixed = chosen.take(interleave(chosen))
    return replace(mixed, manifest=replace(windows.manifest, split=name))


def _trained(arch: str, split: Split, seed: int) -> tuple[dict[str, bytes], Any]:
    from pipeline.train import build, convert, fit
    from pipeline.train.runtime import seed_everything

    seed_everything(seed)
    preprocessing = build.fit_preprocessing(split.train)
    model = fit.train(build.task_of(arch, split, preprocessing, seed, EPOCHS[arch]))
    some = preprocessing.normalise(split.train.raw[: build.REPRESENTATIVE])
    models = {"float.tflite": convert.to_float(model), "int8.tflite": convert.to_int8(model, some)}
    return models, build.constants(preprocessing)
