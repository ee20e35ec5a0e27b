"""The `tinyhil` command: finds the subcommand's module and loads only that one.

Exit codes: 0 done and within limits, 1 a finding above the limits, 2 wrong use, input or tools,
3 device or link, 128 and more a signal (130 Ctrl-C). Errors are one line on standard error; a
traceback is a bug.
"""

from __future__ import annotations

import argparse
import io
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import FrameType, ModuleType
from typing import Final

from hil import __version__
from hil.errors import TinyhilError, ToolError, clean

#: What help lists together → name → (module, what it does), in the order in which somebody new
#: needs it. pipeline's modules are loaded by name: the harness never imports them.
GROUPS = {
    "Test a model": {
        "doctor": ("hil.commands.doctor", "say what is missing on this machine and how to mend it"),
        "demo": ("hil.commands.demo", "the main job on recorded motion: both boards, three models"),
        "run": ("hil.commands.run", "stream windows to a board, compare, say where accuracy goes"),
        "diagnose": ("hil.commands.diagnose", "say again what a run found, from its record"),
        "report": ("hil.commands.report", "render run records as one HTML file"),
    },
    "Bring your own": {
        "import": ("pipeline.commands.import_model", "make a model folder of your own .tflite"),
        "train": (
            "pipeline.commands.train",
            "train, prune and quantize a model on recorded motion",
        ),
        "vectors": ("pipeline.commands.vectors", "make test windows of CSV recordings for a model"),
        "emit": ("pipeline.commands.emit", "write a model as C"),
    },
    "On a board": {
        "boards": ("hil.commands.boards", "list the boards, and the ports that may be one"),
        "flash": ("hil.commands.flash", "build the firmware with a model and upload it"),
        "capture": ("hil.commands.capture", "record labelled motion with a board's own sensor"),
        "live": ("hil.commands.live", "show a board's predictions of what its sensor measures"),
    },
    "Without one": {
        "emulate": ("hil.commands.emulate", "run a board's firmware behind a serial port"),
        "zoo": ("hil.commands.zoo", "plant faults and count how often the diagnosis is right"),
    },
}

COMMANDS = {name: command for group in GROUPS.values() for name, command in group.items()}

FIRST_STEPS = """\
First, with a model that comes with tinyhil (no board needed):
  tinyhil doctor
  tinyhil run --board nano33 --model test_vectors/models/cnn --report run.html
Then with yours:
  tinyhil import --int8 M.tflite --float F.tflite --vectors V.npz --out mine
  tinyhil run --board nano33 --model mine --report run.html
Then on your board, on its USB cable:
  tinyhil flash --board nano33 --model mine
  tinyhil run --board nano33 --backend hardware --model mine --report run.html
"""


def main(argv: list[str] | None = None) -> int:
    """Run one command; return its exit code."""
    arguments = sys.argv[1:] if argv is None else argv
    _print_what_can_be_printed()
    try:
        if not arguments:
            # As git and cargo do: what there is, and the exit code of wrong use.
            _parser().print_help(sys.stderr)
            return TinyhilError.exit_code
        args = _parse(arguments)
        with _ended_in_order():
            return int(args.execute(args))
    except TinyhilError as error:
        print(f"tinyhil: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt as error:
        print("tinyhil: interrupted", file=sys.stderr)
        return 128 + int(error.args[0] if error.args else signal.SIGINT)
    except BrokenPipeError:
        # The reader went away (`tinyhil … | head`): not an error of ours.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        # What no module expected: a read-only checkout, a full disk, too many open files.
        named = f"{clean(str(error.filename), 300)}: " if error.filename else ""
        print(f"tinyhil: {named}{error.strerror or error}", file=sys.stderr)
        return TinyhilError.exit_code


#: A job that is cancelled and a terminal that is closed end a command as Ctrl-C does: with what it
#: has started, and keeping what it keeps.
_ENDING: Final = (signal.SIGTERM, signal.SIGHUP)


@contextmanager
def _ended_in_order() -> Iterator[None]:
    """Let those signals interrupt, but none that somebody else handles or (nohup) ignores."""

    def interrupt(number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt(number)

    # Only the main thread may say what a signal does.
    ours = threading.current_thread() is threading.main_thread()
    taken = [n for n in _ENDING if ours and signal.getsignal(n) is signal.SIG_DFL]
    for number in taken:
        signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number in taken:
            signal.signal(number, signal.SIG_DFL)


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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tinyhil",
        usage="tinyhil [-h] [--version] COMMAND …",
        description=f"Where a TinyML model loses its accuracy, and why.\n\n{FIRST_STEPS}",
        epilog=f"{_listing()}\n\n`tinyhil COMMAND --help` lists a command's options.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"tinyhil {__version__}")
    return parser


def _listing() -> str:
    """Return every command with its line, by group."""
    return "\n\n".join(
        "\n".join([f"{title}:", *(f"  {name:<9} {does}" for name, (_, does) in group.items())])
        for title, group in GROUPS.items()
    )


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = _parser()
    commands = parser.add_subparsers(required=True, metavar="COMMAND", help=argparse.SUPPRESS)
    chosen = next((a for a in arguments if not a.startswith("-")), None)
    for name, (module_name, summary) in COMMANDS.items():
        sub = commands.add_parser(name, prog=f"tinyhil {name}", description=summary)
        if name != chosen:
            continue
        module = _load(module_name)
        sub.add_argument("--json", action="store_true", help="print JSON instead of text")
        module.add_arguments(sub)
        sub.set_defaults(execute=module.execute)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
