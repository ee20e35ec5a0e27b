"""The host's whole side of a diagnosis, per architecture: seconds and memory against the goal.

300 windows: files read and checked, every host model and runtime, held-out recordings, data shift
with all that was undone, the experiments in the float model, and the verdict. Baseline: 60 s on two
cores and 700 MB. Each architecture runs in a process of its own, so that its peak is its own; the
processor's seconds stand beside the clock's, which other programs lengthen.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from collections.abc import Iterator

from hil.board import PROJECT_DIR, load_board
from hil.run.steps import Options, prepare, run_on
from hil.run.target import Wanted, connect
from hil.verdict.diagnose import diagnose

GOAL_S, GOAL_MB = 60, 700
WINDOWS = 300
ARCHS = ("cnn", "lstm", "dense")


def one(arch: str) -> int:
    """Diagnose one architecture; print seconds by the clock, by the processor, and the peak."""
    options = Options(
        board=load_board("nano33"),
        backend="host",
        port=None,
        model=PROJECT_DIR / "test_vectors" / "models" / arch,
        vectors=None,
        limit=WINDOWS,
        max_drop=2.0,
        command="benchmarks/diagnosis.py",
        quiet=True,
    )
    with Stopwatch() as preparing:
        job = prepare(options)
    wanted = Wanted(options.backend, options.port, options.via)
    with connect(options.board, wanted, job.folder, lambda text: None) as target:
        record = run_on(target, options, job)
    with Stopwatch() as concluding:
        diagnose(record)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # Linux counts in KiB
    print(preparing.clock + concluding.clock, preparing.processor + concluding.processor, peak)
    return 0


class Stopwatch:
    """Seconds of the clock and of the processor between its beginning and its end."""

    clock = processor = 0.0

    def __enter__(self) -> Stopwatch:
        self._begin = time.monotonic(), time.process_time()
        return self

    def __exit__(self, *_error: object) -> None:
        self.clock = time.monotonic() - self._begin[0]
        self.processor = time.process_time() - self._begin[1]


def measured() -> Iterator[tuple[str, float, float, float]]:
    """Yield architecture, seconds by the clock and by the processor, and MB."""
    for arch in ARCHS:
        said = subprocess.run(
            [sys.executable, __file__, arch], check=True, capture_output=True, text=True
        ).stdout
        clock, processor, peak = map(float, said.split())
        yield arch, clock, processor, peak


def main() -> int:
    missed = False
    for arch, clock, processor, peak in measured():
        print(
            f"{arch}: {clock:.1f} s ({clock / GOAL_S:.2f} of {GOAL_S} s; {processor:.1f} s of the "
            f"processor), {peak:.0f} MB ({peak / GOAL_MB:.2f} of {GOAL_MB} MB)"
        )
        missed |= clock > GOAL_S or peak > GOAL_MB
    return int(missed)


if __name__ == "__main__":
    raise SystemExit(one(sys.argv[1]) if len(sys.argv) > 1 else main())
