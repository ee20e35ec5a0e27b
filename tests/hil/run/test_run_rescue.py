"""Whole runs on firmware that is unplugged, or hangs, in mid-run."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from fake_device import MODEL
from mishaps import before_write

from hil.backend import hardware
from hil.backend.hardware import HardwareBackend
from hil.backend.host import build_host
from hil.board import load_board
from hil.device import Device
from hil.record import Run
from hil.run.steps import Job, Options, prepare, run_on
from hil.run.target import Target
from hil.verdict.diagnose import diagnose

BOARD = load_board("nano33")
OPTIONS = Options(
    board=BOARD, backend="hardware", port=None, model=MODEL, vectors=None, limit=24,
    max_drop=2.0, command="", quiet=True,
)  # fmt: skip


@pytest.fixture(scope="module")
def job() -> Job:
    return prepare(replace(OPTIONS, backend="host"))  # nothing is plugged in yet


def problems(run: Run) -> set[str]:
    return {f"{f.stage}/{f.cause}" for f in diagnose(run) if f.severity == "problem"}


@dataclass
class Listed:
    """One port as pyserial lists it."""

    device: str
    serial_number: str = "ABC"
    vid: int = BOARD.usb_ids[0][0]
    pid: int = BOARD.usb_ids[0][1]
    location: str | None = None
    description: str = "board"
    manufacturer: str | None = None


class Usb:
    """A board on USB: the host's firmware as a process; each plugging gives the port a new name."""

    def __init__(self, program: Path) -> None:
        self._program = program
        self.ports: list[Listed] = [Listed("/dev/somebody-else's", "XYZ")]
        self.plugged = 0
        self.plug()

    def plug(self) -> None:
        environment = {**os.environ, "TINYHIL_BOOT": str(1 + self.plugged)}
        self._process = subprocess.Popen(
            [str(self._program)], env=environment, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        self.plugged += 1
        self.ports.append(Listed(self._process.stdout.readline().strip()))

    def unplug(self) -> None:
        self._process.kill()
        self._process.communicate()
        self.ports.pop()

    def freeze(self) -> None:
        self._process.send_signal(signal.SIGSTOP)


@pytest.fixture
def usb(monkeypatch: pytest.MonkeyPatch) -> Iterator[Usb]:
    made = Usb(build_host(BOARD, None))
    monkeypatch.setattr("serial.tools.list_ports.comports", lambda: made.ports)
    monkeypatch.setattr(hardware, "POLL_S", 0.01)
    yield made
    made.unplug()


def measure(usb: Usb, job: Job, at: int, event: Callable[[], None]) -> tuple[Run, list[str]]:
    """Run on the board; `event` happens before its `at`th write."""
    backend, said = HardwareBackend(), list[str]()
    transport = backend.open(BOARD, None, usb.ports[-1].device)
    before_write(transport, at, event)
    device = Device(transport, patience=0.5)
    target = Target(BOARD, backend, device, device.identify(), None)
    try:
        return run_on(target, OPTIONS, job, said.append), said
    finally:
        device.close()


@pytest.mark.parametrize("at", [4, 12, 30])
def test_a_board_that_is_plugged_in_again_is_gone_on_with(usb: Usb, job: Job, at: int) -> None:
    untouched, said = measure(usb, job, 10**9, lambda: None)
    assert said == []

    def replug() -> None:
        usb.unplug()
        usb.plug()

    run, said = measure(usb, job, at, replug)
    assert usb.plugged == 2
    assert [c.scores for c in run.columns] == [c.scores for c in untouched.columns]
    assert run.comparisons == untouched.comparisons
    assert run.incomplete is None
    assert run.fault is None
    assert any("has gone" in note and "the run went on" in note for note in run.notes)
    assert any(line.endswith("; trying to go on") for line in said)
    assert problems(run) == problems(untouched)


def test_a_board_that_stays_away_ends_the_run_with_what_was_measured(
    usb: Usb, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hardware, "REPLUG_S", 0.1)

    def swap() -> None:
        usb.unplug()
        usb.ports.append(Listed("/dev/another", "DEF"))

    run, _ = measure(usb, job, 12, swap)
    usb.plug()  # for the fixture's end
    assert run.incomplete is not None
    assert "has gone" in run.incomplete
    assert not run.notes


def test_a_board_that_hangs_and_is_reset_by_hand_is_a_fault(usb: Usb, job: Job) -> None:
    def hang_until_reset() -> None:
        usb.freeze()
        original = HardwareBackend._restart

        def press(self: HardwareBackend) -> None:
            HardwareBackend._restart = original  # type: ignore[method-assign]
            usb.unplug()
            usb.plug()

        HardwareBackend._restart = press  # type: ignore[method-assign]

    run, _ = measure(usb, job, 12, hang_until_reset)
    assert run.incomplete is None
    assert run.fault is not None
    assert run.fault.startswith("no answer for 0.5 s: ")
    assert "the run went on" in run.fault
    assert "device/fault" in problems(run)
