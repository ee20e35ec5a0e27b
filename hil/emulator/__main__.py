"""`python -m hil.emulator --board B --elf F (--fd N | --pty) [--control-fd N]`.

The process lives as long as those who use it: it ends when the byte stream or the control channel
is closed, and when its parent is gone. (PR_SET_PDEATHSIG would not do: it fires when the *thread*
that started the process ends.)
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import time
from pathlib import Path

from hil.board import board_names, load_board
from hil.emulator.control import Channel
from hil.emulator.image import load_image
from hil.emulator.link import Link, open_pty
from hil.emulator.machine import Machine, Options, chip_memory
from hil.emulator.sensors.feed import AT_REST, load_feed
from hil.emulator.session import HEARTBEAT_S, EndedError, RealTime, Session
from hil.errors import TinyhilError


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m hil.emulator", description=__doc__)
    parser.add_argument("--board", required=True, choices=board_names())
    parser.add_argument("--elf", required=True, type=Path)
    link = parser.add_mutually_exclusive_group(required=True)
    link.add_argument("--fd", type=int, help="an inherited socket that carries the bytes")
    link.add_argument("--pty", action="store_true", help="make a pty that carries the bytes")
    parser.add_argument("--control-fd", type=int, help="an inherited socket for control")
    parser.add_argument(
        "--via",
        choices=("uart", "usb", "auto"),
        default="uart",
        help="what the bytes go through; auto: both are attached, and one is joined by request",
    )
    parser.add_argument("--no-cable", action="store_true", help="USB is not plugged in yet")
    parser.add_argument("--pacing", choices=("instant", "baud"), default="instant")
    parser.add_argument("--seed", type=int, help="of RAM's content at power-on (default: any)")
    parser.add_argument("--feed", type=Path, help="samples that the sensor takes (sensors/feed.py)")
    parser.add_argument("--no-sensor", action="store_true", help="nobody answers on its bus")
    parser.add_argument(
        "--time", choices=("real", "asked"), default="real", help="what a sleeping timer goes by"
    )
    parser.add_argument("--portable", action="store_true", help="do without the compiled hook")
    parser.add_argument(
        "--from-reset", action="store_true", help="start as from reset, not as after a bootloader"
    )
    return parser.parse_args()


def _end_with_parent() -> None:
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(HEARTBEAT_S)
        os._exit(3)

    threading.Thread(target=watch, daemon=True).start()


def _start(args: argparse.Namespace, channel: Channel | None) -> Session:
    board = load_board(args.board)
    memories, vector_table = chip_memory(board.facts.chip)
    image = load_image(args.elf, memories, vector_table)
    options = Options(
        native=not args.portable,
        after_bootloader=not args.from_reset,
        seed=args.seed,
        feed=load_feed(args.feed) if args.feed else AT_REST,
        sensor=not args.no_sensor,
    )
    machine = Machine(board.facts.chip, image, options)
    machine.chip.uart.set_pacing(args.pacing == "baud")
    link, path = open_pty() if args.pty else (Link(args.fd, is_pty=False), None)
    real_time = RealTime() if args.time == "real" else None
    session = Session(machine, link, channel, real_time)
    session.join("usb" if args.via == "usb" else "uart")
    machine.cable.plug(args.via != "uart" and not args.no_cable)
    session.emit("ready", pty=path, hook=machine.runner.name)
    if path and channel is None:
        print(path, flush=True)
    return session


def main() -> int:
    """Run until the users are gone; 2 when the image cannot be run."""
    args = _arguments()
    # Ctrl-C is for the parent, which closes the channels; a terminal sends it to both.
    if args.control_fd is not None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    _end_with_parent()
    channel = Channel(args.control_fd) if args.control_fd is not None else None
    try:
        _start(args, channel).serve()
    except EndedError:
        return 0
    except TinyhilError as error:
        if channel:
            channel.send({"event": "error", "message": str(error)})
        else:
            print(f"hil.emulator: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
