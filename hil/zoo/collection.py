"""Which specimens there are, and running them: in processes of their own, resumable.

A run's record is kept in OUT/runs/KEY.json.gz with the fingerprint of the sources it was made from;
the next call takes what is still valid and runs the rest. The diagnosis is made anew each time: a
change of its rules needs no run.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tqdm import tqdm

from hil.board import PROJECT_DIR
from hil.errors import InputError
from hil.record import Run
from hil.strict_json import from_json, to_json
from hil.zoo import healthy, outsiders
from hil.zoo.faults import FAULTS, ON_BOARDS
from hil.zoo.specimen import (
    BOARDS,
    MODELS,
    Measurement,
    Observation,
    Specimen,
    concluded,
    measured,
)

ARCHS: Final = ("cnn", "lstm", "dense")

#: Two faults at once, of different stages; the severity of each is medium.
PAIRS: Final = (
    ("cnn", "preprocessing-gain", "device-stale-layer"),
    ("cnn", "preprocessing-axes-swap", "device-rounding-rule"),
    ("cnn", "preprocessing-delay", "device-output-zero-point"),
    ("cnn", "recording-unit-gyroscope", "device-stale-layer"),
    ("cnn", "recording-unit-accelerometer", "preprocessing-offset"),
    ("cnn", "recording-sensor-swap", "device-multiplier"),
    ("dense", "preprocessing-rounding", "device-lost-bias"),
    ("dense", "preprocessing-unit-gyroscope", "device-output-order"),
    ("dense", "recording-unit-accelerometer", "device-skipped-layer"),
    ("dense", "recording-unit-gyroscope", "preprocessing-negated"),
    ("lstm", "preprocessing-offset", "device-state-not-reset"),
    ("lstm", "preprocessing-endianness", "device-gate-order"),
    ("lstm", "recording-unit-gyroscope", "device-state-not-reset"),
    ("cnn", "wire-flip", "memory-weight-bits"),
    ("cnn", "wire-drop", "memory-mean"),
    ("dense", "memory-gain", "memory-late-write"),
    ("cnn", "quantization-wide-range", "preprocessing-gain"),
    ("cnn", "quantization-wide-range", "device-transposed-weights"),
    ("dense", "quantization-outlier-channel", "preprocessing-axes-swap"),
    ("cnn", "pruning-too-far", "device-stale-channels"),
    ("cnn", "pruning-too-far", "preprocessing-smoothing"),
    ("dense", "recording-sensor-swap", "device-dropped-inputs"),
    ("lstm", "recording-unit-accelerometer", "device-gate-order"),
    ("cnn", "recording-rotation", "preprocessing-endianness"),
    ("cnn", "recording-rotation", "device-overlapping-buffers"),
    ("dense", "preprocessing-rate", "device-race"),
    ("lstm", "preprocessing-constants", "device-stale-layer"),
    ("cnn", "preprocessing-sensor-swap", "device-narrow-accumulator"),
    ("cnn", "preprocessing-delay", "device-late-write"),
    ("dense", "preprocessing-smoothing", "device-input-zero-point"),
    ("lstm", "preprocessing-negated", "device-transposed-weights"),
    ("cnn", "wire-truncate", "memory-gain"),
)

#: What judges measurements or tells of them, and does not make them. hil/verdict's drift, stats,
#: resampling, flips and motion stay: runs compute with them.
JUDGES: Final = (
    "hil/zoo/score.py", "hil/zoo/expected.py", "hil/zoo/table.py", "hil/zoo/collection.py",
    "hil/verdict/rules/*.py", "hil/verdict/baseline.py", "hil/verdict/causes.py",
    "hil/verdict/diagnose.py", "hil/verdict/findings.py", "hil/verdict/retrained.py",
    "hil/verdict/steps.py", "hil/report/**/*.py",
)  # fmt: skip
#: Ways to runs that the zoo does not take, and what stands beside one; tests/zoo holds this to be
#: true: none of it is loaded in a run.
BESIDE: Final = (
    "hil/commands/*.py", "hil/cli.py", "hil/doctor/*.py", "hil/suite/*.py", "hil/upload/**/*.py",
    "hil/plugin.py", "hil/several.py", "hil/overview.py", "hil/screen.py", "hil/drift_screen.py",
    "pipeline/commands/*.py",
)  # fmt: skip
#: What decides a result.
SOURCES: Final = ("hil/**/*.py", "pipeline/**/*.py", "firmware/**/*.[ch]")


@dataclass(frozen=True)
class Kept:
    """What is written for one specimen, which the file's name says; see Measurement."""

    fingerprint: str
    refused: tuple[str, ...] | None
    run: Run | None
    seconds: float


def fingerprint() -> str:
    """Return a hash of the sources and models that a result is made from."""
    digest = hashlib.sha256()
    files = {p for s in SOURCES for p in PROJECT_DIR.glob(s)}
    files -= {p for s in JUDGES + BESIDE for p in PROJECT_DIR.glob(s)}
    for path in sorted(files | set(MODELS.glob("*/*.*"))):
        digest.update(path.relative_to(PROJECT_DIR).as_posix().encode() + b"\0")
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


def specimens(quick: bool, only: str | None) -> list[Specimen]:
    """Return what is to be run. quick: each fault once, at medium severity, on one board.

    only: the name of a fault, or the beginning of one. Raises InputError when none has it.
    """
    names = [n for n in FAULTS if only is None or n.startswith(only)]
    if not names:
        raise InputError(f"--only {only}: no fault's name begins so; --list names them")
    made = [s for n in names for s in _of(n, quick)]
    pairs = [] if only else [_pair(*p) for p in PAIRS]
    return [*_clean(), *made, *(pairs[::4] if quick else pairs)]


def healthy_specimens(count: int) -> list[Specimen]:
    """Return `count` runs without a fault, over all models of healthy.py in turn."""
    names = list(healthy.MODELS)
    return [Specimen(names[i % len(names)], BOARDS[0], (), draw=i) for i in range(count)]


def _clean() -> Iterator[Specimen]:
    for arch in ARCHS:
        yield Specimen(arch, BOARDS[0], ())


def _of(name: str, quick: bool) -> Iterator[Specimen]:
    fault = FAULTS[name]
    archs = sorted(fault.places, key=ARCHS.index)
    boards = BOARDS if fault.plane in ON_BOARDS else BOARDS[:1]
    for i, arch in enumerate(archs):
        for board in boards:
            for severity in range(3):
                first = i == 0 and board == BOARDS[0] and severity == 1
                if first or not quick:
                    yield Specimen(arch, board, ((name, severity),))


def _pair(arch: str, first: str, second: str) -> Specimen:
    return Specimen(arch, BOARDS[0], ((first, 1), (second, 1)))


def collect(wanted: Sequence[Specimen], out: Path, jobs: int, quiet: bool) -> list[Observation]:
    """Run what has no valid record in `out` yet; return all results in the order of `wanted`."""
    mark = fingerprint()
    folder = out / "runs"
    folder.mkdir(parents=True, exist_ok=True)
    done: dict[Specimen, Observation] = {}
    bar = tqdm(total=len(wanted), unit="run", disable=True if quiet else None)
    # One thread each: the processes share the cores already. Read as numpy is loaded.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # Spawned: native runtimes do not survive a fork.
    context = multiprocessing.get_context("spawn")
    with bar, ProcessPoolExecutor(jobs, mp_context=context) as pool:
        futures = {pool.submit(_told, s, folder, mark): s for s in wanted}
        try:
            for future in as_completed(futures):
                specimen = futures[future]
                done[specimen] = future.result()
                bar.set_description(specimen.key[:40])
                bar.update()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return [done[s] for s in wanted]


def _told(specimen: Specimen, folder: Path, mark: str) -> Observation:
    """Conclude from what is kept, or from a run. In a process of its own."""
    return _kept(folder, specimen, mark) or _made(specimen, folder, mark)


def _made(specimen: Specimen, folder: Path, mark: str) -> Observation:
    """Run a specimen, keep its record, conclude."""
    with outsiders.admitted():
        made = measured(specimen)
    kept = Kept(mark, made.refused, made.run, made.seconds)
    path = _path(folder, specimen)
    partial = path.with_suffix(".partial")
    partial.write_bytes(gzip.compress(json.dumps(to_json(kept)).encode(), 3, mtime=0))
    partial.replace(path)
    return concluded(made)


def _kept(folder: Path, specimen: Specimen, mark: str) -> Observation | None:
    path = _path(folder, specimen)
    try:
        raw = json.loads(gzip.decompress(path.read_bytes()))
        kept = from_json(Kept, raw, path.name) if raw.get("fingerprint") == mark else None
    except (OSError, EOFError, ValueError, AttributeError, InputError):
        return None  # not there, cut short, or of an older version: run again
    return concluded(Measurement(specimen, kept.refused, kept.run, kept.seconds)) if kept else None


def _path(folder: Path, specimen: Specimen) -> Path:
    return folder / f"{specimen.key}.json.gz"
