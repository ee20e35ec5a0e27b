"""The float model on the folder's validation windows: where the chain begins.

Recordings that the model has not learnt from, made as the training recordings were. What it loses
from them to the windows under test is lost before any compression or arithmetic. `tinyhil train`
takes the validation subjects' (pipeline/data/split.py), of whom training saw nothing but the loss
that chose its epoch.

Other recordings of the training subjects themselves tell a new person from a new recording: they
stand before the validation where the folder has some (`tinyhil train --hold-out`). They are not
held out unasked. Where data has one recording a person, movement and arm, as the watch's, all that
can be is the end of each recording: it costs training what it takes, and is no new recording, since
strap, place and day are the training's.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from hil.errors import InputError
from hil.model_folder import ModelFolder
from hil.record import Validation, Windows
from hil.reference.columns import FLOAT_KERNELS, scored
from hil.reference.inputs import Inputs
from hil.reference.pipeline_parts import read_float_model
from hil.reference.runtimes import LiteRt
from hil.vectors import Vectors, load_vectors


def run_validation(folder: ModelFolder, inputs: Inputs) -> Validation | None:
    """Return the first float stage's answers; None without one, or without validation windows.

    Raises InputError where the windows are not of the kind of those under test.
    """
    return _answers("validation", folder.validation, folder, inputs)


def run_held_out(folder: ModelFolder, inputs: Inputs) -> Validation | None:
    """Return the same of other recordings of the training people. Raises InputError."""
    return _answers("held-out", folder.held_out, folder, inputs)


def _answers(
    name: str, path: Path | None, folder: ModelFolder, inputs: Inputs
) -> Validation | None:
    first = next(iter(folder.manifest.stages.items()), None)
    if path is None or first is None:
        return None
    vectors = load_vectors(path)
    if vectors.raw.shape[1:] != inputs.vectors.raw.shape[1:] or (
        vectors.manifest.classes != inputs.vectors.manifest.classes
    ):
        raise InputError(f"{path}: its windows or classes are not those of the windows under test")
    stage, file = first
    graph = read_float_model(folder.path / file)
    model = LiteRt(folder.path / file, *FLOAT_KERNELS)
    held_out = replace(inputs, vectors=vectors)
    outputs = [model.run(w).copy() for w in held_out.for_float(graph)]
    column = scored(name, model.runtime, "float", None, False, graph, outputs)
    return Validation(known(vectors), column, stage)


def known(vectors: Vectors) -> Windows:
    """Return what a record keeps of each window."""
    subjects = vectors.manifest.subjects
    return Windows(
        classes=vectors.manifest.classes,
        label=tuple(vectors.label.tolist()),
        subject=tuple(subjects[s] for s in vectors.subject),
        recording=tuple(vectors.recording.tolist()),
    )
