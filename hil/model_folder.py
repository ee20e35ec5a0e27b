"""The model folder: how a model reaches the harness. Written by `tinyhil train` and `import`.

    manifest.json   what this module reads
    float.tflite  int8.tflite  pruned.tflite  qat.tflite     those that were made
    vectors.npz + .json      labelled windows of held-out subjects (the test split)
    training.npz + .json     at least 1,000 training windows, for calibration and shift tests
    validation.npz + .json   labelled windows that no weight was learnt from, recorded as the
                             training windows were: accuracy on others is compared with theirs
    held_out.npz + .json     labelled windows of the training people that no weight was learnt
                             from: they tell a new person from a new recording
    c/                       the model's C, without the kernels it calls; for reading, never
                             compiled: it is emitted again

Every file's SHA-256 stands in the manifest. The harness meets a model only through this folder
and an ELF.
"""

from __future__ import annotations

import hashlib
import os
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hil.errors import InputError, clean
from hil.files import read_file
from hil.strict_json import from_json, read_json, write_json

FORMAT: Final = "tinyhil-model"
VERSION: Final = 1

#: No file of a model for a microcontroller comes near this.
MAX_FILE_BYTES: Final = 512 * 2**20


@dataclass(frozen=True)
class PreprocessingConstants:
    """See pipeline/preprocess.py, in counts per channel."""

    mean: tuple[float, ...]
    std: tuple[float, ...]


@dataclass(frozen=True)
class LayerPair:
    """An int8 layer and the float layer that computes the same; indices into the .tflite files.

    `float_tensor` is None where the float model has no such tensor.
    """

    name: str
    op: str
    int8_tensor: int
    float_tensor: int | None


@dataclass(frozen=True)
class CompressionRow:
    """One row of the compression table; accuracy on the test split, gzip level 9."""

    variant: str
    file_bytes: int
    gzip_bytes: int
    accuracy: float | None
    sparsity: float | None


@dataclass(frozen=True)
class ModelManifest:
    """manifest.json.

    float_file: the float model the int8 one was quantized from (its reference, layer by layer).
    stages: accuracy-chain files in order, name → file, of the float family: e.g.
    {"float": "float.tflite", "pruned": "pruned.tflite"}. variants: further int8 models, e.g.
    {"qat": "qat.tflite"}. keras_accuracy: test accuracy before conversion, per stage.
    """

    format: str
    version: int
    name: str
    arch: str
    classes: tuple[str, ...]
    channels: tuple[str, ...]
    float_file: str | None
    stages: dict[str, str]
    variants: dict[str, str]
    preprocessing: PreprocessingConstants | None
    layers: tuple[LayerPair, ...]
    compression: tuple[CompressionRow, ...]
    keras_accuracy: dict[str, float]
    command: str
    seed: int | None
    versions: dict[str, str]
    files: dict[str, str]


@dataclass(frozen=True)
class ModelFolder:
    """A checked model folder."""

    path: Path
    manifest: ModelManifest

    @property
    def int8(self) -> Path:
        """The model the device runs."""
        return self.path / "int8.tflite"

    @property
    def model_hash(self) -> str:
        """SHA-256 of int8.tflite, hexadecimal: the identity the device reports."""
        return self.manifest.files["int8.tflite"]

    @property
    def vectors(self) -> Path | None:
        """The test split, where the folder has one."""
        path = self.path / "vectors.npz"
        return path if path.exists() else None

    @property
    def validation(self) -> Path | None:
        """The validation windows, where the folder has some."""
        return self._listed("validation.npz")

    @property
    def held_out(self) -> Path | None:
        """The training people's held-out windows, where the folder has some."""
        return self._listed("held_out.npz")

    def _listed(self, name: str) -> Path | None:
        return self.path / name if name in self.manifest.files else None


def sha256_file(path: Path) -> str:
    """Return the SHA-256 of a file, hexadecimal. Raises InputError when it cannot be read."""
    return hashlib.sha256(read_file(path, MAX_FILE_BYTES)).hexdigest()


def load_model_folder(path: Path) -> ModelFolder:
    """Read a model folder and check every file's hash.

    Raises InputError: no folder, no manifest, a wrong format, a missing, changed or escaping file.
    """
    if not os.path.exists(path / "manifest.json"):  # also a name too long, or with a NUL
        raise _no_folder(path)
    name = f"{path.name}/manifest.json"
    manifest = from_json(ModelManifest, read_json(path / "manifest.json"), name)
    if (manifest.format, manifest.version) != (FORMAT, VERSION):
        raise InputError(f"{path}: not a {FORMAT} folder of version {VERSION}")
    if "int8.tflite" not in manifest.files:
        raise InputError(f"{name}: lists no int8.tflite")
    for file, digest in manifest.files.items():
        _check_file(path, file, digest)
    named = [*manifest.stages.values(), *manifest.variants.values()]
    for file in named + ([manifest.float_file] if manifest.float_file else []):
        if file not in manifest.files:
            raise InputError(f"{name}: names {clean(repr(file), 60)} but gives no hash for it")
    return ModelFolder(path, manifest)


def _no_folder(path: Path) -> InputError:
    """Return what to say of a path that is no model folder, with the command that helps."""
    name = clean(str(path), 300)
    if path.suffix == ".tflite":
        return InputError(
            f"{name}: is no model folder; make one of the file: "
            f"tinyhil import --int8 {clean(shlex.quote(str(path)), 300)} --out DIR"
        )
    if not os.path.exists(path):
        return InputError(
            f"{name}: no such model folder; make one: "
            f"tinyhil train --data watch --arch cnn --out {clean(shlex.quote(str(path)), 300)}"
        )
    inside = sorted(p.parent.name for p in path.glob("*/manifest.json")) if path.is_dir() else []
    holds = f"; it holds {clean(', '.join(inside))}" if inside else ": it has no manifest.json"
    return InputError(f"{name}: not a model folder{holds}")


def _check_file(folder: Path, file: str, digest: str) -> None:
    try:
        target = (folder / file).resolve()
        is_file = target.is_file()
    except (OSError, ValueError):  # too long, or with a NUL
        raise InputError(f"{folder}: {clean(repr(file), 60)} is no file name") from None
    if not target.is_relative_to(folder.resolve()):
        raise InputError(f"{folder}: file name {clean(repr(file), 60)} leaves the folder")
    file = clean(file)
    if not is_file:
        raise InputError(f"{folder}: {file} is missing; restore it or train again")
    if sha256_file(target) != digest:
        raise InputError(f"{folder}: {file} has changed since the manifest was written")


def save_manifest(path: Path, manifest: ModelManifest) -> None:
    """Write manifest.json into the folder `path`."""
    write_json(path / "manifest.json", manifest)
