"""`tinyhil train`: from recordings to a model folder."""

from __future__ import annotations

import argparse
import hashlib
import json
import platform
import shlex
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from hil import __version__
from hil.errors import InputError, ToolError, clean
from hil.model_folder import CompressionRow, ModelFolder, load_model_folder
from hil.strict_json import to_json
from hil.vectors import Vectors
from pipeline.data import csv
from pipeline.data.load import choose_classes, load
from pipeline.data.recordings import RecordingSet, cut
from pipeline.data.split import Split, hold_out, split_by_subject
from pipeline.model_folder import Draft, check_target, complete, write_folder

ARCHS: Final = ("cnn", "lstm", "dense")
#: What pruning takes at once; see `pipeline.train.fit.prune`.
PATTERNS: Final = ("single", "pairs")
#: What the trained bytes depend on, besides this project.
PACKAGES: Final = (
    "numpy", "scipy", "tensorflow", "tf-keras", "tensorflow-model-optimization",
    "ai-edge-litert", "tflite-micro",
)  # fmt: skip
#: Windows held out of the training people's recordings that go into the folder: as many as a run
#: takes of those under test.
KEPT_HELD_OUT: Final = 300
ROOT: Final = Path(__file__).resolve().parents[2]
#: The code that decides the trained bytes. What is derived from them (C, layer pairs) is cheap and
#: is made anew whenever it differs.
CODE: Final = (
    "pipeline/data/*.py", "pipeline/train/*.py", "pipeline/commands/train.py",
    "pipeline/preprocess.py", "pipeline/evaluate.py", "hil/sensor/resample.py", "hil/vectors.py",
)  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = csv.__doc__
    parser.add_argument(
        "--data", default="watch", help="watch (default), or csv:DIR with your own recordings"
    )
    parser.add_argument(
        "--arch", choices=[*ARCHS, "all"], required=True, help="all makes OUT/cnn, OUT/lstm, …"
    )
    parser.add_argument("--out", type=Path, required=True, help="the model folder to write")
    parser.add_argument("--seed", type=int, default=1, help="of everything random (default 1)")
    parser.add_argument(
        "--classes", help="comma-separated labels, or all (default: PEN,FEL,ROW for watch)"
    )
    parser.add_argument(
        "--prune",
        choices=PATTERNS,
        default=PATTERNS[0],
        help="what is pruned: single weights (default), or pairs of neighbouring inputs' weights, "
        "which a device multiplies with one instruction",
    )
    parser.add_argument(
        "--hold-out",
        type=float,
        metavar="SHARE",
        help="keep this share of the training people's own recordings out of training (0.05 to "
        "0.5): the verdict then tells a new person from a new recording. Whole recordings where "
        "a person has several of a movement, else the end of each",
    )
    parser.add_argument("--epochs", type=int, help="passes over the data, per training stage")
    parser.add_argument("--force", action="store_true", help="train even if nothing has changed")


def execute(args: argparse.Namespace) -> int:
    """Train what is not up to date; print one compression table per architecture."""
    _check(args)
    archs = ARCHS if args.arch == "all" else (args.arch,)
    data = load(args.data)
    classes = choose_classes(args.data, args.classes, data)
    split, held_out = _split(args, cut(data, classes))
    results = []
    for arch in archs:
        out = args.out / arch if args.arch == "all" else args.out
        results.append(_train_one(args, arch, out, data, split, held_out))
    if args.json:
        print(json.dumps([_as_json(f) for f in results], indent=1))
    return 0


def _check(args: argparse.Namespace) -> None:
    if not 0 <= args.seed < 2**31:
        raise InputError(f"--seed {args.seed}: must be between 0 and 2147483647")
    if args.epochs is not None and not 1 <= args.epochs <= 1000:
        raise InputError(f"--epochs {args.epochs}: must be between 1 and 1000")
    if args.hold_out is not None and not 0.05 <= args.hold_out <= 0.5:
        raise InputError(f"--hold-out {args.hold_out:g}: must be between 0.05 and 0.5")


def _split(args: argparse.Namespace, windows: Vectors) -> tuple[Split, Vectors | None]:
    """Return the split, and what is held out of its training windows."""
    split = split_by_subject(windows)
    if args.hold_out is None:
        return split, None
    train, held_out = hold_out(split.train, args.hold_out)
    return replace(split, train=train), held_out.take(slice(KEPT_HELD_OUT))


def _train_one(  # noqa: PLR0913, PLR0917 - the options, and the data in its parts
    args: argparse.Namespace,
    arch: str,
    out: Path,
    data: RecordingSet,
    split: Split,
    held_out: Vectors | None,
) -> ModelFolder:
    check_target(out)
    versions = _versions()
    versions["inputs_sha256"] = _inputs_hash(args, arch, data, split, versions)
    folder = None if args.force else _up_to_date(out, versions["inputs_sha256"])
    if folder is None:
        write_folder(out, replace(_draft(args, arch, split, versions), held_out=held_out))
    else:
        _say(args, out, complete(out))
    folder = load_model_folder(out)
    if not args.json:
        print(_table(folder, split))
    return folder


def _say(args: argparse.Namespace, out: Path, changed: bool) -> None:
    what = "C and layer pairs made anew" if changed else "up to date"
    if not args.json:
        print(f"{clean(str(out))}: {what}, nothing to train (--force trains again)")


def _up_to_date(out: Path, inputs: str) -> ModelFolder | None:
    """Return the folder if it is whole and was made of the same inputs."""
    try:
        folder = load_model_folder(out)
    except InputError:
        return None
    return folder if folder.manifest.versions.get("inputs_sha256") == inputs else None


def _draft(args: argparse.Namespace, arch: str, split: Split, versions: dict[str, str]) -> Draft:
    try:
        from pipeline.train import build
    except ModuleNotFoundError as error:
        raise ToolError(
            f"training needs {error.name}, which is not installed: pip install -e '.[train]'"
        ) from None
    preprocessing = build.fit_preprocessing(split.train)
    built = build.build(arch, split, preprocessing, args.seed, args.epochs, pattern=args.prune)
    return Draft(
        name=f"{_data_name(args.data)}-{arch}",
        arch=arch,
        classes=split.test.manifest.classes,
        channels=split.test.manifest.channels,
        models=built.models,
        float_file="pruned.tflite",
        stages=built.stages,
        variants=built.variants,
        preprocessing=build.constants(preprocessing),
        vectors=split.test,
        training=split.train.take(slice(build.KEPT_TRAINING)),
        compression=built.compression,
        keras_accuracy=built.keras_accuracy,
        command=_command(args, arch, split),
        seed=args.seed,
        versions=versions,
        validation=split.validation.take(slice(build.KEPT_VALIDATION)),
    )


def _data_name(spec: str) -> str:
    """Return what the folder calls its data: never a path of this machine."""
    return spec if spec == "watch" else clean(Path(spec.removeprefix("csv:")).resolve().name, 40)


def _command(args: argparse.Namespace, arch: str, split: Split) -> str:
    """Return the command that makes this folder again, without its place."""
    data = args.data if args.data == "watch" else f"csv:{_data_name(args.data)}"
    words = ["tinyhil", "train", "--data", data, "--arch", arch]
    words += ["--classes", ",".join(split.test.manifest.classes), "--seed", str(args.seed)]
    words += ["--epochs", str(args.epochs)] if args.epochs else []
    words += ["--hold-out", f"{args.hold_out:g}"] if args.hold_out else []
    words += ["--prune", args.prune] if args.prune != PATTERNS[0] else []
    return shlex.join(words)


def _versions() -> dict[str, str]:
    found = {"tinyhil": __version__, "python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def _inputs_hash(
    args: argparse.Namespace, arch: str, data: RecordingSet, split: Split, versions: dict[str, str]
) -> str:
    """Return the SHA-256 of all that decides the trained bytes: data, code, options, versions."""
    digest = hashlib.sha256()
    for item in (data.sha256, _command(args, arch, split), *map(str, versions.items())):
        digest.update(item.encode() + b"\0")
    for path in sorted(p for pattern in CODE for p in ROOT.glob(pattern)):
        digest.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _table(folder: ModelFolder, split: Split) -> str:
    """Return the compression table; ratios are of gzipped sizes, to the first row."""
    rows = folder.manifest.compression
    head = (
        f"{folder.manifest.name}: {', '.join(folder.manifest.classes)}; accuracy on "
        f"{len(split.test)} windows of held-out subjects "
        f"{', '.join(split.test.manifest.subjects[i] for i in sorted(set(split.test.subject)))}"
    )
    title = f"{'':28}{'bytes':>9}{'gzip':>9}{'ratio':>8}{'accuracy':>10}{'sparsity':>10}"
    return "\n".join([head, title, *(_line(row, rows[0].gzip_bytes) for row in rows), ""])


def _line(row: CompressionRow, baseline: int) -> str:
    score = "–" if row.accuracy is None else f"{row.accuracy:.4f}"
    zeros = "–" if row.sparsity is None else f"{row.sparsity:.1%}"
    ratio = f"{baseline / row.gzip_bytes:.1f}×"
    return f"{row.variant:28}{row.file_bytes:>9}{row.gzip_bytes:>9}{ratio:>8}{score:>10}{zeros:>10}"


def _as_json(folder: ModelFolder) -> dict[str, object]:
    manifest = folder.manifest
    return {
        "path": str(folder.path),
        "name": manifest.name,
        "classes": list(manifest.classes),
        "compression": to_json(manifest.compression),
        "keras_accuracy": manifest.keras_accuracy,
    }
