"""`tinyhil run`: stream vectors to a board, compare every stage, say where accuracy goes."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from pathlib import Path

from hil.board import board_names, load_board
from hil.commands.baseline import add_baseline, load_baseline
from hil.commands.report import write_report
from hil.device_options import add_device_options
from hil.drift_screen import drift_screen
from hil.errors import DeviceError, InputError
from hil.record import DEFAULT_MAX_DROP, Run, save_run
from hil.run.steps import Options, run
from hil.screen import as_data, screen
from hil.strict_json import to_json
from hil.verdict.baseline import Drift, compare
from hil.verdict.diagnose import diagnose, failed


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("--board", required=True, choices=board_names())
    add_device_options(parser.add_argument)
    parser.add_argument("--model", required=True, type=Path, help="model folder (tinyhil train)")
    parser.add_argument("--vectors", type=Path, help="other windows (.npz) than the model's own")
    parser.add_argument("--record", type=Path, help="write the run record (JSON) here")
    parser.add_argument("--report", type=Path, help="write the report (HTML) here")
    parser.add_argument(
        "--max-drop",
        type=float,
        default=DEFAULT_MAX_DROP,
        metavar="POINTS",
        help="fail when int8 surely loses more than this against float (default %(default)g)",
    )
    parser.add_argument(
        "--limit", type=int, metavar="N", help="stream N windows (default: all, at most 300)"
    )
    parser.add_argument(
        "--retrain",
        nargs="?",
        const="",
        metavar="FILE.tflite",
        help="also train quantization-aware from the float model, on the folder's own training "
        "windows, and tell what that gains (needs tensorflow; half a minute); the model goes into "
        "FILE",
    )
    add_baseline(parser)


def execute(args: argparse.Namespace) -> int:
    """Run, print, write; see hil/cli.py for the exit codes."""
    retrain_to = Path(args.retrain) if args.retrain else None
    for path in (args.record, args.report, retrain_to):
        if path is not None:
            writable(path)
    old = load_baseline(args.baseline, args.max_drift)
    options = Options(
        board=load_board(args.board),
        backend=args.backend,
        port=args.port,
        via=args.via,
        model=args.model,
        vectors=args.vectors,
        limit=args.limit,
        max_drop=args.max_drop,
        command=shlex.join(["tinyhil", *sys.argv[1:]]),
        retrain=args.retrain is not None,
        retrain_to=retrain_to,
    )
    # Progress goes to standard error, so that standard output is the verdict alone.
    measured = run(options, lambda text: print(text, file=sys.stderr))
    findings = diagnose(measured)
    drift = compare(old, measured, args.max_drift) if old else None
    write(measured, args.record, args.report, drift)
    if args.json:
        data = as_data(measured, findings) | ({"drift": to_json(drift)} if drift else {})
        print(json.dumps({**data, "record": _name(args.record), "report": _name(args.report)}))
    else:
        print(screen(measured, findings))
        if drift is not None:
            print(f"\n{drift_screen(drift)}")
        files = (("record", args.record), ("report", args.report), ("retrained", retrain_to))
        for title, path in files:
            print(f"\n{title}: {path}" if path else "", end="")
        print()
    if measured.incomplete is not None:
        return DeviceError.exit_code
    return int(failed(findings) or (drift is not None and drift.failed))


def writable(path: Path) -> None:
    """Make the folder that `path` goes into; raise InputError now rather than after the run."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{path.parent}: {error.strerror or error}") from None
    if path.is_dir():
        raise InputError(f"{path}: is a folder; name a file")


def write(
    measured: Run, record: Path | None, report: Path | None, drift: Drift | None = None
) -> None:
    """Write the record and the report where they are wanted."""
    if record is not None:
        save_run(record, measured)
    if report is not None:
        write_report(report, [measured], drift)


def _name(path: Path | None) -> str | None:
    return str(path) if path else None
