"""Everything that is done with a .tflite, done with damaged ones.

    python -m tests.fuzz.tflite [--minutes 10] [--seed 0] [--cases N] [FILE…]

No crash, no hang, no memory beyond 10 × the file's size + 256 MB: every case ends in success or in
one InputError of one line. Memory is bounded twice: address space is not given out beyond that
(RLIMIT_AS), and the pages that a case really used at most (VmHWM) are looked at after it. Without
files: the committed models, MLPerf Tiny's where TINYHIL_MLPERF_DIR names their folder, and small
models of every operator; between them graphs made at random (tests/fuzz/structures.py). The first
finding ends it, with the case's seed. --hostile: the worst structures that are known instead.
"""

# ruff: noqa: E402 - numpy starts its threads when it is imported
from __future__ import annotations

import argparse
import contextlib
import os
import resource
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

for threads in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(threads, "1")  # a pool of threads reserves memory of its own

import numpy as np
from tqdm import tqdm

from hil.board import PROJECT_DIR
from hil.errors import InputError
from pipeline.emit_c import Source, generate
from pipeline.emit_c.choice import GOALS
from pipeline.interp import run
from pipeline.ops import OPERATORS
from pipeline.tflite import parse_tflite
from pipeline.verify import verify
from tests.engine.drawn import MODELS, drawn
from tests.fuzz.mutate import damaged
from tests.fuzz.structures import HOSTILE, random_graph

#: Of one case, as the processor works for it; the slowest real model takes two. A busy machine may
#: take many times as long, but what waits for ever must end too.
SECONDS = 30
WAITED = 1800
#: Larger models are read, verified and emitted, not run: the interpreter keeps every value it
#: makes, eight bytes each while it works.
MAX_MACS = MAX_VALUES = 2**22


class HangError(Exception):
    """A case took too long."""


class MemoryUsedError(Exception):
    """A case used more memory than it may."""


def use(data: bytes, goal: str = "speed") -> bool:
    """Read, verify, emit and run a model; return whether it was accepted."""
    try:
        graph = parse_tflite(data, "fuzz")
        verify(graph, "fuzz")
        generate(Source(graph), "m", goal)
    except InputError as refused:
        if "\n" in str(refused):
            raise ValueError("a refusal of more than one line") from refused
        return False
    macs = sum(OPERATORS[op.name].macs(graph, op) for op in graph.ops)
    values = sum(graph.output_of(op).elements for op in graph.ops)
    if macs <= MAX_MACS and values <= MAX_VALUES:
        source = graph.tensors[graph.inputs[0]]
        run(graph, np.zeros((1, *source.shape), source.dtype))
    return True


def allowed(size: int) -> int:
    """Return the bytes that a case may add, for a file of `size` bytes."""
    return 10 * size + 256 * 2**20


def status(field: str) -> int:
    """Return bytes from /proc/self/status: VmSize, VmRSS, or VmHWM, the most that VmRSS was."""
    line = next(
        t for t in Path("/proc/self/status").read_text().splitlines() if t.startswith(field + ":")
    )
    return int(line.split()[1]) * 1024


@contextlib.contextmanager
def limits(size: int, before: int, seen: list[int]) -> Iterator[None]:
    """Bound the memory that is added from here on, and the time.

    before: bytes resident before any case, so that what cases leave behind counts as well; what
    was used beyond it at most is added to `seen`.
    """

    def hang(_signal: int, _frame: FrameType | None) -> None:
        raise HangError(f"took more than {SECONDS} s of work, or {WAITED} s")

    Path("/proc/self/clear_refs").write_text("5")  # VmHWM starts anew from VmRSS
    room = status("VmSize") + allowed(size)
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    signal.signal(signal.SIGPROF, hang)
    signal.signal(signal.SIGALRM, hang)
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    signal.alarm(WAITED)
    resource.setrlimit(resource.RLIMIT_AS, (room, hard))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.alarm(0)
        resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
    seen.append(max(0, status("VmHWM") - before))
    if seen[-1] > allowed(size):
        raise MemoryUsedError(f"used {seen[-1]} bytes for a file of {size}")


def committed() -> list[bytes]:
    """Return the models that the repository carries."""
    paths = sorted((PROJECT_DIR / "test_vectors" / "models").glob("*/int8.tflite"))
    return [path.read_bytes() for path in paths]


def models() -> list[bytes]:
    """Return what is damaged: real files, and two small models of every operator."""
    paths: list[Path] = []
    if folder := os.environ.get("TINYHIL_MLPERF_DIR"):
        paths = sorted(Path(folder).glob("*.tflite"))
    small = (model for name in MODELS for model in drawn(name, 2, same=True))
    return [*committed(), *(path.read_bytes() for path in paths), *small]


def case(files: list[bytes], seed: int) -> bytes:
    """Return the bytes of a case: a damaged file, or one of three a graph made at random."""
    if seed % 3:
        return damaged(files[seed % len(files)], seed)
    return random_graph(seed) if seed % 2 else damaged(random_graph(seed), seed)


def hostile(before: int) -> int:
    """Use the files that ask for much; return the most bytes used. Raises for a finding."""
    most = 0
    for i, (what, (make, good)) in enumerate(tqdm(HOSTILE.items(), unit="file", disable=None)):
        data, seen = make(), list[int]()
        with limits(len(data), before, seen):
            accepted = use(data, GOALS[i % len(GOALS)])
        if accepted != good:
            raise ValueError(f"{what}: {'accepted' if accepted else 'refused'}")
        most = max(most, *seen)
    return most


def fuzz(
    files: list[bytes], first: int, cases: int, deadline: float, before: int
) -> tuple[int, int, int]:
    """Run cases from seed `first` on; return (cases, accepted, most bytes used by one).

    Raises what a case raises.
    """
    done = accepted = most = 0
    for seed in tqdm(range(first, first + cases), unit="case", disable=None):
        if time.monotonic() > deadline:
            break
        data = case(files, seed)
        try:
            seen: list[int] = []
            with limits(len(data), before, seen):
                accepted += use(data, GOALS[seed % len(GOALS)])
            most = max(most, *seen)
        except BaseException:
            print(f"seed {seed}", file=sys.stderr)
            raise
        done += 1
    return done, accepted, most


def main() -> int:
    """Fuzz for some minutes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", type=Path, help="models to damage")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=0, help="of the first case")
    parser.add_argument("--cases", type=int, default=10**9)
    parser.add_argument("--hostile", action="store_true", help="only the files that ask for much")
    args = parser.parse_args()
    before = status("VmRSS")
    files = [path.read_bytes() for path in args.files]
    files = files or (committed() if args.hostile else models())
    for data in files:
        if not use(data):  # also loads everything that is loaded once
            raise SystemExit("a file is refused as it is")
    if args.hostile:
        most = hostile(before)
        print(f"{len(HOSTILE)} files that ask for much, no finding; {most / 2**20:.0f} MB used")
        return 0
    deadline = time.monotonic() + 60 * args.minutes
    done, accepted, most = fuzz(files, args.seed, args.cases, deadline, before)
    print(
        f"{done} files: {accepted} accepted, {done - accepted} refused, no finding; "
        f"{most / 2**20:.0f} MB used at most"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
