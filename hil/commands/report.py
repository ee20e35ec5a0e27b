"""`tinyhil report`: run records in, one self-contained HTML file out."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from hil.files import write_file
from hil.record import Run, load_run
from hil.report import render
from hil.verdict.diagnose import diagnose


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("record", nargs="+", type=Path, help="run records (tinyhil run --record)")
    parser.add_argument("--out", required=True, type=Path, help="the HTML file to write")


def execute(args: argparse.Namespace) -> int:
    """Write the report. The verdicts are the runs': rendering one succeeds whatever it says."""
    runs = [load_run(path) for path in args.record]
    write_report(args.out, runs)
    if args.json:
        print(json.dumps({"report": str(args.out), "runs": len(runs)}))
    else:
        print(f"{args.out}: {len(runs)} run{'' if len(runs) == 1 else 's'}; open it in a browser")
    return 0


def write_report(path: Path, runs: list[Run]) -> None:
    """Diagnose and render `runs` into `path`, whole or not at all. Raises InputError."""
    write_file(path, render(runs, [diagnose(run) for run in runs]))
