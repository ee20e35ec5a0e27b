"""The options that compare a run with an older one: of several commands and of the plugin."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from hil.errors import InputError
from hil.record import Run, load_run

if TYPE_CHECKING:
    from hil.verdict.baseline import Drift

BASELINE_HELP = "an older record of this run: tell what changed since, and what that did"
MAX_DRIFT_HELP = "with --baseline: fail when a stage loses more than this against it"


def add_baseline(parser: argparse.ArgumentParser) -> None:
    """Add --baseline and --max-drift."""
    parser.add_argument("--baseline", type=Path, metavar="OLD.json", help=BASELINE_HELP)
    parser.add_argument("--max-drift", type=float, metavar="POINTS", help=MAX_DRIFT_HELP)


def load_baseline(baseline: Path | None, max_drift: float | None) -> Run | None:
    """Read the older record, before anything long begins; None without one. Raises InputError."""
    if max_drift is not None and not 0 <= max_drift <= 100:
        raise InputError(f"--max-drift {max_drift:g}: must be from 0 to 100 points")
    if baseline is None and max_drift is not None:
        raise InputError("--max-drift: against what? Name an older record: --baseline OLD.json")
    return None if baseline is None else load_run(baseline)


def drift_from(baseline: Path | None, max_drift: float | None, run: Run) -> Drift | None:
    """Return the drift from the older record to `run`; None without one. Raises InputError."""
    from hil.verdict.baseline import compare

    old = load_baseline(baseline, max_drift)
    return None if old is None else compare(old, run, max_drift)
