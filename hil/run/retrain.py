"""The remedy that takes training: `--retrain` trains quantization-aware and measures what it gains.

The result is a side branch, `retrained`, on the windows under test and compared with `int8` there:
not what the device runs. Only a run can try it. A record holds no model and no training windows,
so that `tinyhil diagnose` tells what was tried and tries nothing.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Final

from hil.errors import InputError, clean
from hil.files import write_bytes
from hil.model_folder import ModelFolder
from hil.record import Column
from hil.reference.columns import Reference, scored
from hil.reference.inputs import Inputs, check_shapes
from hil.reference.pipeline_parts import read_int8_model, retrain
from hil.reference.runtimes import definition

#: The column's name.
RETRAINED: Final = "retrained"


def check_retrainable(folder: ModelFolder) -> None:
    """Raise InputError, before anything long, where the folder lacks what training takes."""
    manifest, name = folder.manifest, clean(str(folder.path), 300)
    wanted = {
        "a float model to begin with (tinyhil import --float)": manifest.float_file,
        "its training windows (tinyhil import --training)": "training.npz" in manifest.files,
        "held-out windows to choose by (tinyhil import --validation)": folder.validation,
    }
    for what, there in wanted.items():
        if not there:
            raise InputError(f"{name}: --retrain needs {what}, and the folder has none")


def add_retrained(
    reference: Reference, folder: ModelFolder, inputs: Inputs, out: Path | None
) -> None:
    """Train, and add what the int8 model of it answers. out: where the model is written, too.

    Raises InputError for a folder that it cannot be done for, ToolError without tensorflow.
    """
    made = retrain(folder, inputs.constants)
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / f"{RETRAINED}.tflite"
        path.write_bytes(made.content)
        reference.columns.append(_column(path, inputs))
    reference.notes.append(
        f"{RETRAINED}: quantization-aware training from this float model ({made.how}), "
        f"{made.epochs} epochs on the folder's {made.windows:,} training windows"
    )
    if out is not None:
        write_bytes(out, made.content)


def _column(path: Path, inputs: Inputs) -> Column:
    graph = read_int8_model(path)
    check_shapes(path, graph, inputs)
    model = definition(path, graph)
    outputs = [model.run(window).copy() for window in inputs.for_int8(graph)]
    return scored(RETRAINED, model.runtime, "int8", "int8", True, graph, outputs)
