"""The firmware on the real Renode, held against the embedded emulator. Skipped where it is not."""

from __future__ import annotations

import os
import re
import secrets
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from on_renode import WINDOWS, Image, Opened, everything, function

from hil.backend.base import Transport
from hil.backend.embedded import EmbeddedBackend
from hil.backend.renode import RenodeBackend
from hil.board import PROJECT_DIR, load_board
from hil.device import Device
from hil.firmware.build import build
from hil.model_folder import load_model_folder
from hil.reference.inputs import load_inputs
from hil.wire.messages import DataForm

#: What upstream's models log although the firmware is right: bits of a register that they do not
#: model, written as reserved or to switch everything off, and ERRORSRC. Up to 1.15.3 also SHCSR,
#: whose faults then arrive all the same, and DEMCR, for a DWT that always counts.
HARMLESS = re.compile(
    r"nvic: Changing value of the SHCSR register to 0x70000|"
    r"nvic: Unhandled (read from|write to) offset 0xDFC|"
    r"rtc1: Unhandled write to offset 0x3[04]8|"
    r"uart0: Unhandled write to offset 0x(308|50C|514)\.|"
    r"uart0: Unhandled write to offset 0x480, value 0xF|"
    r"uart0: Received a character, but the receiver is disabled"
)


@dataclass
class Recorded:
    """A transport that notes what goes through it."""

    transport: Transport
    notes: list[tuple[str, bytes]] = field(default_factory=list)

    def read(self, timeout: float) -> bytes:
        data = self.transport.read(timeout)
        self.notes.append(("read", data))
        return data

    def write(self, data: bytes) -> None:
        self.notes.append(("write", data))
        self.transport.write(data)

    def close(self) -> None:
        self.transport.close()


def test_agrees_with_the_embedded_emulator(
    image: Image, opened: Opened, windows: list[bytes]
) -> None:
    """Every output, every layer's CRC, and instructions, of an inference and of each layer."""
    renode = Device(opened(RenodeBackend(), image))
    embedded = Device(opened(EmbeddedBackend(), image))
    renode.identify(expect_board=image[0])
    embedded.identify(expect_board=image[0])
    assert everything(renode, windows) == everything(embedded, windows)
    assert renode.link().overruns == 0


@pytest.mark.parametrize("model", ["lstm", "dense"])
def test_agrees_on_the_other_models(installed: str, opened: Opened, model: str) -> None:
    folder = PROJECT_DIR / "test_vectors" / "models" / model
    image = ("nano33", build(load_board("nano33"), folder))
    windows = load_inputs(load_model_folder(folder), None, WINDOWS).raw_bytes()
    answers = []
    for backend in (RenodeBackend(), EmbeddedBackend()):
        device = Device(opened(backend, image))
        device.identify(expect_board="nano33")
        answers.append(everything(device, windows))
    assert answers[0] == answers[1]


def test_agrees_on_a_model_of_millions_of_instructions(
    installed: str, opened: Opened, tmp_path: Path
) -> None:
    """MLPerf Tiny's visual wake words: no answer takes too long for the session's time-outs."""
    folder = os.environ.get("TINYHIL_MLPERF_DIR")
    if folder is None:
        pytest.skip("TINYHIL_MLPERF_DIR does not name the folder of MLPerf Tiny's models")
    command = [sys.executable, "-m", "hil.cli", "import", "--out", str(tmp_path / "vww")]
    model = Path(folder) / "vww_96_int8.tflite"
    subprocess.run([*command, "--int8", str(model)], cwd=PROJECT_DIR, check=True)
    image = ("nano33", build(load_board("nano33"), tmp_path / "vww"))
    answers = []
    for backend in (RenodeBackend(), EmbeddedBackend()):
        device = Device(opened(backend, image))
        window = bytes(i * 31 & 0xFF for i in range(device.identify().input_size))
        (reply,) = device.infer([window], DataForm.INT8)
        cycles = device.cycles(window, DataForm.INT8)
        answers.append((reply.output, device.tap(window, DataForm.INT8), cycles))
        assert cycles[0] > 5_000_000
        assert device.link().retransmissions == 0
    assert answers[0] == answers[1]


def test_counts_are_those_of_renodes_monitor(image: Image, opened: Opened) -> None:
    """The DWT that the firmware reads against Renode's own count at each reading."""
    backend = RenodeBackend()
    device = Device(opened(backend, image))
    device.identify(expect_board=image[0])
    backend.link.mark(function(image[1], "hal_cycles"))
    total, layers = device.cycles(bytes(device.identity.input_size), DataForm.INT8)
    counts = [count for _, count in backend.link.marks()]
    assert list(np.diff(counts)) == layers
    assert counts[-1] - counts[0] == total
    before = backend.counters()
    assert before is not None
    assert int(backend.link.monitor("cpu ExecutedInstructions"), 16) == before.instructions


def test_the_same_run_twice_is_the_same(
    image: Image, opened: Opened, windows: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same bytes both ways, in the same portions, after the same number of instructions."""
    monkeypatch.setattr(secrets, "randbelow", lambda limit: limit // 3)  # HELLO's number
    runs = []
    for _ in range(2):
        backend = RenodeBackend()
        recorded = Recorded(opened(backend, image))
        device = Device(recorded)
        device.identify(expect_board=image[0])
        everything(device, windows)
        runs.append((recorded.notes, backend.counters()))
    assert runs[0] == runs[1]
    assert len(runs[0][0]) > 2 * WINDOWS


def test_no_access_goes_where_nothing_is(
    image: Image, opened: Opened, windows: list[bytes]
) -> None:
    backend = RenodeBackend()
    device = Device(opened(backend, image))
    device.identify(expect_board=image[0])
    everything(device, windows)
    complaints = [
        line
        for line in backend.log().splitlines()
        if ("[WARNING]" in line or "[ERROR]" in line) and not HARMLESS.search(line)
    ]
    assert complaints == []
