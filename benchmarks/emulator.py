"""Inferences per second of the embedded emulator, per board and architecture.

Baseline: the same emulator without a C compiler (its hooks in Python), which gives the same counts.
Speed is the emulator's on this machine and says nothing about a board.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from pathlib import Path

from hil.backend.embedded import EmbeddedBackend
from hil.board import PROJECT_DIR, Board, load_board
from hil.device import Device
from hil.firmware.build import build

MODELS = PROJECT_DIR / "test_vectors" / "models"
BOARDS = ("nano33", "sensortile")
ARCHITECTURES = ("cnn", "lstm", "dense")
WINDOWS, BASELINE_WINDOWS = 400, 8
#: Windows per second that the CNN must reach with the compiled hook.
GOAL = 200


@dataclass(frozen=True)
class Speed:
    """Of one run. per_second: windows. mips: million emulated instructions per second."""

    per_second: float
    mips: float
    instructions: int


def measure(board: Board, elf: Path, windows: int, portable: bool) -> Speed:
    """Stream random windows, several under way at once, as `tinyhil run` does."""
    backend = EmbeddedBackend(portable=portable)
    try:
        device = Device(backend.open(board, elf, None))
        size = device.identify().input_size
        inputs = [random.Random(i).randbytes(size) for i in range(windows)]  # noqa: S311
        cycles = next(device.infer(inputs[:1])).cycles  # warm: the code is translated
        before, start = backend.counters(), time.perf_counter()
        list(device.infer(inputs))
        seconds = time.perf_counter() - start
        after = backend.counters()
    finally:
        backend.close()
    assert before is not None
    assert after is not None
    executed = after.instructions - before.instructions
    return Speed(windows / seconds, executed / seconds / 1e6, cycles)


def _goal(arch: str, speed: Speed) -> str:
    if arch != "cnn":
        return ""
    verdict = "met" if speed.per_second >= GOAL else "MISSED: is this machine busy?"
    return f"; goal {GOAL} windows/s {verdict}"


def main() -> int:
    missed = 0
    for name in BOARDS:
        board = load_board(name)
        for arch in ARCHITECTURES:
            elf = build(board, None if arch == "cnn" else MODELS / arch)
            compiled = measure(board, elf, WINDOWS, portable=False)
            portable = measure(board, elf, BASELINE_WINDOWS, portable=True)
            assert compiled.instructions == portable.instructions
            ratio = compiled.per_second / portable.per_second
            print(
                f"{name} {arch}: {compiled.per_second:.0f} windows/s, {ratio:.1f} × the Python "
                f"hook's {portable.per_second:.1f}; {compiled.mips:.0f} MIPS, "
                f"{compiled.instructions:,} instructions per inference{_goal(arch, compiled)}",
                flush=True,
            )
            missed += "MISSED" in _goal(arch, compiled)
    return int(missed > 0)


if __name__ == "__main__":
    raise SystemExit(main())
