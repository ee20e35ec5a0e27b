"""The float model on the folder's validation windows: where the chain begins.

Recordings that the model has not learnt from, made as the training recordings were. What it loses
from them to the windows under test is lost before any compression or arithmetic. `tinyhil train`
takes the validation subjects' (pipeline/data/split.py), of whom training saw nothing but the loss
that chose its epoch. Other recordings of the training subjects themselves would tell a new person
from a new recording, too; but data with one recording a person, movement and arm, as the watch's,
has none to spare.
"""

from __future__ import annotations

from dataclasses import replace

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
    path = folder.validation
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
    column = scored("validation", model.runtime, "float", None, False, graph, outputs)
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
