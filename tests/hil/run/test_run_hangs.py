"""Whole runs on real firmware that hangs in mid-run: restarted by breaks, told, and gone on with.

The endless loop is planted in the emulated flash before a request, and taken out once the board has
restarted, as if what it hung on had been a rare accident.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import serial
from elftools.elf.elffile import ELFFile
from fake_device import MODEL
from mishaps import Listed, before_write

from hil.backend import hardware, serial_transport
from hil.backend.base import Transport
from hil.backend.embedded import EmbeddedBackend
from hil.backend.hardware import HardwareBackend
from hil.board import Board, load_board
from hil.device import Device
from hil.errors import LinkError
from hil.firmware.build import build
from hil.record import Run
from hil.report.page import render
from hil.run.rescue import Rescuer
from hil.run.steps import Job, Options, prepare, run_on
from hil.run.target import Target
from hil.verdict.diagnose import diagnose

pytest.importorskip("unicorn")

BOARDS = ("nano33", "sensortile")
FOR_EVER = "fee7"  # b .
#: Of the board's answer; an emulator on a busy host takes most of it.
PATIENCE_S = 1.0


def options(board: Board, backend: str) -> Options:
    return Options(
        board=board, backend=backend, port=None, model=MODEL, vectors=None, limit=6,
        max_drop=2.0, command="", quiet=True,
    )  # fmt: skip


@pytest.fixture(scope="module")
def job() -> Job:
    return prepare(options(load_board("nano33"), "embedded"))


class Loop:
    """An endless loop at the model's start, planted and taken out."""

    def __init__(self, backend: EmbeddedBackend, elf: Path) -> None:
        with elf.open("rb") as file:
            table = ELFFile(file).get_section_by_name(".symtab")
            (found,) = table.get_symbol_by_name("model_reset")
        self.address = int(found["st_value"]) & ~1
        self._backend = backend
        self._code = backend.request("peek", address=self.address, size=2)["data"]

    def plant(self) -> None:
        self._backend.request("poke", address=self.address, data=FOR_EVER)

    def take_out(self) -> None:
        self._backend.request("poke", address=self.address, data=self._code)


def take_out_on_revival(backend: EmbeddedBackend | HardwareBackend, loop: Loop) -> None:
    revive = backend.revive

    def revive_and_mend(error: LinkError) -> Transport:
        try:
            return revive(error)
        finally:
            loop.take_out()

    backend.revive = revive_and_mend  # type: ignore[method-assign]


def measure(board: Board, via: str, job: Job, hangs_at: int) -> tuple[Run, list[str], int]:
    """Run on the embedded emulator; return the record, what was said, and where the loop lies."""
    backend, elf, said = EmbeddedBackend(via=via), build(board, None), list[str]()
    transport = backend.open(board, elf, None)
    try:
        loop = Loop(backend, elf)
        take_out_on_revival(backend, loop)
        device = Device(transport, patience=PATIENCE_S)
        target = Target(board, backend, device, device.identify(), elf)
        before_write(transport, hangs_at, loop.plant)
        return run_on(target, options(board, "embedded"), job, said.append), said, loop.address
    finally:
        backend.close()


def results(run: Run) -> Any:
    """Return all of a record that a hang must not change."""
    return [c.scores for c in run.columns], run.comparisons, run.device_layers, run.incomplete


def problems(run: Run) -> set[str]:
    return {f"{f.stage}/{f.cause}" for f in diagnose(run) if f.severity == "problem"}


@pytest.fixture(scope="module")
def run_untouched(job: Job) -> Callable[[str], Run]:
    @cache
    def untouched(name: str) -> Run:
        run, said, _ = measure(load_board(name), "uart", job, 10**9)
        assert run.fault is None
        assert said == []
        return run

    return untouched


@pytest.mark.parametrize("via", ["uart", "usb"])
@pytest.mark.parametrize("name", BOARDS)
def test_a_run_goes_on_after_a_hang_with_the_same_results(
    name: str, via: str, job: Job, run_untouched: Callable[[str], Run]
) -> None:
    board = load_board(name)
    untouched = run_untouched(name)
    run, said, address = measure(board, via, job, 9)
    assert results(run) == results(untouched)
    assert run.fault is not None
    told, place = run.fault.splitlines()
    assert told.startswith(f"no answer for {PATIENCE_S:g} s: embedded emulator")
    assert "the run went on" in told
    assert place.startswith(
        f"a hang, which breaks on the line ended, at pc={address:#010x} (model_reset"
    )
    assert any("trying to go on: restarting it" in line for line in said)
    assert problems(run) == problems(untouched) | {"device/fault"}
    assert f"{address:#010x}" in render([run], [diagnose(run)])


def test_what_hears_no_break_gets_its_button_pressed(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Interrupts that stay masked: cpsid i before the loop."""
    monkeypatch.setattr("hil.backend.embedded.BREAKS", 4)
    monkeypatch.setattr(f"{__name__}.FOR_EVER", "72b6fee7")
    run, _, _ = measure(load_board("nano33"), "uart", job, 9)
    assert run.incomplete is None
    assert run.fault is not None
    assert "a hang" not in run.fault, "nothing could note where it was"


class EmulatedPort:
    """pyserial's Serial, as far as it is used, with an emulated board behind it.

    On USB a port ends when its board restarts; opened again, it is another. While the board has not
    taken everything it is as Linux's: a write waits, a break would wait for ever, and what waits is
    discarded on request by a driver that `discards`, else by closing the port.
    """

    def __init__(
        self, backend: EmbeddedBackend, usb: bool, write_timeout: float, discards: bool
    ) -> None:
        self._backend, self._usb = backend, usb
        self._write_timeout, self._discards = write_timeout, discards
        self._waiting = b""
        self._restarted = self.has_gone = False

    @property
    def in_waiting(self) -> int:
        if self.has_gone:
            raise serial.SerialException("device disconnected")
        return len(self._waiting)

    def read(self, size: int) -> bytes:
        if self.has_gone:
            raise serial.SerialException("device disconnected")
        self._waiting += self._backend.transport.read(0.02) if not self._waiting else b""
        data, self._waiting = self._waiting[:size], self._waiting[size:]
        return data

    def write(self, data: bytes) -> None:
        if self.has_gone:
            raise serial.SerialException("device disconnected")
        self._backend.transport.write(data)
        deadline = time.monotonic() + self._write_timeout
        time.sleep(0.005)  # for the emulator to fetch it
        while self.out_waiting:
            if time.monotonic() >= deadline:
                raise serial.SerialTimeoutException("Write timeout")
            time.sleep(0.005)

    @property
    def out_waiting(self) -> int:
        """Not the bytes: cdc-acm overcounts, too."""
        return self._usb and not self._backend.request("usb", action="state")["drained"]

    def reset_output_buffer(self) -> None:
        if self._usb and self._discards:
            self._backend.request("usb", action="discard")

    def send_break(self) -> None:
        if self._restarted:
            return
        if self.out_waiting:
            pytest.fail("Linux would wait here for ever")
        self._backend.emulator.events.clear()
        self._backend.request("break", via=self._backend.via)
        event = self._backend.emulator.poll(0.3)
        self._restarted = event is not None and event["event"] == "reset"
        self.has_gone = self._usb and self._restarted

    def close(self) -> None:
        self._waiting = b""
        if self._usb and not self.has_gone:
            self._backend.request("usb", action="discard")


@dataclass
class Rescued:
    """A device behind the hardware back end, which is a port with an emulated board behind it."""

    device: Device
    rescuer: Rescuer
    loop: Loop
    opened: list[EmulatedPort]


@contextlib.contextmanager
def rescued(
    name: str, via: str, monkeypatch: pytest.MonkeyPatch, *, discards: bool = True
) -> Iterator[Rescued]:
    """Yield it; the loop is taken out once the board has restarted."""
    board, emulated = load_board(name), EmbeddedBackend(via=via)
    emulated.open(board, build(board, None), None)
    opened: list[EmulatedPort] = []

    def open_port(*_: object, write_timeout: float, **__: object) -> EmulatedPort:
        opened.append(EmulatedPort(emulated, via == "usb", write_timeout, discards))
        return opened[-1]

    ids = board.usb_ids[0] if via == "usb" else (None, None)
    monkeypatch.setattr(serial, "serial_for_url", open_port)
    monkeypatch.setattr("serial.tools.list_ports.comports", lambda: [Listed(*ids)])
    # By the host's clock an emulator may be slower than a board, and is never asked too often.
    monkeypatch.setattr(hardware, "BREAKS", 20)
    monkeypatch.setattr(serial_transport, "BREAK_GAP_S", 0.0)
    monkeypatch.setattr(serial_transport, "_WRITE_TIMEOUT", PATIENCE_S)
    monkeypatch.setattr(serial_transport, "_EMPTY_S", 0.05)
    monkeypatch.setattr(
        HardwareBackend, "_restart_by_bootloader", lambda _: pytest.fail("breaks are enough")
    )
    backend = HardwareBackend()
    try:
        transport = backend.open(board, None, "/dev/emulated")
        loop = Loop(emulated, build(board, None))
        take_out_on_revival(backend, loop)
        rescuer = Rescuer(backend, lambda _: None)
        device = Device(transport, timeout=PATIENCE_S / 4, patience=PATIENCE_S)
        yield Rescued(device, rescuer, loop, opened)
    finally:
        backend.close()
        emulated.close()


@pytest.mark.parametrize(("name", "via"), [("nano33", "usb"), ("sensortile", "uart")])
def test_the_hardware_back_end_restarts_a_board_by_breaks(
    name: str, via: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No bootloader and no button: the same port, or on USB the one that comes back."""
    with rescued(name, via, monkeypatch) as bench:
        before = bench.device.identify()
        bench.device.guard(bench.rescuer, bench.rescuer.succeeded)
        bench.loop.plant()
        assert len(list(bench.device.infer([bytes(before.input_size)]))) == 1
        identity, fault = bench.device.identify(), bench.device.last_fault()
    assert identity == replace(before, boot_id=before.boot_id + 1, reset_cause="HANG")
    assert fault is not None
    assert fault.pc == bench.loop.address
    assert len(bench.opened) == 2
    assert bench.opened[0].has_gone == (via == "usb")


@pytest.mark.parametrize("discards", [True, False], ids=["discards", "closes"])
@pytest.mark.parametrize("name", BOARDS)
def test_a_board_that_takes_no_more_bytes_hangs(
    name: str, discards: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over USB the requests under way fill its buffer, and it is the write that times out."""
    with rescued(name, "usb", monkeypatch, discards=discards) as bench:
        before = bench.device.identify()
        bench.device.guard(bench.rescuer, bench.rescuer.succeeded)
        inputs = [bytes([i]) * before.input_size for i in range(20)]
        expected = list(bench.device.infer(inputs))
        bench.loop.plant()
        assert list(bench.device.infer(inputs)) == expected
        fault = bench.device.last_fault()
    (told,) = bench.rescuer.hangs
    # On a busy computer the requests may all be written before the emulator takes the first: then
    # it is the answers that do not come. What the port itself says: test_serial_transport.py.
    assert re.match(rf"no answer for {PATIENCE_S:g} s(, and /dev/emulated takes no bytes)?: ", told)
    assert bench.rescuer.returns == []
    assert fault is not None
    assert fault.pc == bench.loop.address
    assert len(bench.opened) == (2 if discards else 3)
