"""The `tinyhil` command: finds the subcommand's module and loads only that one.

Exit codes: 0 done and within limits, 1 a finding above the limits, 2 wrong use, input or tools,
3 device or link. Errors are one line on standard error; a traceback is a bug.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
from importlib import import_module
from types import ModuleType

from hil import __version__
from hil.errors import TinyhilError, ToolError, clean

#: Name → (module, what it does). pipeline's are loaded by name: the harness never imports them.
COMMANDS = {
    "doctor": ("hil.commands.doctor", "say what is missing on this machine and how to mend it"),
    "boards": ("hil.commands.boards", "list the boards, and the ports that may be one"),
    "train": ("pipeline.commands.train", "train, prune and quantize a model on recorded motion"),
    "import": ("pipeline.commands.import_model", "make a model folder of your own .tflite"),
    "emit": ("pipeline.commands.emit", "write a model as C"),
    "flash": ("hil.commands.flash", "build the firmware with a model and upload it"),
    "run": ("hil.commands.run", "stream vectors to a board, compare, and say where accuracy goes"),
    "capture": ("hil.commands.capture", "record labelled motion with a board's own sensor"),
    "vectors": ("pipeline.commands.vectors", "make test windows of CSV recordings for a model"),
    "live": ("hil.commands.live", "show a board's predictions of what its sensor measures"),
    "diagnose": ("hil.commands.diagnose", "say what a run record shows: stage, place, cause, mend"),
    "report": ("hil.commands.report", "render run records as one HTML file"),
    "demo": ("hil.commands.demo", "the main job on recorded motion: both boards, three models"),
    "zoo": ("hil.commands.zoo", "plant faults and count how often the diagnosis is right"),
    "emulate": ("hil.commands.emulate", "run a board's firmware on a serial port of its own"),
}


def main(argv: list[str] | None = None) -> int:
    """Run one command; return its exit code."""
    arguments = sys.argv[1:] if argv is None else argv
    _print_what_can_be_printed()
    try:
        args = _parse(arguments)
        return int(args.execute(args))
    except TinyhilError as error:
        print(f"tinyhil: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("tinyhil: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader went away (`tinyhil … | head`): not an error of ours.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        # What no module expected: a read-only checkout, a full disk, too many open files.
        named = f"{clean(str(error.filename), 300)}: " if error.filename else ""
        print(f"tinyhil: {named}{error.strerror or error}", file=sys.stderr)
        return TinyhilError.exit_code


def _print_what_can_be_printed() -> None:
    """Show "?" for what the terminal's encoding lacks (− ✓ →) instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _load(name: str) -> ModuleType:
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        missing = (error.name or "a package").partition(".")[0]
        raise ToolError(f"{missing} is not installed; `tinyhil doctor` says how to") from None


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="tinyhil", description="Where a TinyML model loses its accuracy, and why."
    )
    parser.add_argument("--version", action="version", version=f"tinyhil {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    chosen = next((a for a in arguments if not a.startswith("-")), None)
    for name, (module_name, summary) in COMMANDS.items():
        sub = commands.add_parser(name, help=summary, description=summary)
        if name != chosen:
            continue
        module = _load(module_name)
        sub.add_argument("--json", action="store_true", help="print JSON instead of text")
        module.add_arguments(sub)
        sub.set_defaults(execute=module.execute)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
