"""Faults in a model folder's files: training, pruning and quantization gone wrong.

The changed folder is whole: layer pairs, C and hashes fit its files, as if it had been made so.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hil.errors import InputError
from hil.model_folder import ModelManifest, load_model_folder, save_manifest
from hil.strict_json import from_json, read_json
from hil.vectors import load_vectors
from pipeline.ir import Graph, Op
from pipeline.model_folder import complete, hashes
from pipeline.plant.graph import layer
from pipeline.plant.rewriting import (
    BIAS,
    WEIGHTS,
    Ranges,
    Rewriting,
    constant,
    quantize_again,
    range_of,
    weighted,
)
from pipeline.preprocess import Preprocessing

SEED: Final = 20


def change_folder(source: Path, out: Path, how: str, place: str, amount: float) -> None:
    """Copy a model folder with one fault in it. Raises InputError for an unknown one."""
    if how not in CHANGES:
        raise InputError(f"no change {how!r} of a model folder")
    shutil.copytree(source, out)
    CHANGES[how](out, place, amount)
    manifest = load_model_folder(source).manifest
    save_manifest(out, replace(manifest, files=hashes(out)))
    complete(out)


def _graph(folder: Path) -> Graph:
    return Rewriting((folder / "int8.tflite").read_bytes(), "int8").graph


def _again(folder: Path, ranges: Ranges, bits: dict[str, int] | None = None) -> None:
    path = folder / "int8.tflite"
    floats = (folder / "pruned.tflite").read_bytes()
    path.write_bytes(quantize_again(path.read_bytes(), floats, ranges, bits))


def scale_range(folder: Path, place: str, amount: float) -> None:
    """Calibrate one layer's output to `amount` times its range."""
    graph = _graph(folder)
    target = graph.output_of(layer(graph, place))
    low, high = range_of(target)
    _again(folder, {target.index: (low * amount, high * amount)})


def input_range(folder: Path, place: str, amount: float) -> None:
    """Calibrate the model's input on values from −`amount` to `amount`, in standard deviations."""
    (index,) = _graph(folder).inputs
    _again(folder, {index: (-amount, amount)})


def calibrate_on(folder: Path, place: str, amount: float) -> None:
    """Calibrate every layer on `amount` windows, all of the first one's class."""
    vectors = load_vectors(folder / "training.npz")
    first = np.flatnonzero(vectors.label == vectors.label[0])[: int(amount)]
    _again(folder, _ranges(folder, vectors.raw[first]))


def _ranges(folder: Path, raw: NDArray[np.int16]) -> Ranges:
    """Return the range of each layer's output in the float model over some windows."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    # The folder's files are being changed, so their hashes are not those of its manifest.
    raw_manifest = read_json(folder / "manifest.json")
    manifest = from_json(ModelManifest, raw_manifest, "manifest.json")
    constants = manifest.preprocessing
    if constants is None:
        raise InputError(f"{folder}: has no preprocessing")
    model = Interpreter(
        model_path=str(folder / "pruned.tflite"),
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        experimental_preserve_all_tensors=True,
    )
    model.allocate_tensors()
    place = model.get_input_details()[0]
    found: Ranges = {}
    for window in Preprocessing(constants.mean, constants.std).normalise(raw):
        model.set_tensor(place["index"], window.reshape(place["shape"]))
        model.invoke()
        for pair in manifest.layers:
            if pair.float_tensor is None:
                continue
            values = model.get_tensor(pair.float_tensor)
            low, high = found.get(pair.int8_tensor, (0.0, 0.0))
            found[pair.int8_tensor] = (
                min(low, float(values.min())),
                max(high, float(values.max())),
            )
    return found


def coarse_weights(folder: Path, place: str, amount: float) -> None:
    """Quantize one layer's weights to `amount` bits."""
    _again(folder, {}, {place: int(amount)})


def outlier_channel(folder: Path, place: str, amount: float) -> None:
    """Make one channel of a layer's output `amount` times as large, and undo it in the next layer:
    the float model computes the same, and one scale must now hold both.
    """
    path = folder / "pruned.tflite"
    made = Rewriting(path.read_bytes(), "pruned")
    op = layer(made.graph, place)
    following = weighted(made.graph)
    after = following[[o.index for o in following].index(op.index) + 1]
    for index in op.inputs[WEIGHTS : BIAS + 1]:
        data = constant(made.graph.tensors[index])
        data[0] *= amount
        _put(made, index, data)
    data = constant(made.graph.need(after, WEIGHTS))
    data[..., 0] /= amount
    _put(made, after.inputs[WEIGHTS], data)
    path.write_bytes(made.result())
    _recalibrated(folder)


def _put(made: Rewriting, index: int, data: NDArray[np.float64]) -> None:
    old = made.graph.tensors[index].data
    assert old is not None
    made.put(old, data)


def prune_further(folder: Path, place: str, amount: float) -> None:
    """Set all but the largest 1 − `amount` of the weights to zero, layer by layer."""
    path = folder / "pruned.tflite"
    made = Rewriting(path.read_bytes(), "pruned")
    for op in weighted(made.graph):
        data = constant(made.graph.need(op, WEIGHTS))
        data[np.abs(data) < np.quantile(np.abs(data), amount)] = 0.0
        _put(made, op.inputs[WEIGHTS], data)
    path.write_bytes(made.result())
    _recalibrated(folder)


def prune_filters(folder: Path, place: str, amount: float) -> None:
    """Set a share `amount` of a layer's output channels to zero: those of the largest weights."""
    path = folder / "pruned.tflite"
    made = Rewriting(path.read_bytes(), "pruned")
    op = layer(made.graph, place)
    weights = constant(made.graph.need(op, WEIGHTS))
    sizes = np.abs(weights).reshape(len(weights), -1).sum(axis=1)
    cut = np.argsort(sizes)[-max(1, round(amount * len(sizes))) :]
    for index in op.inputs[WEIGHTS : BIAS + 1]:
        data = constant(made.graph.tensors[index])
        data[cut] = 0.0
        _put(made, index, data)
    path.write_bytes(made.result())
    _recalibrated(folder)


def weaken(folder: Path, place: str, amount: float) -> None:
    """Put weights of a share `amount` of the rows of every layer in a random order: a training that
    was stopped, or never worked.
    """
    for name in ("float.tflite", "pruned.tflite"):
        random = np.random.default_rng(SEED)
        path = folder / name
        made = Rewriting(path.read_bytes(), name)
        for op in weighted(made.graph):
            data = constant(made.graph.need(op, WEIGHTS))
            rows = max(1, round(amount * len(data)))
            data[:rows] = random.permuted(data[:rows].reshape(-1)).reshape(data[:rows].shape)
            _put(made, op.inputs[WEIGHTS], data)
        path.write_bytes(made.result())
    _recalibrated(folder)


def favour_class(folder: Path, place: str, amount: float) -> None:
    """Add `amount` to the last layer's bias of the first class, in every model."""
    for name in ("float.tflite", "pruned.tflite"):
        path = folder / name
        made = Rewriting(path.read_bytes(), name)
        op: Op = weighted(made.graph)[-1]
        data = constant(made.graph.need(op, BIAS))
        data[0] += amount
        _put(made, op.inputs[BIAS], data)
        path.write_bytes(made.result())
    _recalibrated(folder)


def _recalibrated(folder: Path) -> None:
    """Quantize anew from the float weights as they are now, as training does."""
    _again(folder, _ranges(folder, load_vectors(folder / "training.npz").raw[:200]))


CHANGES: Final[dict[str, Callable[[Path, str, float], None]]] = {
    "scale-range": scale_range,
    "input-range": input_range,
    "calibrate-on": calibrate_on,
    "coarse-weights": coarse_weights,
    "outlier-channel": outlier_channel,
    "prune-further": prune_further,
    "prune-filters": prune_filters,
    "weaken": weaken,
    "favour-class": favour_class,
}
