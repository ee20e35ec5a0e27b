"""`tinyhil report`: run records in, one self-contained HTML file out; on request, the drift."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from hil.commands.baseline import add_baseline, drift_from
from hil.drift_screen import drift_screen
from hil.errors import InputError
from hil.files import write_file
from hil.record import Run, load_run
from hil.report import render
from hil.strict_json import to_json
from hil.verdict.baseline import Drift
from hil.verdict.diagnose import diagnose


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("record", nargs="+", type=Path, help="run records (tinyhil run --record)")
    parser.add_argument("--out", type=Path, help="the HTML file to write (required)")
    add_baseline(parser)


def execute(args: argparse.Namespace) -> int:
    """Write the report. The verdicts are the runs': rendering one succeeds whatever it says.

    With a baseline and a limit, exit code 1 for a stage that loses more.
    """
    runs = [load_run(path) for path in args.record]
    if args.out is None:
        raise InputError("--out is missing: name the HTML file to write, as --out report.html")
    if args.baseline is not None and len(runs) != 1:
        raise InputError(f"--baseline: compares one record with another, not {len(runs)}")
    drift = drift_from(args.baseline, args.max_drift, runs[0])
    write_report(args.out, runs, drift)
    if args.json:
        data = {"report": str(args.out), "runs": len(runs)}
        print(json.dumps(data | ({"drift": to_json(drift)} if drift else {})))
    else:
        if drift is not None:
            print(f"{drift_screen(drift)}\n")
        print(f"{args.out}: {len(runs)} run{'' if len(runs) == 1 else 's'}; open it in a browser")
    return int(drift is not None and drift.failed)


def write_report(path: Path, runs: list[Run], drift: Drift | None = None) -> None:
    """Diagnose and render `runs` into `path`, whole or not at all. Raises InputError.

    drift: from a baseline to the only run.
    """
    write_file(path, render(runs, [diagnose(run) for run in runs], drift))
