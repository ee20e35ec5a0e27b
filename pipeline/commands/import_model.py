"""`tinyhil import`: a model folder of someone's own .tflite files.

The int8 model is verified before anything is written. Vectors are optional; without them, or
without a float model, what a run will then not be able to say is printed.
"""

from __future__ import annotations

import argparse
import gzip
import json
import shlex
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hil import __version__
from hil.errors import InputError, clean
from hil.files import read_file
from hil.model_folder import CompressionRow, PreprocessingConstants, load_model_folder
from hil.strict_json import from_json, read_json, to_json
from hil.vectors import Vectors, load_vectors
from pipeline.ir import Graph, identifier
from pipeline.model_folder import Draft, check_target, write_folder
from pipeline.tflite import MAX_FILE_BYTES, parse_tflite
from pipeline.twin import doubts
from pipeline.verify import require_int8_ends, verify

#: What is not there → what a run cannot say without it.
MISSING = {
    "vectors": "no vectors: no accuracy and no windows to stream (--vectors V.npz)",
    "float": "no float model: no loss from float to int8, no error per layer (--float F.tflite)",
    "preprocessing": "no preprocessing: the device takes int8 input only, and raw counts are taken "
    "as the vectors' physical units (--preprocessing P.json)",
    "training": "no training windows: whether the vectors are like them is not told (--training "
    "T.npz)",
    "validation": "no held-out windows: what other recordings cost is not told (--validation "
    "H.npz)",
}


@dataclass(frozen=True)
class Inputs:
    """The files as read and checked."""

    int8: bytes
    graph: Graph
    reference: bytes | None
    vectors: Vectors | None
    preprocessing: PreprocessingConstants | None
    training: Vectors | None
    validation: Vectors | None
    doubts: tuple[str, ...]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument(
        "--int8",
        type=Path,
        required=True,
        metavar="M.tflite",
        help="the quantized model to run, int8 in and out",
    )
    parser.add_argument(
        "--float",
        type=Path,
        dest="reference",
        metavar="F.tflite",
        help="the float model it was quantized from (another network is refused)",
    )
    parser.add_argument(
        "--vectors",
        type=Path,
        metavar="V.npz",
        help="labelled windows to test with, V.json beside (tinyhil vectors makes both)",
    )
    parser.add_argument(
        "--training",
        type=Path,
        metavar="T.npz",
        help="windows that the model was trained on: to tell a data shift",
    )
    parser.add_argument(
        "--validation",
        type=Path,
        metavar="H.npz",
        help="labelled windows that it was not trained on, recorded as the training's were: what "
        "accuracy on the vectors is compared with",
    )
    parser.add_argument(
        "--preprocessing",
        type=Path,
        metavar="P.json",
        help='JSON {"mean": […], "std": […]}, per channel in counts: (x − mean) / std goes in',
    )
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="the model folder to write"
    )


def execute(args: argparse.Namespace) -> int:
    """Write the folder; print what it can and cannot do."""
    check_target(args.out)
    inputs = _read(args)
    write_folder(args.out, _draft(args, inputs))
    layers = load_model_folder(args.out).manifest.layers
    given = {
        "vectors": inputs.vectors, "float": inputs.reference, "preprocessing": inputs.preprocessing,
        "training": inputs.training, "validation": inputs.validation,
    }  # fmt: skip
    missing = [reason for what, reason in MISSING.items() if given[what] is None]
    if args.json:
        report = {
            "out": str(args.out), "layers": to_json(layers), "missing": missing,
            "doubts": inputs.doubts,
        }  # fmt: skip
        print(json.dumps(report, indent=1))
        return 0
    paired = sum(layer.float_tensor is not None for layer in layers)
    print(f"{clean(str(args.out))}: {len(layers)} layers, {paired} with a float reference")
    for reason in [*_doubtful(args.reference, inputs.doubts), *missing]:
        print(f"  {reason}")
    return 0


def _doubtful(path: Path, found: tuple[str, ...]) -> list[str]:
    """Return at most one line, on the first doubt."""
    if not found:
        return []
    more = f" (and {len(found) - 1} more of its layers)" if len(found) > 1 else ""
    return [
        f"{clean(path.name)} may not be what was quantized: {clean(found[0], 300)}{more}. What "
        "pruning or training did since then counts as quantization's"
    ]


def _read(args: argparse.Namespace) -> Inputs:
    int8 = read_file(args.int8, MAX_FILE_BYTES)
    graph = parse_tflite(int8, str(args.int8))
    verify(graph, str(args.int8))
    require_int8_ends(graph, str(args.int8))
    reference = read_file(args.reference, MAX_FILE_BYTES) if args.reference else None
    unsure: tuple[str, ...] = ()
    if reference is not None:
        twin = parse_tflite(reference, str(args.reference))
        _check_reference(graph, twin, args.reference)
        unsure = _check_twin(graph, twin, args.reference)
    vectors, training, validation = (
        _vectors(graph, path) for path in (args.vectors, args.training, args.validation)
    )
    for path, others in ((args.training, training), (args.validation, validation)):
        if others and vectors and others.manifest.classes != vectors.manifest.classes:
            raise InputError(f"{path}: its classes are not those of {args.vectors}")
    constants = _preprocessing(args.preprocessing, graph) if args.preprocessing else None
    return Inputs(int8, graph, reference, vectors, constants, training, validation, unsure)


def _vectors(graph: Graph, path: Path | None) -> Vectors | None:
    if path is None:
        return None
    vectors = load_vectors(path)
    _check_vectors(graph, vectors, path)
    return vectors


def _check_reference(graph: Graph, reference: Graph, path: Path) -> None:
    """Require a float model of the same input and output."""
    for what, ours, theirs in (
        ("input", graph.inputs, reference.inputs),
        ("output", graph.outputs, reference.outputs),
    ):
        if len(theirs) != 1 or theirs[0] < 0:
            raise InputError(f"{path}: has {len(theirs)} {what}s, must be one")
        tensor, expected = reference.tensors[theirs[0]], graph.tensors[ours[0]].shape
        if tensor.dtype != "float32":
            raise InputError(f"{path}: its {what} is {tensor.dtype}, must be float32")
        if tensor.shape != expected:
            raise InputError(
                f"{path}: its {what} is {list(tensor.shape)}, the int8 model's {list(expected)}"
            )


def _check_twin(graph: Graph, reference: Graph, path: Path) -> tuple[str, ...]:
    """Require the float model to be the int8 model's; return what makes that unsure, by layer."""
    found = list(doubts(graph, reference))
    if found and found[-1].sure:
        raise InputError(
            f"{path}: not the float model of this int8 model: {clean(found[-1].text, 300)}; give "
            "the one that was quantized, or leave off --float"
        )
    return tuple(doubt.text for doubt in found)


def _check_vectors(graph: Graph, vectors: Vectors, path: Path) -> None:
    """Require windows of the model's input size and as many classes as it has outputs."""
    wanted, window = graph.tensors[graph.inputs[0]], vectors.raw.shape[1:]
    if int(np.prod(window)) != wanted.elements or wanted.shape[-1] != window[-1]:
        raise InputError(
            f"{path}: windows are {list(window)}, the model's input is {list(wanted.shape)}"
        )
    outputs = graph.tensors[graph.outputs[0]].elements
    if len(vectors.manifest.classes) != outputs:
        raise InputError(
            f"{path}: has {len(vectors.manifest.classes)} classes, the model {outputs} outputs"
        )


def _preprocessing(path: Path, graph: Graph) -> PreprocessingConstants:
    constants = from_json(PreprocessingConstants, read_json(path), path.name)
    channels = graph.tensors[graph.inputs[0]].shape[-1]
    if not len(constants.mean) == len(constants.std) == channels:
        raise InputError(f"{path}: must give mean and std for each of {channels} channels")
    if not all(np.isfinite(constants.mean)) or not all(0 < s < 1e9 for s in constants.std):
        raise InputError(f"{path}: mean must be finite, std positive")
    return constants


def _draft(args: argparse.Namespace, inputs: Inputs) -> Draft:
    models = {"int8.tflite": inputs.int8}
    if inputs.reference is not None:
        models["float.tflite"] = inputs.reference
    manifest = inputs.vectors.manifest if inputs.vectors else None
    return Draft(
        name=identifier(args.out.resolve().name),
        arch="imported",
        classes=manifest.classes if manifest else (),
        channels=manifest.channels if manifest else (),
        models=models,
        float_file="float.tflite" if inputs.reference is not None else None,
        stages={"float": "float.tflite"} if inputs.reference is not None else {},
        variants={},
        preprocessing=inputs.preprocessing,
        vectors=inputs.vectors,
        training=inputs.training,
        compression=tuple(_row(name, content) for name, content in models.items()),
        keras_accuracy={},
        command=_command(args),
        seed=None,
        versions={"tinyhil": __version__},
        validation=inputs.validation,
    )


def _row(name: str, content: bytes) -> CompressionRow:
    packed = len(gzip.compress(content, 9, mtime=0))
    return CompressionRow(name, len(content), packed, None, None)


def _command(args: argparse.Namespace) -> str:
    """Return the command with file names only: folders are this machine's business."""
    parts = ["tinyhil", "import"]
    options = {
        "--int8": args.int8, "--float": args.reference, "--vectors": args.vectors,
        "--training": args.training, "--validation": args.validation,
        "--preprocessing": args.preprocessing, "--out": args.out,
    }  # fmt: skip
    for option, path in options.items():
        if path is not None:
            parts += [option, clean(path.name)]
    return shlex.join(parts)
