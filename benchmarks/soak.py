"""Hours of streaming over a line that drops, flips, duplicates, truncates and delays frames.

`benchmarks/soak.py --windows 1000000` is the long run: at one window each half second, as a gesture
classifier on a wrist makes them, 139 hours. Each link's firmware runs on the emulator as fast as
it can. Counted: wrong answers (0 is the goal), and what the harness and the emulator have grown by
from a tenth of the run to its end, against a baseline of nothing.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from benchmarks.support.harm import HarmedTransport
from hil.backend.embedded import EmbeddedBackend
from hil.board import PROJECT_DIR, load_board
from hil.device import Device
from hil.firmware.build import build

MODEL = PROJECT_DIR / "test_vectors" / "models" / "dense"
#: Of each kind of harm, per frame and direction.
RATE = 1e-3
#: Windows that differ, asked for over and over; each one's answer is known from a sound line.
DISTINCT = 64
#: Megabytes that allocators may keep back at random, over any length of run.
GROWTH_MB = 4.0


@dataclass
class Soak:
    """What one link went through. Sizes in MB, after a tenth of the run and at its end."""

    wrong: int
    harmed: dict[str, int]
    retransmissions: int
    seconds: float
    harness_mb: tuple[float, float]
    emulator_mb: tuple[float, float]
    stack: tuple[int, int]


def resident_mb(process: int) -> float:
    """Return a process's resident memory (Linux)."""
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def soak(board_name: str, via: str, windows: int) -> Soak:
    """Stream `windows` windows and hold every answer against the one that is known."""
    board = load_board(board_name)
    backend = EmbeddedBackend(via=via)
    try:
        sound = backend.open(board, build(board, MODEL), None)
        device = Device(sound)
        identity = device.identify()
        random = np.random.default_rng(1)
        inputs = [random.bytes(identity.input_size) for _ in range(DISTINCT)]
        known = [reply.output for reply in device.infer(inputs)]
        stack = device.memory().stack_peak
        line = HarmedTransport(sound, RATE, seed=2)
        device = Device(line, timeout=0.05, patience=30.0)
        device.identify(deadline=30.0)
        began, wrong, sizes = time.monotonic(), 0, []
        stream = (inputs[i % DISTINCT] for i in range(windows))
        processes = (os.getpid(), backend.emulator.pid)
        for i, reply in enumerate(_shown(device.infer(stream), windows, f"{board_name}, {via}")):
            wrong += reply.output != known[i % DISTINCT]
            if i in (windows // 10, windows - 1):
                sizes.append([resident_mb(p) for p in processes])
        peak = device.memory().stack_peak
        return Soak(
            wrong,
            dict(line.harmed),
            device.counters.retransmissions,
            time.monotonic() - began,
            (sizes[0][0], sizes[1][0]),
            (sizes[0][1], sizes[1][1]),
            (stack, peak),
        )
    finally:
        backend.close()


def _shown(replies: Iterator, total: int, title: str) -> Iterator:  # type: ignore[type-arg]
    return iter(tqdm(replies, title, total=total, leave=False, disable=None, mininterval=1))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--windows", type=int, default=20_000, help="for each link")
    parser.add_argument("--board", default="nano33")
    args = parser.parse_args()
    failed = False
    for via in ("uart", "usb"):
        s = soak(args.board, via, args.windows)
        grown = [after - before for before, after in (s.harness_mb, s.emulator_mb)]
        print(
            f"{args.board}, {via}: {args.windows:,} windows, {s.wrong} wrong answers; "
            f"{sum(s.harmed.values()):,} frames harmed {s.harmed}, {s.retransmissions:,} requests "
            f"sent again; {args.windows / 7200:.1f} h of windows in {s.seconds:.0f} s; "
            f"harness {s.harness_mb[0]:.1f} MB {grown[0]:+.1f}, emulator {s.emulator_mb[0]:.1f} MB "
            f"{grown[1]:+.1f}; stack's peak {s.stack[0]} B, then {s.stack[1]} B",
            flush=True,
        )
        failed |= s.wrong > 0 or max(grown) > GROWTH_MB
    return int(failed)


if __name__ == "__main__":
    raise SystemExit(main())
