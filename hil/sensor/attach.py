"""A board whose sensor is wanted: an emulated one is given a feed, a real one is left as it is."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from hil.backend.base import Backend, choose, load
from hil.board import Board, board_names
from hil.device import Device
from hil.device_options import add_device_options
from hil.errors import DeviceError, InputError, clean
from hil.model_folder import load_model_folder
from hil.run.target import REFERENCE_MODEL, Say, Target, Wanted, connect
from hil.sensor.feed import feed_file, feed_samples

#: Why a sensor cannot be moved, by back end. tests/renode/test_renode_sensor.py feeds Renode's
#: LSM9DS1 sample by sample and gets the bytes back; what a recording also needs, it has not got.
UNMOVED: Final = {
    "hardware": "a board's sensor is moved by hand",
    "host": "this firmware's port has no motion sensor",
    "renode": "Renode's LSM9DS1 has no clock: a sample is there whenever it is read, so that a "
    "recording would have the rate of the reads, not 119 Hz; and there is no LSM6DSM",
}


@dataclass(frozen=True)
class Motion:
    """What moves an emulated sensor. real_time: by the host's clock, else as fast as is asked."""

    feed: Path | None = None
    label: str | None = None
    real_time: bool = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that name a board and what moves it."""
    parser.add_argument("--board", required=True, choices=board_names())
    add_device_options(parser.add_argument, emulator="with --feed or --fast the embedded emulator")
    parser.add_argument(
        "--feed", type=Path, metavar="FILE.npz", help="windows that move an emulated sensor"
    )
    parser.add_argument(
        "--fast",
        action="store_true",
        help="an emulated sensor does not wait for the clock: as fast as samples are fetched",
    )


@contextmanager
def attach(
    board: Board, wanted: Wanted, model: Path | None, motion: Motion, say: Say
) -> Iterator[Target]:
    """Build, boot or find the device and check who it is; see `hil.run.target.connect`.

    model: None takes a real board with whatever model it carries. What moves an emulated sensor is
    never dropped in silence: `auto` is then the emulator, whatever is plugged in.
    """
    moved = motion.feed is not None or not motion.real_time
    if moved and wanted.backend == "auto" and wanted.port is None:
        wanted = replace(wanted, backend="embedded")
    with ExitStack() as stack:
        if choose(wanted.backend, wanted.port, board) == "hardware":
            if moved:
                raise InputError(_unmoved("hardware"))
            if model is None:
                yield stack.enter_context(_as_it_is(board, wanted))
                return
        elif wanted.backend == "auto":
            # A recording of an emulated sensor that lies still would pass for a board's.
            raise DeviceError(
                f"no {board.title} found: plug it in or name its --port; without a board, --feed "
                "moves an emulated sensor, and --backend embedded lets one lie still"
            )
        prepare = _prepare(stack, board, motion)
        folder = load_model_folder(model or REFERENCE_MODEL)
        target = stack.enter_context(connect(board, wanted, folder, say, prepare))
        with _crash_told(target):
            yield target


def _unmoved(backend: str) -> str:
    return f"--feed and --fast need --backend embedded: {UNMOVED.get(backend, backend)}"


@contextmanager
def _crash_told(target: Target) -> Iterator[None]:
    """Say what is known of a crash where a board has fallen silent."""
    try:
        yield
    except DeviceError as error:
        crash = target.backend.crash_report()
        if crash is None:
            raise
        raise DeviceError(f"{error}; {clean(crash, 400)}") from None


def _prepare(stack: ExitStack, board: Board, motion: Motion) -> Callable[[Backend], None]:
    feed = None
    if motion.feed is not None:
        samples = feed_samples(motion.feed, board, motion.label)
        feed = stack.enter_context(feed_file(samples))

    def prepare(backend: Backend) -> None:
        if feed is None and motion.real_time:
            return
        move = getattr(backend, "move_sensor", None)
        if move is None:
            raise InputError(_unmoved(backend.name))
        move(feed, motion.real_time)

    return prepare


@contextmanager
def _as_it_is(board: Board, wanted: Wanted) -> Iterator[Target]:
    backend = load("hardware", wanted.via)
    try:
        device = Device(backend.open(board, None, wanted.port))
        identity = device.identify(expect_board=board.name)
        yield Target(board, backend, device, identity, None)
    finally:
        backend.close()
