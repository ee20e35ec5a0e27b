"""`tinyhil emulate`: a board's firmware on a serial port of its own, until Ctrl-C."""

from __future__ import annotations

import argparse
import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hil.backend.emulator import EmulatorProcess
from hil.board import board_names, load_board
from hil.errors import InputError, clean
from hil.firmware.build import build
from hil.links import BOARD_LINKS, words
from hil.sensor.feed import feed_file, feed_samples

#: Seconds between two looks at the keyboard's Ctrl-C and the emulator's events.
POLL_S = 0.5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("--board", required=True, choices=board_names())
    parser.add_argument("--elf", type=Path, help="firmware to boot (default: build it)")
    parser.add_argument("--model", type=Path, help="model folder to build the firmware with")
    parser.add_argument("--link", type=Path, help="make a symbolic link to the port here")
    parser.add_argument(
        "--via",
        choices=BOARD_LINKS,
        default="uart",
        help="what the port is: the board's UART (the default), or its USB, which a host opens",
    )
    parser.add_argument(
        "--feed", type=Path, metavar="FILE.npz", help="windows that move the board's sensor"
    )
    parser.add_argument(
        "--paced",
        action="store_true",
        help="bytes take their time, in virtual time, and can be lost (default: at once)",
    )


def execute(args: argparse.Namespace) -> int:
    """Boot, print the port, show crashes; 0 after Ctrl-C, 3 when the core has locked up."""
    if args.elf and args.model:
        raise InputError("--elf is a firmware with its model: leave out --model")
    board = load_board(args.board)
    elf = args.elf or build(board, args.model)
    options = ["--via", args.via, *(["--pacing", "baud"] if args.paced else [])]
    with contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.suppress(KeyboardInterrupt))
        if args.feed:
            samples = feed_samples(args.feed, board)
            options += ["--feed", str(stack.enter_context(feed_file(samples)))]
        emulator = EmulatorProcess(board, elf, None, options)
        stack.callback(emulator.close)
        stack.enter_context(_symlink(args.link, str(emulator.pty)))
        port = args.link or emulator.pty
        text = f"{board.title} on {port}, {words(args.via)}; Ctrl-C ends it"
        _say(args.json, "ready", text, port=str(port), elf=str(elf), via=args.via)
        return _watch(emulator, args.json)
    return 0


@contextlib.contextmanager
def _symlink(link: Path | None, target: str) -> Iterator[None]:
    """Make `link`, replacing a link that is there, and remove it at the end."""
    if link is None:
        yield
        return
    try:
        if link.is_symlink():
            link.unlink()
        link.symlink_to(target)
    except OSError as error:
        raise InputError(f"--link {link}: {error.strerror or error}") from None
    try:
        yield
    finally:
        link.unlink(missing_ok=True)


def _watch(emulator: EmulatorProcess, as_json: bool) -> int:
    while True:
        event = emulator.poll(POLL_S)
        if event is not None and _show(event, as_json):
            return 3


def _show(event: dict[str, Any], as_json: bool) -> bool:
    """Print an event; return whether it is the end."""
    name = str(event.get("event"))
    if name == "crash":
        _say(as_json, name, clean(event["crash"]["text"], 400), crash=event["crash"])
    elif name == "reset":
        _say(as_json, name, f"reset ({event['kind']})", kind=event["kind"])
    elif name == "halted":
        _say(as_json, name, f"halted: {event['reason']}", reason=event["reason"])
    return name == "halted"


def _say(as_json: bool, name: str, text: str, **details: object) -> None:
    print(json.dumps({"event": name, **details}) if as_json else text, flush=True)
