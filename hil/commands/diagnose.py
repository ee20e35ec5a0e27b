"""`tinyhil diagnose`: the verdict of a run record, in a few lines; nothing is measured again."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from hil.commands.baseline import add_baseline, drift_from
from hil.drift_screen import drift_screen
from hil.record import load_run
from hil.screen import as_data, screen
from hil.strict_json import to_json
from hil.verdict.diagnose import diagnose, failed


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("record", type=Path, help="a run record (tinyhil run --record)")
    add_baseline(parser)


def execute(args: argparse.Namespace) -> int:
    """Print the verdict; exit code 1 for a finding above the limits, as `tinyhil run` has it."""
    run = load_run(args.record)
    drift = drift_from(args.baseline, args.max_drift, run)
    findings = diagnose(run)
    if args.json:
        data = as_data(run, findings)
        print(json.dumps(data | ({"drift": to_json(drift)} if drift else {})))
    else:
        print(screen(run, findings))
        if drift is not None:
            print(f"\n{drift_screen(drift)}")
    return int(failed(findings) or (drift is not None and drift.failed))
