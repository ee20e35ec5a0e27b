"""Writes model folders: whole or not at all, never over anything that is not one.

What a folder holds is said in hil/model_folder.py. It is used by `tinyhil train` and
`tinyhil import`, and needs no tensorflow.

    python -m pipeline.model_folder DIR…             make C and layer pairs anew where they differ
    python -m pipeline.model_folder --check DIR…     only say so, with exit code 1
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from hil.errors import InputError, TinyhilError, clean
from hil.model_folder import (
    FORMAT,
    VERSION,
    CompressionRow,
    LayerPair,
    ModelManifest,
    PreprocessingConstants,
    load_model_folder,
    save_manifest,
    sha256_file,
)
from hil.strict_json import read_json
from hil.vectors import Vectors, save_vectors
from pipeline.align import align
from pipeline.emit_c import emit
from pipeline.tflite import read_tflite
from pipeline.verify import read_verified


@dataclass(frozen=True)
class Draft:
    """All that goes into a folder. `models`: file name → content; the rest as in ModelManifest."""

    name: str
    arch: str
    classes: tuple[str, ...]
    channels: tuple[str, ...]
    models: dict[str, bytes]
    float_file: str | None
    stages: dict[str, str]
    variants: dict[str, str]
    preprocessing: PreprocessingConstants | None
    vectors: Vectors | None
    training: Vectors | None
    compression: tuple[CompressionRow, ...]
    keras_accuracy: dict[str, float]
    command: str
    seed: int | None
    versions: dict[str, str]
    validation: Vectors | None = None
    held_out: Vectors | None = None


def check_target(path: Path) -> None:
    """Refuse an `--out` that exists and is not a model folder and nothing else. Raises InputError.

    The folder is replaced as a whole, so a file of somebody else in it would be lost.
    """
    try:
        if not path.exists() and not path.is_symlink():
            return
        present = _relative_files(path) if path.is_dir() else {"": path}
    except OSError as error:
        raise InputError(f"{clean(str(path))}: {error.strerror or error}") from None
    if not present and path.is_dir():
        return
    manifest = read_json(path / "manifest.json") if "manifest.json" in present else None
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise InputError(f"{clean(str(path))}: exists and is not a model folder; choose another")
    foreign = sorted(set(present) - {"manifest.json"} - set(manifest.get("files", ())))
    if foreign:
        raise InputError(
            f"{clean(str(path))}: holds {clean(foreign[0])}, which is not of the model there; "
            "move it away or choose another folder"
        )


def write_folder(path: Path, draft: Draft) -> None:
    """Write `draft` to `path`, replacing a model folder that is there. Raises InputError."""
    path = path.resolve()
    check_target(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    except OSError as error:
        raise InputError(f"{clean(str(path))}: {error.strerror or error}") from None
    try:
        new = scratch / "new"
        new.mkdir()
        _fill(new, draft)
        if path.exists():
            path.rename(scratch / "old")
        new.rename(path)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _fill(folder: Path, draft: Draft) -> None:
    for name, content in draft.models.items():
        (folder / name).write_bytes(content)
    sets = {
        "vectors": draft.vectors, "training": draft.training, "validation": draft.validation,
        "held_out": draft.held_out,
    }  # fmt: skip
    for name, vectors in sets.items():
        if vectors is not None:
            save_vectors(folder / f"{name}.npz", vectors)
    if draft.vectors is not None and draft.vectors.manifest.notice:
        held_out = draft.held_out is not None
        (folder / "NOTICE").write_text(_notice(draft.vectors, held_out), encoding="utf-8")
    save_manifest(folder, _manifest(draft, (), hashes(folder)))
    complete(folder)


def complete(folder: Path) -> bool:
    """Make what follows from a folder's models, C and layer pairs; return whether it changed."""
    manifest = load_model_folder(folder).manifest
    layers = _layers(folder, manifest)
    code = _emitted(folder)
    if layers == manifest.layers and code == _present(folder):
        return False
    shutil.rmtree(folder / "c", ignore_errors=True)
    (folder / "c").mkdir()
    for name, content in code.items():
        (folder / "c" / name).write_bytes(content)
    save_manifest(folder, replace(manifest, layers=layers, files=hashes(folder)))
    return True


def is_stale(folder: Path) -> bool:
    """Return whether `complete` would change the folder."""
    manifest = load_model_folder(folder).manifest
    return _layers(folder, manifest) != manifest.layers or _emitted(folder) != _present(folder)


def _layers(folder: Path, manifest: ModelManifest) -> tuple[LayerPair, ...]:
    reference = manifest.float_file
    floats = read_tflite(folder / reference) if reference is not None else None
    return align(read_verified(folder / "int8.tflite"), floats)


def _emitted(folder: Path) -> dict[str, bytes]:
    # Without the kernels: they are this project's own, the same for every model, and copies of them
    # would make every folder stale with each change of one.
    with tempfile.TemporaryDirectory() as scratch:
        made = emit(folder, "model", Path(scratch), kernels=False)
        return {p.name: p.read_bytes() for p in made}


def _present(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in sorted((folder / "c").glob("*")) if p.is_file()}


def _notice(vectors: Vectors, held_out: bool) -> str:
    manifest, more = vectors.manifest, " (and held_out.npz)" if held_out else ""
    return (
        f"The windows in vectors.npz, training.npz{more} and validation.npz, and the constants of "
        f"the\nmodels trained on them, are derived from\n\n    {manifest.source}\n\n"
        f"which is under this licence ({manifest.license}):\n\n{manifest.notice}"
    )


def hashes(folder: Path) -> dict[str, str]:
    """Return relative name → SHA-256 of every file but the manifest, sorted."""
    files = _relative_files(folder)
    return {n: sha256_file(p) for n, p in files.items() if n != "manifest.json"}


def _relative_files(folder: Path) -> dict[str, Path]:
    files = sorted(p for p in folder.rglob("*") if not p.is_dir())
    return {p.relative_to(folder).as_posix(): p for p in files}


def _manifest(draft: Draft, layers: tuple[LayerPair, ...], files: dict[str, str]) -> ModelManifest:
    return ModelManifest(
        format=FORMAT,
        version=VERSION,
        name=draft.name,
        arch=draft.arch,
        classes=draft.classes,
        channels=draft.channels,
        float_file=draft.float_file,
        stages=draft.stages,
        variants=draft.variants,
        preprocessing=draft.preprocessing,
        layers=layers,
        compression=draft.compression,
        keras_accuracy=draft.keras_accuracy,
        command=draft.command,
        seed=draft.seed,
        versions=draft.versions,
        files=files,
    )


def main() -> int:
    """Run as a script; see the module's docstring."""
    parser = argparse.ArgumentParser(description="Keep what follows from a folder's models.")
    parser.add_argument("folders", nargs="+", type=Path, metavar="DIR")
    parser.add_argument("--check", action="store_true", help="change nothing, exit 1 if stale")
    args = parser.parse_args()
    act = is_stale if args.check else complete
    try:
        stale = [folder for folder in args.folders if act(folder)]
    except TinyhilError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    for folder in stale:
        print(f"{folder}: {'stale; run make generate' if args.check else 'written anew'}")
    return int(args.check and bool(stale))


if __name__ == "__main__":
    sys.exit(main())
