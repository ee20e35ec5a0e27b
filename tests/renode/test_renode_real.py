"""The firmware on the real Renode, held against the embedded emulator. Skipped where it is not."""

from __future__ import annotations

import os
import re
import secrets
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from elftools.elf.elffile import ELFFile
from stand_in import HANG_S, alive, wait_until

from hil.backend.base import Backend, Transport
from hil.backend.embedded import EmbeddedBackend
from hil.backend.renode import RenodeBackend
from hil.board import PROJECT_DIR, load_board
from hil.device import Device
from hil.errors import LinkError, NoAnswerError
from hil.firmware.build import build
from hil.model_folder import load_model_folder
from hil.reference.inputs import load_inputs
from hil.wire.messages import DataForm

Image = tuple[str, Path]
WINDOWS = 8

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


@pytest.fixture
def opened() -> Iterator[Callable[[Backend, Image], Transport]]:
    """Boot an image on a back end, which is closed at the end."""
    backends: list[Backend] = []

    def open_(backend: Backend, image: Image) -> Transport:
        backends.append(backend)
        return backend.open(load_board(image[0]), image[1], None)

    yield open_
    for backend in backends:
        backend.close()


Opened = Callable[[Backend, Image], Transport]


@pytest.fixture(scope="session")
def windows() -> list[bytes]:
    """Return some of the committed model's windows as the device takes them, raw."""
    folder = load_model_folder(PROJECT_DIR / "test_vectors" / "models" / "cnn")
    return load_inputs(folder, None, WINDOWS).raw_bytes()


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


def everything(device: Device, windows: list[bytes]) -> list[object]:
    """Ask what depends on the model or on counting; return the answers."""
    size = device.identity.input_size
    patterns = [bytes(size), bytes([0x7F]) * size, bytes(i * 37 & 0xFF for i in range(size))]
    answers: list[object] = [(r.output, r.input_crc) for r in device.infer(patterns, DataForm.INT8)]
    answers += [(r.output, r.input_crc) for r in device.infer(windows, DataForm.RAW)]
    answers += [device.tap(p, DataForm.INT8) for p in patterns]
    answers += [device.cycles(p, DataForm.INT8) for p in patterns]
    memory = device.memory()
    answers += [device.layers(), memory.flash_used, memory.ram_static, memory.arena]
    return answers


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


def function(elf: Path, name: str) -> int:
    with elf.open("rb") as file:
        (symbol,) = ELFFile(file).get_section_by_name(".symtab").get_symbol_by_name(name)
        return int(symbol["st_value"]) & ~1


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


def test_a_reset_is_a_software_reset_of_the_same_boot(image: Image, opened: Opened) -> None:
    device = Device(opened(RenodeBackend(), image))
    first = device.identify(expect_board=image[0])
    assert first.reset_cause == "POWER_ON"
    again = device.reset()
    assert again.reset_cause == "SOFTWARE"
    assert again.boot_id == first.boot_id + 1
    assert device.last_fault() is None


def test_a_fault_is_kept_and_told(image: Image, opened: Opened) -> None:
    """An undefined instruction is put where MEMORY is answered: the handler saves, and resets."""
    backend = RenodeBackend()
    device = Device(opened(backend, image), patience=2.0)
    first = device.identify(expect_board=image[0])
    place = function(image[1], "hal_memory")
    backend.link.monitor(f"sysbus WriteWord {place} 0xDE00")
    with pytest.raises(LinkError):
        device.memory()
    again = device.identify(expect_board=image[0])
    assert (again.reset_cause, again.boot_id > first.boot_id) == ("FAULT", True)
    fault = device.last_fault()
    assert fault is not None
    assert (fault.pc, fault.exception) == (place, 6)


def test_a_core_that_has_left_all_memory_is_told_at_once(image: Image, opened: Opened) -> None:
    """Renode stops such a core; a chip would fault. Its service does not answer any more."""
    backend = RenodeBackend()
    device = Device(opened(backend, image))
    device.identify(expect_board=image[0])
    backend.link.monitor("cpu PC 0x60000000")
    reason = r"cpu: CPU abort \[PC=0x60000000\]: Trying to execute code outside RAM or ROM"
    with pytest.raises(LinkError, match=f"Renode has stopped: {reason}"):
        device.memory()
    assert re.match(reason, backend.crash_report() or "")


def test_parallel_runs_are_kept_apart(image: Image, opened: Opened, windows: list[bytes]) -> None:
    def run(_: int) -> list[object]:
        device = Device(opened(RenodeBackend(), image))
        device.identify(expect_board=image[0])
        return everything(device, windows)

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(run, range(2))
    assert first == second


def test_firmware_that_hangs_is_restarted_and_tells_where_it_was(
    image: Image, opened: Opened
) -> None:
    backend = RenodeBackend()
    device = Device(opened(backend, image), patience=1.0)
    before = device.identify()
    with image[1].open("rb") as file:
        (found,) = ELFFile(file).get_section_by_name(".symtab").get_symbol_by_name("model_reset")
    address = int(found["st_value"]) & ~1
    code = backend.link.monitor(f"sysbus ReadWord {address:#x}")
    backend.link.monitor(f"sysbus WriteWord {address:#x} 0xe7fe")  # b . : an endless loop
    with pytest.raises(NoAnswerError) as caught:
        list(device.infer([bytes(before.input_size)]))
    device = Device(backend.revive(caught.value))
    after, fault = device.identify(), device.last_fault()
    assert after.reset_cause == "HANG"
    assert after.boot_id == before.boot_id + 1
    assert fault is not None
    assert fault.pc == address
    backend.link.monitor(f"sysbus WriteWord {address:#x} {code}")
    assert len(list(device.infer([bytes(before.input_size)]))) == 1


def test_ctrl_c_leaves_no_process(image: Image, tmp_path: Path) -> None:
    program = (
        "import signal, sys\n"
        "from pathlib import Path\n"
        "from hil.backend.renode import RenodeBackend\n"
        "from hil.board import load_board\n"
        "backend = RenodeBackend()\n"
        "backend.open(load_board(sys.argv[1]), Path(sys.argv[2]), None)\n"
        "print(backend.process_id, flush=True)\n"
        "signal.pause()\n"
    )
    harness = subprocess.Popen(
        [sys.executable, "-c", program, image[0], str(image[1])],
        cwd=PROJECT_DIR,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert harness.stdout is not None
    with harness.stdout:
        group = int(harness.stdout.readline())
    assert members(group)
    harness.send_signal(signal.SIGINT)
    harness.wait(HANG_S)
    wait_until(lambda: not members(group), "Renode is left behind")
    assert not list(tmp_path.glob("tinyhil-renode-*"))


def members(group: int) -> list[int]:
    """Return the processes of a group that still run."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        pid = int(stat.parent.name)
        if int(fields[2]) == group and alive(pid):
            found.append(pid)
    return found


@pytest.mark.parametrize("board", ["nano33", "sensortile"])
def test_the_whole_suite_passes(installed: str, board: str) -> None:
    command = [sys.executable, "-m", "pytest", "hil/", "--board", board, "--backend", "renode"]
    done = subprocess.run(
        [*command, "--limit", "60", "-q", "-p", "no:cacheprovider"],
        cwd=PROJECT_DIR,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:]
    assert re.search(r"\b20 passed", done.stdout)
    assert "device outputs 60/60" in done.stdout
