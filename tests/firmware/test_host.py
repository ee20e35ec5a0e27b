"""The host port: the firmware as a process, over a socket and over a pty."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hil.backend.host import HostBackend, build_host
from hil.backend.serial_transport import SerialTransport
from hil.board import Board, load_board
from hil.device import Device
from hil.errors import LinkError, ToolError
from hil.firmware.recipe import REFERENCE_MODEL_DIR, source_hash


@pytest.fixture(scope="session")
def program() -> Path:
    return build_host(load_board("nano33"), None, sanitize=True)


@pytest.fixture
def backend() -> Iterator[HostBackend]:
    made = HostBackend()
    yield made
    made.close()


def test_it_says_who_it_is(backend: HostBackend, program: Path) -> None:
    device = Device(backend.open(load_board("nano33"), program, None))
    identity = device.identify()
    assert identity.board == "nano33"
    assert identity.firmware_hash == source_hash()
    assert identity.reset_cause == "POWER_ON"
    assert identity.layer_count > 0
    assert backend.crash_report() is None


PARENT = """
import sys, time
from pathlib import Path
from hil.backend.host import HostBackend
from hil.board import load_board
from hil.wire.frame import Frame, encode
from hil.wire.messages import InferRequest
backend = HostBackend()
transport = backend.open(load_board("nano33"), Path(sys.argv[1]), None)
request = InferRequest(0, bytes(300))
transport.write(encode(Frame(request.TYPE, 1, request.encode())))
assert not transport.read(0.5)
print(backend._process.pid, flush=True)
time.sleep(600)
"""


def runs(pid: int) -> bool:
    """Whether a process runs; one that nobody has waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def test_one_that_hangs_ends_with_a_harness_that_is_killed(tmp_path: Path) -> None:
    code = tmp_path / "model"
    shutil.copytree(REFERENCE_MODEL_DIR, code)
    model = (code / "model.c").read_text()
    start = "void model_reset(void) {\n"
    assert start in model
    (code / "model.c").write_text(model.replace(start, start + "    for (;;)\n        ;\n"))
    hangs = build_host(load_board("nano33"), None, code=code)
    harness = subprocess.Popen([sys.executable, "-c", PARENT, str(hangs)], stdout=subprocess.PIPE)
    assert harness.stdout is not None
    with harness.stdout:
        pid = int(harness.stdout.readline())
    assert runs(pid)
    harness.kill()
    harness.wait(30)
    deadline = time.monotonic() + 30
    while runs(pid):
        assert time.monotonic() < deadline, "it goes on without its harness"
        time.sleep(0.05)


def test_it_answers_over_a_pty(program: Path) -> None:
    process = subprocess.Popen([str(program)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        port = process.stdout.readline().strip()
        for _ in range(2):  # the port may be closed and opened again
            transport = SerialTransport(port, 115200)
            assert Device(transport).identify().board == "nano33"
            transport.close()
    finally:
        process.kill()
        process.communicate()


def test_a_reset_keeps_the_link_and_changes_the_boot(backend: HostBackend, program: Path) -> None:
    device = Device(backend.open(load_board("nano33"), program, None))
    before = device.identify()
    device.reset()
    after = device.identify()
    assert after.boot_id == before.boot_id + 1
    assert after.reset_cause == "SOFTWARE"


def test_inference_repeats_byte_for_byte(backend: HostBackend, program: Path) -> None:
    device = Device(backend.open(load_board("nano33"), program, None))
    size = device.identify().input_size
    inputs = [bytes((i * k + k) % 256 for i in range(size)) for k in range(1, 21)]
    first = [device.tap(data, 0) for data in inputs]
    again = [device.tap(data, 0) for data in inputs]
    assert first == again
    assert len({tuple(crcs) for _, crcs in first}) == len(inputs), "no two inputs look the same"


def test_it_ends_with_its_link(program: Path) -> None:
    backend = HostBackend()
    backend.open(load_board("nano33"), program, None)
    process = backend._process
    assert process is not None
    backend._transport.close()
    assert process.wait(5) == 0
    backend.close()
    backend.close()


def test_it_ends_with_the_program_that_started_it(program: Path, tmp_path: Path) -> None:
    code = (
        "import os, sys, pathlib\n"
        "from hil.backend.host import HostBackend\n"
        "from hil.board import load_board\n"
        "backend = HostBackend()\n"
        f"backend.open(load_board('nano33'), pathlib.Path({str(program)!r}), None)\n"
        "print(backend._process.pid, flush=True)\n"
        "os._exit(1)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    pid = int(result.stdout)
    deadline = time.monotonic() + 10
    while is_running(pid):
        assert time.monotonic() < deadline, "the firmware outlives its parent"
        time.sleep(0.01)


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_a_crash_is_a_link_error_with_a_report(backend: HostBackend, program: Path) -> None:
    transport = backend.open(load_board("nano33"), program, None)
    Device(transport).identify()
    assert backend._process is not None
    os.kill(backend._process.pid, signal.SIGSEGV)
    with pytest.raises(LinkError, match="has ended"):
        transport.read(10.0)
    backend._process.wait(5)
    report = backend.crash_report()
    assert report is not None
    assert "SEGV" in report
    backend.close()
    assert backend.crash_report() == report


def test_the_same_sources_are_built_once(monkeypatch: pytest.MonkeyPatch, program: Path) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("compiled again")

    monkeypatch.setattr("hil.backend.host._compile", refuse)
    assert build_host(load_board("nano33"), None, sanitize=True) == program


def test_each_board_gets_its_own(board: Board, backend: HostBackend) -> None:
    device = Device(backend.open(board, None, None))
    assert device.identify().board == board.name


def test_a_missing_compiler_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(ToolError, match="apt-get install gcc"):
        build_host(load_board("nano33"), None)
