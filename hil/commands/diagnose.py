"""`tinyhil diagnose`: the verdict of a run record, in a few lines; nothing is measured again."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from hil.record import load_run
from hil.screen import as_data, screen
from hil.verdict.diagnose import diagnose, failed


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("record", type=Path, help="a run record (tinyhil run --record)")


def execute(args: argparse.Namespace) -> int:
    """Print the verdict; exit code 1 for a finding above the limits, as `tinyhil run` has it."""
    run = load_run(args.record)
    findings = diagnose(run)
    print(json.dumps(as_data(run, findings)) if args.json else screen(run, findings))
    return int(failed(findings))
