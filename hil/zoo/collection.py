"""Which specimens there are, and running them: in processes of their own, resumable.

A result is kept in OUT/runs/KEY.json with the fingerprint of the sources it was made from; the next
call takes what is still valid and runs the rest.
"""

from __future__ import annotations

import hashlib
import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tqdm import tqdm

from hil.board import PROJECT_DIR
from hil.errors import InputError
from hil.strict_json import from_json, read_json, write_json
from hil.zoo.faults import FAULTS, ON_BOARDS
from hil.zoo.specimen import BOARDS, MODELS, Observation, Specimen, observe

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
)

#: The scorer's own files: they judge results, and do not make them.
SCORER: Final = ("score.py", "expected.py", "table.py", "zoo.py")
#: What decides a result.
SOURCES: Final = ("hil/**/*.py", "pipeline/**/*.py", "firmware/**/*.[ch]")


@dataclass(frozen=True)
class Kept:
    """What is written for one specimen."""

    fingerprint: str
    observation: Observation


def fingerprint() -> str:
    """Return a hash of the sources and models that a result is made from."""
    digest = hashlib.sha256()
    files = {p for s in SOURCES for p in PROJECT_DIR.glob(s) if p.name not in SCORER}
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
    """Run what has no valid result in `out` yet; return all results in the order of `wanted`."""
    mark = fingerprint()
    folder = out / "runs"
    folder.mkdir(parents=True, exist_ok=True)
    done = {s: o for s in wanted if (o := _kept(folder, s, mark)) is not None}
    rest = [s for s in wanted if s not in done]
    bar = tqdm(total=len(wanted), initial=len(done), unit="run", disable=True if quiet else None)
    # Spawned: native runtimes do not survive a fork.
    context = multiprocessing.get_context("spawn")
    with bar, ProcessPoolExecutor(jobs, mp_context=context) as pool:
        futures = {pool.submit(observe, s): s for s in rest}
        try:
            for future in as_completed(futures):
                specimen = futures[future]
                done[specimen] = future.result()
                write_json(folder / f"{specimen.key}.json", Kept(mark, done[specimen]))
                bar.set_description(specimen.key[:40])
                bar.update()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return [done[s] for s in wanted]


def _kept(folder: Path, specimen: Specimen, mark: str) -> Observation | None:
    path = folder / f"{specimen.key}.json"
    if not path.is_file():
        return None
    try:
        kept = from_json(Kept, read_json(path), path.name)
    except InputError:
        return None  # of an older version: run again
    return kept.observation if kept.fingerprint == mark else None
