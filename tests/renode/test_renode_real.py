"""How the firmware and the back end behave on the real Renode. Skipped where it is not."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from on_renode import Image, Opened, everything, function
from stand_in import HANG_S, alive, wait_until

from hil.backend.renode import RenodeBackend
from hil.board import PROJECT_DIR
from hil.device import Device
from hil.errors import LinkError, NoAnswerError


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
