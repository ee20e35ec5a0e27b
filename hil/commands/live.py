"""`tinyhil live`: what a board makes of its own sensor, as it happens, and the host beside it."""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Final

from hil.board import load_board
from hil.commands.capture import SILENCE_S
from hil.errors import DeviceError, InputError, clean
from hil.model_folder import load_model_folder
from hil.run.target import Target, Wanted
from hil.sensor import attach
from hil.sensor.predict import Prediction, Predictor, Windows
from hil.sensor.stream import LOOK_S, Stream, sensor_of
from hil.verdict.rules.wording import plural

BAR: Final = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    attach.add_arguments(parser)
    parser.add_argument(
        "--model", required=True, type=Path, help="model folder (tinyhil train, import)"
    )
    parser.add_argument(
        "--every",
        type=float,
        default=0.25,
        metavar="S",
        help="seconds between predictions (%(default)g)",
    )
    parser.add_argument(
        "--count", type=int, metavar="N", help="end after N predictions (default: Ctrl-C)"
    )


def execute(args: argparse.Namespace) -> int:
    """Predict until Ctrl-C or --count; 1 when board and host ever gave other bytes."""
    if not 0.01 <= args.every <= 60 or (args.count is not None and args.count < 1):
        raise InputError("--every is from 0.01 to 60 seconds, --count at least 1")
    motion = attach.Motion(args.feed, real_time=not args.fast)
    wanted = Wanted(args.backend, args.port, args.via)
    tally = _Tally(args.json)
    try:
        with attach.attach(load_board(args.board), wanted, args.model, motion, _aside) as target:
            tally.target = target
            _predict(args, target, tally)
    except KeyboardInterrupt:
        pass
    return tally.end()


def _aside(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _predict(args: argparse.Namespace, target: Target, tally: _Tally) -> None:
    predictor = Predictor(target.device, load_model_folder(args.model))
    sensor = sensor_of(target.device)
    windows = Windows(predictor.length, args.every, sensor.rate / 1000)
    heard = time.monotonic()
    with Stream(target.device) as stream:
        while True:
            batches = stream.fetch()
            if batches:
                heard = time.monotonic()
            elif time.monotonic() - heard > SILENCE_S:
                raise DeviceError(f"the sensor has given no sample for {SILENCE_S:g} s")
            else:
                time.sleep(LOOK_S)
            for batch in batches:
                if batch.broken:
                    tally.gap()
                for second, window in windows.add(batch):
                    tally.add(predictor.predict(window, second))
                    if tally.count == args.count:
                        return


class _Tally:
    """Shows predictions and counts how often board and host agreed."""

    def __init__(self, as_json: bool) -> None:
        self.count = self.disagreed = self._gaps = 0
        self._labels: Counter[str] = Counter()
        self._costs: list[float] = []
        self.target: Target | None = None
        self._as_json = as_json

    def gap(self) -> None:
        self._gaps += 1
        _aside("samples were lost: the next window begins anew")

    def add(self, made: Prediction) -> None:
        self.count += 1
        self.disagreed += not made.agrees
        self._labels[made.label] += 1
        self._costs.append(self._cost(made)[1])
        print(self._line(made) if self._as_json else self._text(made), flush=True)

    @property
    def _is_counted(self) -> bool:
        """An emulator's counter counts instructions: never a time."""
        return self.target is not None and self.target.emulated

    @property
    def _unit(self) -> str:
        return "instructions" if self.target is None or self._is_counted else "ms"

    def _cost(self, made: Prediction) -> tuple[str, float]:
        if self.target is None or self._is_counted:
            return self._unit, made.cycles
        return self._unit, 1000 * made.cycles / self.target.identity.clock_hz

    def _number(self, cost: float) -> str:
        return f"{cost:,.{0 if self._unit == 'instructions' else 2}f}"

    def _text(self, made: Prediction) -> str:
        unit, cost = self._cost(made)
        bar = "█" * round(BAR * made.confidence)
        host = (
            "host: the same bytes"
            if made.agrees
            else f"HOST DIFFERS: {clean(made.host_label, 40)} {made.host_confidence:.3f}"
        )
        return (
            f"{made.second:8.2f} s  {clean(made.label, 40):<12} {made.confidence:.3f} {bar:<{BAR}} "
            f"{self._number(cost)} {unit}  {host}"
        )

    def _line(self, made: Prediction) -> str:
        unit, cost = self._cost(made)
        return json.dumps({
            "second": round(made.second, 6), "class": made.label, "confidence": made.confidence,
            "host_class": made.host_label, "host_confidence": made.host_confidence,
            "agrees": made.agrees, unit: cost, "output": made.output.hex(),
            "expected": made.expected.hex(),
        })  # fmt: skip

    def end(self) -> int:
        """Say how it went; return the exit code."""
        agreed = self.count - self.disagreed
        classes = ", ".join(f"{clean(name, 40)} {n}" for name, n in self._labels.most_common())
        _aside(f"\n{plural(self.count, 'window')}{f': {classes}' if classes else ''}")
        if self.count:
            _aside(f"board and host gave the same bytes in {agreed} of {self.count}")
            middle, least, most = (
                self._number(f(self._costs)) for f in (statistics.median, min, max)
            )
            what = "an inference, on the board" if self._unit == "ms" else "an inference"
            _aside(f"{what}: {middle} {self._unit} (median; {least} to {most})")
        _aside(f"samples lost: {'at ' + plural(self._gaps, 'place') if self._gaps else 'none'}")
        return 1 if self.disagreed else 0
