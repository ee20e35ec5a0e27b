"""The windows of a run, checked against the model they are meant for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hil.errors import InputError, clean
from hil.model_folder import ModelFolder, PreprocessingConstants
from hil.reference.pipeline_parts import Graph, preprocessing
from hil.vectors import Vectors, load_vectors

#: Streamed when --limit is not given: a minute at 115,200 baud, and enough for ±5 points.
DEFAULT_LIMIT: Final = 300


#: Of a preprocessing constant, in counts.
LARGEST_CONSTANT: Final = 1e9


@dataclass(frozen=True)
class Inputs:
    """The chosen windows and the constants that make model inputs of them.

    on_device: whether the model came with preprocessing, so that the device can take raw samples.
    """

    vectors: Vectors
    constants: PreprocessingConstants
    on_device: bool

    def __len__(self) -> int:
        return len(self.vectors)

    def for_float(self, graph: Graph) -> NDArray[np.float32]:
        """Return the windows as a float model takes them, one row each, in its input shape."""
        made = preprocessing(self.constants.mean, self.constants.std)
        shape = graph.tensors[graph.inputs[0]].shape
        return made.normalise(self.vectors.raw).reshape(len(self), *shape)

    def for_int8(self, graph: Graph) -> NDArray[np.int8]:
        """Return the windows as an int8 model takes them, one row each, in its input shape."""
        made = preprocessing(self.constants.mean, self.constants.std)
        tensor = graph.tensors[graph.inputs[0]]
        codes = made.quantize(self.vectors.raw, float(tensor.scale), int(tensor.zero_point))
        return codes.reshape(len(self), *tensor.shape)

    def raw_bytes(self) -> list[bytes]:
        """Return each window as the device's preprocessing takes it: int16, little endian."""
        return [window.astype("<i2").tobytes() for window in self.vectors.raw]


def load_inputs(folder: ModelFolder, path: Path | None, limit: int | None) -> Inputs:
    """Read the vectors (by default the folder's own) and choose the windows to stream.

    Raises InputError when they do not fit the model: classes, channels, no windows, bad constants.
    """
    source = path or folder.vectors
    if source is None:
        raise InputError(f"{folder.path}: has no vectors.npz; give some: --vectors FILE.npz")
    if source.suffix != ".npz":
        raise InputError(f"{source}: must be the .npz of a set of vectors")
    vectors = load_vectors(source)
    _check_fit(source, vectors, folder)
    constants = folder.manifest.preprocessing or _physical_units(vectors)
    _check_constants(folder, constants, vectors.raw.shape[2])
    chosen = vectors.take(_spread(len(vectors), limit))
    return Inputs(chosen, constants, folder.manifest.preprocessing is not None)


def _spread(total: int, limit: int | None) -> NDArray[np.intp]:
    """Return which windows to take: evenly spread, as sets are often sorted by class or person."""
    if limit is not None and limit < 1:
        raise InputError(f"--limit {limit}: must be at least 1")
    count = min(total, limit or DEFAULT_LIMIT)
    return np.arange(count) * total // count


def _check_fit(source: Path, vectors: Vectors, folder: ModelFolder) -> None:
    for what in ("classes", "channels"):
        ours, models = getattr(vectors.manifest, what), getattr(folder.manifest, what)
        # Imported without vectors, a model names neither: `check_shapes` then counts them.
        if models and ours != models:
            raise InputError(
                f"{source}: its {what} ({_names(ours)}) are not the model's ({_names(models)}); "
                "choose vectors made for this model"
            )


def _names(names: tuple[str, ...]) -> str:
    return clean(", ".join(names), 80)


def _physical_units(vectors: Vectors) -> PreprocessingConstants:
    """A model without constants is taken to want physical units: count × unit per count."""
    units = vectors.manifest.unit_per_count
    return PreprocessingConstants(tuple(0.0 for _ in units), tuple(1 / u for u in units))


def _check_constants(folder: ModelFolder, constants: PreprocessingConstants, channels: int) -> None:
    if not len(constants.mean) == len(constants.std) == channels:
        raise InputError(f"{folder.path}: preprocessing is not for {channels} channels")
    # Counts have 16 bits; what is far beyond them becomes infinite in float32.
    if not all(abs(m) < LARGEST_CONSTANT for m in constants.mean) or not all(
        1 / LARGEST_CONSTANT < s < LARGEST_CONSTANT for s in constants.std
    ):
        raise InputError(
            f"{folder.path}: preprocessing must be in counts, below {LARGEST_CONSTANT:g}, and std "
            f"positive"
        )


def check_shapes(path: Path, graph: Graph, inputs: Inputs) -> None:
    """Raise InputError unless the model takes such a window and answers one number a class."""
    if len(graph.inputs) != 1 or len(graph.outputs) != 1:
        raise InputError(f"{path}: must have one input and one output")
    tensor, output = graph.tensors[graph.inputs[0]], graph.tensors[graph.outputs[0]]
    window = inputs.vectors.raw[0]
    if tensor.elements != window.size:
        raise InputError(
            f"{path}: takes {tensor.elements} values ({_shape(tensor.shape)}), but a window has "
            f"{window.size} ({_shape(window.shape)}); choose vectors made for this model"
        )
    classes = len(inputs.vectors.manifest.classes)
    if output.elements != classes:
        raise InputError(f"{path}: answers {output.elements} values for {classes} classes")


def _shape(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape))
