"""`tinyhil doctor`: what this machine can do, what is missing, and the command that mends it."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING, TypeAlias

from hil import __version__
from hil.board import PROJECT_DIR
from hil.errors import ToolError, clean
from hil.strict_json import to_json

if TYPE_CHECKING:
    from hil.doctor.checks import Job, Result

Found: TypeAlias = "list[tuple[Job, list[Result]]]"

#: Longest line of what was found that still fits a screen beside the name.
WIDTH = 100


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument(
        "--udev",
        action="store_true",
        help="print udev rules that let you use the boards and their debug probes (Linux)",
    )


def execute(args: argparse.Namespace) -> int:
    """Print what was found; 0 when the main job (emulated runs, built from source) can run."""
    if args.udev:
        from hil.doctor.udev import udev_rules

        print(json.dumps({"rules": udev_rules()}) if args.json else udev_rules())
        return 0
    found = _examine()
    can = all(job.ready(results) for job, results in found if job.main)
    print(as_json(found, can) if args.json else as_text(found, can))
    return 0 if can else 1


def _examine() -> Found:
    """Examine this machine, also one where not even the doctor's own packages are installed."""
    try:
        from hil.doctor.checks import examine
        from hil.doctor.machine import Machine
    except ModuleNotFoundError as error:
        command = f"{sys.executable} -m pip install -e {PROJECT_DIR}"
        raise ToolError(f"not even {error.name} is installed here: {command}") from None
    return examine(Machine())


def as_json(found: Found, can: bool) -> str:
    """Return everything as JSON."""
    listed = [
        {
            "name": job.name,
            "main": job.main,
            "ready": job.ready(results),
            "checks": to_json(results),
        }
        for job, results in found
    ]
    return json.dumps({"ready": can, "jobs": listed}, indent=1)


def as_text(found: Found, can: bool) -> str:
    """Return everything for people, the commands last so that they can be copied together."""
    lines = [f"tinyhil {__version__}"]
    for job, results in found:
        lines += ["", f"{job.title}: {'ready' if job.ready(results) else 'not ready'}"]
        lines += [_line(result) for result in results]
    return "\n".join([*lines, "", *_closing(found, can)])


def _line(result: Result) -> str:
    return f"  {result.status:<9} {result.name:<29} {clean(result.found, WIDTH)}"


def _closing(found: Found, can: bool) -> list[str]:
    closing = [
        "This machine can run models on the emulated boards."
        if can
        else "This machine cannot run models on the emulated boards yet."
    ]
    for job, results in found:
        for status, purpose in (("missing", f"To {job.title}"), ("optional", "Better with")):
            commands = dict.fromkeys(r.mend for r in results if r.status == status and r.mend)
            closing += ["", f"{purpose}:", *(f"  {c}" for c in commands)] if commands else []
    return closing
