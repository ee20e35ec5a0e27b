"""Hours of streaming over a line that drops, flips, duplicates, truncates and delays frames.

Each link's firmware runs on the emulator as fast as it can, and every answer is held against the
one that is known from a sound line. Counted: wrong answers (0 is the goal), and what the harness
and the emulator have grown by: memory from a tenth of the run to its end, by when every buffer has
been at its largest; open files, threads and the firmware's stack from its beginning. The baseline
is nothing.

A window is one request and one reply, a frame each way, and is taken to last half a second, as a
gesture classifier on a wrist makes them: eight hours are 57,600 windows.

    python -m benchmarks.soak --windows 1000000 --board nano33 --via usb --out benchmarks/soak.txt

`--minutes` ends a run early: what was streamed until then is counted, its row says so, and the
command ends with 1, as it does for wrong answers and growth.

`--out` puts what was measured into a table, in the place of what the link had there, and the
command below it. Rows that other firmware gave, by the hash of its sources, are marked.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product, takewhile
from math import inf
from pathlib import Path

import numpy as np
from tqdm import tqdm

from benchmarks.support.harm import HarmedTransport
from hil.backend.embedded import EmbeddedBackend
from hil.board import PROJECT_DIR, board_names, load_board
from hil.device import Device
from hil.firmware.build import build
from hil.links import BOARD_LINKS

MODEL = PROJECT_DIR / "test_vectors" / "models" / "dense"
#: Of each kind of harm, per frame and direction.
RATE = 1e-3
#: Windows that differ, asked for over and over; each one's answer is known from a sound line.
DISTINCT = 64
WINDOW_S = 0.5
#: Megabytes that allocators may keep back at random, over any length of run.
GROWTH_MB = 4.0


@dataclass(frozen=True)
class Held:
    """What a process holds (Linux). memory: resident, in MB."""

    memory: float
    files: int
    threads: int


@dataclass(frozen=True)
class Soak:
    """What one link went through.

    asked: windows that were to be streamed. frames: that came to the line, to the device and back.
    held: of the harness and the emulator, as (before, after). stack: the firmware's peak in bytes,
    likewise.
    """

    firmware: str
    asked: int
    windows: int
    wrong: int
    frames: tuple[int, int]
    harmed: int
    repeated: int
    seconds: float
    held: tuple[tuple[Held, Held], tuple[Held, Held]]
    stack: tuple[int, int]

    @property
    def ended_early(self) -> bool:
        """Whether not all windows were streamed."""
        return self.windows < self.asked

    @property
    def leaks(self) -> bool:
        """Whether anything has grown."""
        return self.stack[1] > self.stack[0] or any(
            after.memory - before.memory > GROWTH_MB
            or after.files > before.files
            or after.threads > before.threads
            for before, after in self.held
        )


def held_by(process: int) -> Held:
    """Return what a process holds now."""
    folder = Path(f"/proc/{process}")
    pages = int((folder / "statm").read_text().split()[1])
    files, threads = (len(list((folder / name).iterdir())) for name in ("fd", "task"))
    return Held(pages * os.sysconf("SC_PAGE_SIZE") / 1e6, files, threads)


def soak(board_name: str, via: str, windows: int, minutes: float = inf) -> Soak:
    """Stream `windows` windows, or for `minutes`, and hold every answer against the known one."""
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
        processes = (os.getpid(), backend.emulator.pid)
        deadline = time.monotonic() + 60 * minutes
        numbers = takewhile(lambda _: time.monotonic() < deadline, range(windows))
        stream = (inputs[i % DISTINCT] for i in numbers)
        replies = _shown(device.infer(stream), windows, f"{board_name}, {via}")
        began, done, wrong = time.monotonic(), 0, 0
        before = [held_by(p) for p in processes]
        for i, reply in enumerate(replies):
            wrong += reply.output != known[i % DISTINCT]
            done += 1
            if i == windows // 10:
                before = [
                    replace(first, memory=held_by(p).memory)
                    for p, first in zip(processes, before, strict=True)
                ]
        after = [held_by(p) for p in processes]
        return Soak(
            firmware=f"{identity.firmware_version} {identity.firmware_hash.hex()[:16]}",
            asked=windows,
            windows=done,
            wrong=wrong,
            frames=(line.frames["there"], line.frames["back"]),
            harmed=sum(line.harmed.values()),
            repeated=device.counters.retransmissions,
            seconds=time.monotonic() - began,
            held=((before[0], after[0]), (before[1], after[1])),
            stack=(stack, device.memory().stack_peak),
        )
    finally:
        backend.close()


def _shown(replies: Iterator, total: int, title: str) -> Iterator:  # type: ignore[type-arg]
    return iter(tqdm(replies, title, total=total, leave=False, disable=None, mininterval=1))


#: Title and width of each column; the first two say whose row it is.
COLUMNS = (
    ("board", 11), ("link", 5), ("firmware, source hash", 23), ("windows", 10), ("hours", 6),
    ("requests", 10), ("answers", 10), ("harmed", 7), ("repeats", 8), ("wrong", 6),
    ("harness MB", 15), ("emulator MB", 15), ("files", 14), ("threads", 14), ("stack B", 12),
    ("took s", 7),
)  # fmt: skip
#: Between a row and what is to be known of it.
NOTE = "  # "
OTHER_FIRMWARE = "other firmware than the last run's"


def row(board: str, via: str, soaked: Soak) -> str:
    """Return a line of the table. Files and threads: of the harness, then of the emulator."""
    harness, emulator = soaked.held
    cells = (
        board, via, soaked.firmware, f"{soaked.windows:,}",
        f"{soaked.windows * WINDOW_S / 3600:.1f}", f"{soaked.frames[0]:,}",
        f"{soaked.frames[1]:,}", f"{soaked.harmed:,}", f"{soaked.repeated:,}", f"{soaked.wrong}",
        *(f"{b.memory:.1f} to {a.memory:.1f}" for b, a in (harness, emulator)),
        ", ".join(f"{b.files} to {a.files}" for b, a in (harness, emulator)),
        ", ".join(f"{b.threads} to {a.threads}" for b, a in (harness, emulator)),
        f"{soaked.stack[0]} to {soaked.stack[1]}", f"{soaked.seconds:.0f}",
    )  # fmt: skip
    early = f"{NOTE}ended early: {soaked.asked:,} windows were asked for"
    return _line(cells) + early * soaked.ended_early


def _line(cells: tuple[str, ...]) -> str:
    return " ".join(c.ljust(width) for c, (_, width) in zip(cells, COLUMNS, strict=True)).rstrip()


def write_table(path: Path, command: str, new: str) -> None:
    """Put a row into the table at `path`, and the command that gave it below the rows."""
    old = path.read_text().splitlines()[1:] if path.is_file() else []
    rows = {_names(r): _compared(r, new) for r in old if r and r[0] != "#"}
    commands = {c[2:].partition(": ")[0]: c[2:].partition(": ")[2] for c in old if c[:2] == "# "}
    rows[_names(new)], commands[_names(new)] = new, command
    title = _line(tuple(name for name, _ in COLUMNS))
    below = [f"# {names}: {commands[names]}" for names in sorted(rows) if names in commands]
    path.write_text("\n".join([title, *sorted(rows.values()), "", *below, ""]))


def _names(row: str) -> str:
    """Return whose row it is: its board and link."""
    return " ".join(row.split()[:2])


def _compared(row: str, new: str) -> str:
    """Return an older row, marked where its firmware is not the new row's."""
    text, *notes = row.split(NOTE)
    other = text.split()[2:4] != new.split()[2:4]
    kept = [note for note in notes if note != OTHER_FIRMWARE]
    return NOTE.join([text, *kept, *[OTHER_FIRMWARE] * other])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--windows", type=int, default=20_000, help="for each link")
    parser.add_argument("--minutes", type=float, default=inf, help="for each link, at most")
    parser.add_argument("--board", choices=board_names(), action="append", help="or all of them")
    parser.add_argument("--via", choices=BOARD_LINKS, action="append", help="or both links")
    parser.add_argument("--out", type=Path, help="the table to put the rows into")
    args = parser.parse_args()
    print(_line(tuple(name for name, _ in COLUMNS)))
    failed = False
    for board, via in product(args.board or board_names(), args.via or BOARD_LINKS):
        soaked = soak(board, via, args.windows, args.minutes)
        print(row(board, via, soaked), flush=True)
        failed |= soaked.wrong > 0 or soaked.leaks or soaked.ended_early
        if args.out:
            command = shlex.join(["python", "-m", "benchmarks.soak", *sys.argv[1:]])
            write_table(args.out, command, row(board, via, soaked))
    return int(failed)


if __name__ == "__main__":
    raise SystemExit(main())
