"""Is it the right device, does the line hold, did the firmware survive, does it all fit?"""

from __future__ import annotations

import os
from typing import NoReturn

import pytest

from hil.device import Device
from hil.errors import DeviceError
from hil.firmware.build import source_hash
from hil.record import Run
from hil.run.steps import Job, Options
from hil.suite.failures import none_of
from hil.verdict.findings import Finding


def test_identity(hil_options: Options, hil_job: Job, hil_device: Device) -> None:
    """The device is the board that was named and carries this model and this firmware."""
    who = hil_device.identity
    wrong = [
        f"{what}: expected {expected}, got {got}"
        for what, expected, got in (
            ("board", hil_options.board.name, who.board),
            ("SHA-256 of int8.tflite", hil_job.folder.model_hash, who.model_hash.hex()),
            ("hash of the firmware's sources", source_hash().hex(), who.firmware_hash.hex()),
        )
        if got != expected
    ]
    if wrong:
        pytest.fail("\n".join(wrong), pytrace=False)


@pytest.mark.parametrize("content", ["zeros", "ones", "random"])
def test_bytes_arrive(hil_device: Device, content: str) -> None:
    """Frames of every length up to the largest arrive whole, whatever is in them."""
    largest = hil_device.identity.max_body
    fill = {"zeros": bytes, "ones": lambda n: b"\xff" * n, "random": os.urandom}[content]
    sizes = [1, 253, 254, 255, largest // 2, largest - 1, largest]
    try:
        arrived = hil_device.discard(fill(size) for size in sizes)
    except DeviceError as error:
        pytest.fail(str(error), pytrace=False)
    assert arrived == sum(sizes)


def test_link(hil_findings: list[Finding], hil_run: Run) -> None:
    """The line neither loses nor damages more than retransmission is meant for."""
    assert hil_run.link is not None or hil_run.incomplete, "the link's counters were not read"
    none_of(hil_findings, "link", "damaged-frames")


def test_run_is_complete(hil_findings: list[Finding]) -> None:
    """Every window was measured."""
    none_of(hil_findings, "link", "incomplete")


def test_no_fault(hil_findings: list[Finding]) -> None:
    """The firmware neither crashed nor restarted."""
    none_of(hil_findings, "device", "fault")


def test_memory_within_budget(hil_findings: list[Finding], hil_run: Run) -> None:
    """Flash, RAM and the stack's high-water mark are within what the board has."""
    if hil_run.memory is None:
        _skip_or_fail(hil_run, "this back end has no board's memory")
    none_of(hil_findings, "device", "memory")


#: What a layer's count may have more than its share of the inference's: the stamp after it, with a
#: board's flash and interrupts; on an emulator some 15 instructions.
STAMP = 200


def test_cycles_are_counted(hil_options: Options, hil_run: Run) -> None:
    """An emulator counts instructions and states no cycles as measured; a board the reverse."""
    counted = [layer.instructions or layer.cycles or 0 for layer in hil_run.device_layers]
    total = hil_run.instructions_per_inference or hil_run.cycles_per_inference
    if total is None:
        _skip_or_fail(hil_run, "this back end counts nothing that means something for a board")
    assert min(counted) > 0
    assert abs(sum(counted) - total) <= STAMP * len(counted)
    assert (hil_run.cycles_per_inference is None) == hil_run.identity.emulated
    assert hil_run.identity.clock_hz == hil_options.board.facts.clock_hz


def _skip_or_fail(run: Run, reason: str) -> NoReturn:
    """Skip what the back end cannot do; fail where the run ended before it came to that."""
    if run.incomplete is not None:
        pytest.fail(f"not measured: {run.incomplete}", pytrace=False)
    pytest.skip(reason)
