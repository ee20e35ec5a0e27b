"""`tinyhil demo`: the main job, from recordings to the verdict, on both boards and three models.

Every step is one of the other commands, run as its own process: what the demo shows is what a
user gets, and tensorflow's memory is gone before the boards start.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from hil.board import board_names, load_board
from hil.errors import DeviceError, ToolError
from hil.firmware.build import build
from hil.overview import overview
from hil.record import Run, load_run
from hil.verdict.diagnose import diagnose, failed

ARCHITECTURES = ("cnn", "lstm", "dense")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--out", type=Path, default=Path("build/demo"), help="where all goes")
    parser.add_argument("--limit", type=int, default=300, help="windows per run (default 300)")


def execute(args: argparse.Namespace) -> int:
    """Run the demo; 0 when every run was measured and is within limits."""
    started = time.monotonic()
    models = {name: args.out / "models" / name for name in ARCHITECTURES}
    _step("Train, prune and quantize on recorded motion")
    _tinyhil("train", "--data", "watch", "--arch", "all", "--out", str(args.out / "models"))
    _step("Build both boards' firmware with pio run, one image per model")
    for board in board_names():
        for name, model in models.items():
            elf = build(load_board(board), model)
            print(f"  {board:<11} {name:<6} {elf}")
    _step(f"Boot each image and stream {args.limit} windows to it")
    records = _run_all(models, args.out / "runs", args.limit)
    runs = [load_run(path) for path in records]
    report = args.out / "report.html"
    _tinyhil("report", *map(str, records), "--out", str(report))
    print(f"\n{overview(runs)}\n\n{report.resolve()}   ({time.monotonic() - started:.0f} s)")
    return _exit_code(runs)


def _exit_code(runs: list[Run]) -> int:
    return int(any(failed(diagnose(run)) for run in runs))


def _step(title: str) -> None:
    print(f"\n== {title}", flush=True)


def _tinyhil(*arguments: str) -> None:
    done = subprocess.run([sys.executable, "-m", "hil.cli", *arguments], check=False)
    if done.returncode:
        raise ToolError(f"tinyhil {' '.join(arguments)}: ended with {done.returncode}, see above")


def _run_all(models: dict[str, Path], folder: Path, limit: int) -> list[Path]:
    """Run every board with every model, two at a time; return the records in a fixed order."""
    folder.mkdir(parents=True, exist_ok=True)
    jobs = {
        folder / f"{board}-{name}.json": (board, model)
        for board in board_names()
        for name, model in models.items()
    }
    with ThreadPoolExecutor(2) as pool:
        waiting = {
            pool.submit(_run_one, board, model, record, limit): record
            for record, (board, model) in jobs.items()
        }
        for done, future in enumerate(as_completed(waiting), 1):
            print(f"  {done}/{len(jobs)}  {waiting[future].stem:<17} {future.result()}", flush=True)
    return list(jobs)


def _run_one(board: str, model: Path, record: Path, limit: int) -> str:
    started = time.monotonic()
    record.unlink(missing_ok=True)
    command = [sys.executable, "-m", "hil.cli", "run", "--board", board, "--backend", "embedded"]
    command += ["--model", str(model), "--record", str(record), "--limit", str(limit)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if not record.exists():
        reason = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise DeviceError(f"{board} with {model}: {reason}")
    return f"{time.monotonic() - started:.0f} s"
