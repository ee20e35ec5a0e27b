"""`tinyhil capture`: record labelled motion with a board's sensor, to train on."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from hil.board import load_board
from hil.errors import DeviceError, InputError, clean
from hil.run.target import Target, Wanted
from hil.sensor import attach, dataset
from hil.sensor.dataset import Recorded, Recording
from hil.sensor.plot import Plot
from hil.sensor.stream import LOOK_S, Batch, Stream, self_test, sensor_of
from hil.sensor.watch import Watch
from hil.wire import messages as msg
from hil.wire.messages import SensorVerdict

DEFAULT_OUT: Final = Path("build/recordings")
#: Seconds without a sample until the sensor is given up: its first ones take a fifth of one.
SILENCE_S: Final = 5.0
MAX_SECONDS: Final = 3600


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    attach.add_arguments(parser)
    parser.add_argument(
        "--feed-all",
        action="store_true",
        help="feed every window under --label (default: only those of the class of that name)",
    )
    parser.add_argument("--label", help="what the motion is: the class to learn")
    parser.add_argument("--subject", help="whose motion it is: training keeps people apart")
    parser.add_argument(
        "--out",
        type=Path,
        default=DEFAULT_OUT,
        metavar="DIR",
        help="data set to add to (%(default)s)",
    )
    parser.add_argument(
        "--seconds",
        type=float,
        default=5.0,
        metavar="S",
        help="length of each recording (%(default)g)",
    )
    parser.add_argument(
        "--count", type=int, default=1, metavar="N", help="recordings, one after the other"
    )
    parser.add_argument(
        "--countdown", type=int, default=3, metavar="S", help="wait before each (%(default)d)"
    )
    parser.add_argument(
        "--self-test", action="store_true", help="test the sensor instead; the board lies still"
    )


def execute(args: argparse.Namespace) -> int:
    """Record, or test the sensor; 0, and 1 for a sensor that fails its test."""
    say = _Say(args.json)
    board = load_board(args.board)
    label = None if args.feed_all else args.label
    motion = attach.Motion(args.feed, label, real_time=not args.fast)
    if not args.self_test:
        _check(args)
    wanted = Wanted(args.backend, args.port, args.via)
    with attach.attach(board, wanted, None, motion, say.aside) as target:
        return _test(target, say) if args.self_test else _record(args, target, say)


def _check(args: argparse.Namespace) -> None:
    if args.label is None or args.subject is None:
        raise InputError("--label and --subject say what is recorded, and of whom")
    if args.feed_all and args.feed is None:
        raise InputError("--feed-all says what --feed feeds: give --feed FILE.npz")
    dataset.check_name("label", args.label)
    dataset.check_name("subject", args.subject)
    if not dataset.MIN_SECONDS <= args.seconds <= MAX_SECONDS:
        raise InputError(f"--seconds {args.seconds:g}: from {dataset.MIN_SECONDS} to {MAX_SECONDS}")
    if args.count < 1 or not 0 <= args.countdown <= MAX_SECONDS:
        raise InputError("--count is at least 1, --countdown at least 0")


class _Say:
    """Text for people, or lines of JSON; what is not the result goes to standard error."""

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json
        self.draws = sys.stderr.isatty() and not as_json

    def aside(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    def event(self, name: str, text: str, **details: object) -> None:
        print(json.dumps({"event": name, **details}) if self.as_json else text, flush=True)


def _record(args: argparse.Namespace, target: Target, say: _Say) -> int:
    sensor = sensor_of(target.device)
    what = f"{args.board}, {clean(sensor.name, 40)}"
    dataset.open_dataset(args.out, what, emulated=target.emulated)
    for recorded in dataset.finish_interrupted(args.out):
        _tell(recorded, sensor, say, "left by an interrupted capture")
    folder = dataset.folder_of(args.out, args.label, args.subject)
    with Stream(target.device) as stream:
        source = _Source(stream, sensor.rate / 1000, say)
        for number in range(1, args.count + 1):
            source.count_down(args.countdown, f"{args.label}, {number} of {args.count}")
            _one(source, folder, args, sensor, say)
    return 0


def _one(
    source: _Source, folder: Path, args: argparse.Namespace, sensor: msg.SensorReply, say: _Say
) -> None:
    """Record for `args.seconds`, in parts where samples were lost; what there is is kept."""
    recording = Recording(folder, args.board, sensor.rate / 1000)
    try:
        for batch in source.samples(args.seconds):
            if batch.broken:
                say.aside("samples were lost: the recording goes on in another file")
                _finish(recording, sensor, say)
                recording = Recording(folder, args.board, sensor.rate / 1000)
            recording.add(batch)
    finally:
        _finish(recording, sensor, say)


def _finish(recording: Recording, sensor: msg.SensorReply, say: _Say) -> None:
    recorded = recording.finish()
    if recorded is not None:
        _tell(recorded, sensor, say, "")
    else:
        say.aside(f"a part shorter than {dataset.MIN_SECONDS:g} s is not kept")


def _tell(recorded: Recorded, sensor: msg.SensorReply, say: _Say, remark: str) -> None:
    text = (
        f"{clean(str(recorded.path), 300)}: {recorded.seconds:.2f} s, {recorded.samples} samples "
        f"at {recorded.rate_hz:.1f} Hz" + (f" ({remark})" if remark else "")
    )
    details = vars(recorded) | {"path": str(recorded.path)}
    say.event("recorded", text, **details)
    if recorded.clipped > 0:
        say.aside(
            f"{recorded.clipped:.1%} of the samples are at the limit of ±{sensor.accel_range} g or "
            f"±{sensor.gyro_range} dps: what went beyond is lost"
        )


class _Source:
    """Samples as they come, drawn while they do. Time is the sensor's own."""

    def __init__(self, stream: Stream, nominal_hz: float, say: _Say) -> None:
        self._stream = stream
        self._nominal_hz = nominal_hz
        self._say = say
        self._plot = Plot(columns=max(20, min(shutil.get_terminal_size().columns, 120) - 30))

    def count_down(self, seconds: int, what: str) -> None:
        """Let time pass, and samples, before a recording."""
        begin = None
        told = seconds + 1
        for batch in self._batches() if seconds else ():
            begin = batch.times[0] if begin is None else begin
            left = seconds - int((batch.times[-1] - begin) // 1_000_000)
            if left < told and left > 0:
                told = left
                self._say.aside(f"{what}: {left} …")
            if left <= 0:
                break
        self._say.aside(f"{what}: now")

    def samples(self, seconds: float) -> Iterator[Batch]:
        """Yield samples for so long."""
        begin = None
        watch = Watch(self._nominal_hz)
        try:
            for batch in self._batches():
                begin = batch.times[0] if begin is None else begin
                for warning in watch.add(batch):
                    self._undraw()
                    self._say.aside(warning)
                self._plot.add(batch)
                self._draw()
                yield batch
                if batch.times[-1] - begin >= seconds * 1e6:
                    break
        finally:
            self._undraw()

    def _batches(self) -> Iterator[Batch]:
        heard = time.monotonic()
        while True:
            batches = self._stream.fetch()
            yield from batches
            if batches:
                heard = time.monotonic()
            elif time.monotonic() - heard > SILENCE_S:
                raise DeviceError(f"the sensor has given no sample for {SILENCE_S:g} s")
            else:
                time.sleep(LOOK_S)

    def _draw(self) -> None:
        if self._say.draws:
            lines = self._plot.lines()
            print("\r" + "\x1b[K\n".join(lines) + f"\x1b[K\x1b[{len(lines) - 1}A", end="",
                  file=sys.stderr, flush=True)  # fmt: skip

    def _undraw(self) -> None:
        if self._say.draws:
            print("\r\x1b[J", end="", file=sys.stderr, flush=True)


def _test(target: Target, say: _Say) -> int:
    """Run the sensor's self-test and print what each axis changed by."""
    sensor = sensor_of(target.device)
    say.aside("self-test: leave the board still for a second …")
    *_before, reply = self_test(target.device)
    passed = reply.verdict == SensorVerdict.PASSED
    changes = [on - off for off, on in zip(reply.off, reply.on, strict=True)]
    accel = [c * reply.accel_unit for c in changes[:3]]
    gyro = [c * reply.gyro_unit for c in changes[3:]]
    lines = [
        f"{clean(sensor.name, 40)}: self-test {'passed' if passed else 'NOT PASSED'}",
        _change("accelerometer", accel, "g", reply.accel_limits),
        _change("gyroscope", gyro, "dps", reply.gyro_limits),
    ]
    say.event(
        "self-test", "\n".join(lines), passed=passed, sensor=clean(sensor.name, 40), accel_g=accel,
        gyro_dps=gyro, accel_limits_g=list(reply.accel_limits),
        gyro_limits_dps=list(reply.gyro_limits),
    )  # fmt: skip
    return 0 if passed else 1


def _change(name: str, values: list[float], unit: str, limits: tuple[float, ...]) -> str:
    axes = ", ".join(f"{axis} {value:+.2f}" for axis, value in zip("xyz", values, strict=True))
    return f"  {name}: {axes} {unit}; must be {limits[0]:g} to {limits[1]:g} either way"
