"""Renode's process: found, checked, started, kept apart from others, and ended in every case."""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from stand_in import HANG_S, Pretend, alive, wait_until, wait_until_gone

from hil.backend import renode_link
from hil.backend import renode_process as module
from hil.backend.base import Counters
from hil.backend.renode import RenodeBackend
from hil.backend.renode_folders import PREFIX, sweep
from hil.backend.renode_process import find, version
from hil.board import PROJECT_DIR, board_names, load_board
from hil.errors import InputError, LinkError, ToolError

BOARD = load_board("nano33")


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The stand-in that ends by itself does so at once."""
    monkeypatch.setattr(module, "END_TIMEOUT_S", 0.5)


def folders(inside: Path) -> list[Path]:
    return list(inside.glob("tinyhil-renode-*"))


@pytest.fixture(autouse=True)
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give runs a temporary folder of their own to look into."""
    path = tmp_path / "scratch"
    path.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(path))
    return path


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


# Which Renode


def test_renode_is_what_the_variable_or_the_path_names(
    pretend: Pretend, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = pretend()
    assert find() == str(program)
    monkeypatch.delenv("RENODE")
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    assert find() == str(program)
    monkeypatch.setenv("RENODE", os.path.relpath(program))
    assert find() == os.path.abspath(os.path.relpath(program))


def test_missing_renode_is_one_line_that_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RENODE", raising=False)
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(ToolError, match=r"not installed: put renode .* 1\.15 or later.*RENODE"):
        find()
    monkeypatch.setenv("RENODE", "/nowhere/\x1b[31mrenode")
    with pytest.raises(ToolError, match=r"^RENODE=/nowhere/�\[31mrenode is no program"):
        find()


@pytest.mark.parametrize(
    ("says", "numbers"),
    [("1.16.1.31410", (1, 16, 1)), ("1.15.0.1", (1, 15, 0)), ("2.0.3.9", (2, 0, 3))],
)
def test_versions_from_1_15_on_are_taken(
    pretend: Pretend, says: str, numbers: tuple[int, int, int]
) -> None:
    assert version(str(pretend(version=says))) == numbers


@pytest.mark.parametrize("says", ["1.14.0.2", "0.99.99.1"])
def test_older_versions_are_refused(pretend: Pretend, elf: Path, says: str) -> None:
    pretend(version=says)
    with pytest.raises(ToolError, match=rf"is Renode {says[:-2]}, too old: install"):
        RenodeBackend().open(BOARD, elf, None)


@pytest.mark.parametrize("body", ["echo no emulator", "exit 1", "printf '\\377\\376'"])
def test_another_program_of_that_name_is_refused(tmp_path: Path, body: str) -> None:
    program = tmp_path / "renode"
    program.write_text(f"#!/bin/sh\n{body}\n")
    program.chmod(0o755)
    with pytest.raises(ToolError, match="is no Renode: --version does not say so"):
        version(str(program))


def test_a_program_that_never_answers_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "renode"
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    program.chmod(0o755)
    monkeypatch.setattr(module, "VERSION_TIMEOUT_S", 0.2)
    with pytest.raises(ToolError, match=r"--version fails: .*timed out"):
        version(str(program))


# Starting


@pytest.mark.parametrize("launcher", [False, True])
def test_bytes_go_there_and_back(
    pretend: Pretend, elf: Path, renode: RenodeBackend, launcher: bool
) -> None:
    pretend(launcher=launcher)
    transport = renode.open(BOARD, elf, None)
    transport.write(b"hello, ")
    transport.write(b"firmware")
    assert transport.read(1.0) == b"hello, firmware"
    assert transport.read(0.0) == b""
    counters = renode.counters()
    assert counters is not None
    assert counters.instructions == len("hello, firmware")
    assert renode.description == "Renode 1.16.1"
    assert renode.link.monitor("version") == "Renode, version 1.16.1 (fake)"


def test_a_slow_start_is_waited_for(pretend: Pretend, elf: Path, renode: RenodeBackend) -> None:
    pretend(start_s=0.5)
    transport = renode.open(BOARD, elf, None)
    transport.write(b"x")
    assert transport.read(1.0) == b"x"


def test_a_start_that_takes_too_long_is_given_up(
    pretend: Pretend, elf: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pid_file = elf.with_name("pid")
    pretend(fails=True, stubborn=True, pid_file=str(pid_file))
    monkeypatch.setattr(module, "START_TIMEOUT_S", 1.0)
    with pytest.raises(ToolError, match=r"not ready within 1 s: Renode, version 1\.16\.1 \(fake\)"):
        RenodeBackend().open(BOARD, elf, None)
    wait_until_gone(int(pid_file.read_text()))
    assert not folders(scratch)


def test_an_error_of_the_start_is_told_in_one_line(
    pretend: Pretend, elf: Path, scratch: Path
) -> None:
    pretend(
        fails=True,
        says="There was an error executing command 'machine LoadPlatformDescription x'\n"
        "Error E04: Could not resolve type: 'UART.\x1b[1mNone'.\nAt x:3:1\nmore\n",
    )
    with pytest.raises(ToolError) as error:
        RenodeBackend().open(BOARD, elf, None)
    text = str(error.value)
    assert text.startswith("Renode does not start: There was an error executing command")
    assert "Could not resolve type: 'UART.�[1mNone'" in text
    assert "\n" not in text
    assert not folders(scratch)


def test_an_early_end_is_told(pretend: Pretend, elf: Path) -> None:
    pretend(ends=True, says="12:00:00.0000 [ERROR] Could not load assembly")
    with pytest.raises(ToolError, match=r"does not start: Could not load assembly$"):
        RenodeBackend().open(BOARD, elf, None)


def test_a_strangers_connection_is_not_taken_for_renode(
    pretend: Pretend, elf: Path, renode: RenodeBackend
) -> None:
    pretend(stranger=True)
    transport = renode.open(BOARD, elf, None)
    transport.write(b"only Renode")
    assert transport.read(1.0) == b"only Renode"


def test_without_an_image_or_a_description_nothing_starts(
    pretend: Pretend, elf: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend()
    with pytest.raises(InputError, match="boots an ELF file, and none was given"):
        RenodeBackend().open(BOARD, None, None)
    monkeypatch.setattr(module, "DESCRIPTIONS_DIR", scratch)
    with pytest.raises(InputError, match=r"there is no nano33\.repl in"):
        RenodeBackend().open(BOARD, elf, None)
    assert not folders(scratch)


def test_what_is_no_image_for_the_board_is_refused(pretend: Pretend, elf: Path) -> None:
    pretend()
    text = elf.with_suffix(".txt")
    text.write_text("int main(void)")
    with pytest.raises(InputError, match=r"firmware\.txt: Magic number does not match"):
        RenodeBackend().open(BOARD, text, None)
    with pytest.raises(InputError, match=r"firmware\.none: .*No such file"):
        RenodeBackend().open(BOARD, elf.with_suffix(".none"), None)
    header = bytearray(elf.read_bytes())
    header[28:32], header[42:46] = (52).to_bytes(4, "little"), bytes([32, 0, 1, 0])
    segment = struct.pack("<8I", 1, 84, 0x08000000, 0x08000000, 4, 4, 5, 4)
    elf.write_bytes(bytes(header) + segment + b"code")
    with pytest.raises(InputError, match="not an image for nano33: 0x08000000 is neither"):
        RenodeBackend().open(BOARD, elf, None)


# While it runs


def test_much_is_handed_over_in_portions_that_the_firmware_has_room_for(
    pretend: Pretend, elf: Path, renode: RenodeBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend()
    transport = renode.open(BOARD, elf, None)
    portions = []
    exchange = renode.link.exchange

    def noted(data: bytes, limit_s: float) -> tuple[int, bytes]:
        portions.append(len(data))
        return exchange(data, limit_s)

    monkeypatch.setattr(renode.link, "exchange", noted)
    data = bytes(range(256)) * 50
    transport.write(data[:100])
    transport.write(data[100:])
    assert transport.read(1.0) + transport.read(1.0) == data
    assert sum(portions) == len(data)
    assert max(portions) < 8192  # LINK_RECEIVE_SIZE in firmware/src/port/cortex_m/link.h
    assert renode.counters() == Counters(len(data), None)


def test_one_that_ends_in_between_is_told_with_its_reason(
    pretend: Pretend, elf: Path, renode: RenodeBackend
) -> None:
    pretend(gone_at=3)
    transport = renode.open(BOARD, elf, None)  # the first
    transport.write(b"a")
    assert transport.read(1.0) == b"a"
    transport.write(b"b")
    reason = r"cpu: CPU abort \[PC=0x10000\]: lockup"
    with pytest.raises(LinkError, match=f"^Renode has ended: {reason}$"):
        transport.read(1.0)
    assert renode.crash_report() == "cpu: CPU abort [PC=0x10000]: lockup"
    renode.close()
    assert renode.crash_report() == "cpu: CPU abort [PC=0x10000]: lockup"


def test_a_core_that_gives_up_is_told_at_once(
    pretend: Pretend, elf: Path, renode: RenodeBackend
) -> None:
    pretend(stopped_at=2)
    transport = renode.open(BOARD, elf, None)
    with pytest.raises(LinkError, match=r"^Renode has stopped: cpu: CPU abort \[PC=0x10000\]"):
        transport.read(1.0)


def test_no_answer_at_all_is_given_up(
    pretend: Pretend, elf: Path, renode: RenodeBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(stopped_at=2)
    transport = renode.open(BOARD, elf, None)
    monkeypatch.setattr(renode_link, "ANSWER_TIMEOUT_S", 0.3)
    monkeypatch.setattr(renode_link, "LOOK_S", 0.1)
    monkeypatch.setattr(renode.link, "_stopped", lambda: None)
    with pytest.raises(LinkError, match=r"^Renode did not answer for 0\.3 s$"):
        transport.read(1.0)


def test_nonsense_is_an_error_of_the_link(
    pretend: Pretend, elf: Path, renode: RenodeBackend
) -> None:
    pretend(nonsense_at=2)
    transport = renode.open(BOARD, elf, None)
    with pytest.raises(LinkError, match="answers 'ok -1 999999999999', which makes no sense"):
        transport.read(1.0)


def test_a_refused_command_is_the_callers_error(
    pretend: Pretend, elf: Path, renode: RenodeBackend
) -> None:
    pretend()
    renode.open(BOARD, elf, None)
    with pytest.raises(InputError, match=r"^Renode: No such command or device: nonsense$"):
        renode.link.monitor("nonsense")
    assert renode.link.monitor("version").startswith("Renode")


def test_runs_side_by_side_are_kept_apart(pretend: Pretend, elf: Path) -> None:
    pretend()
    backends = [RenodeBackend() for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        transports = list(pool.map(lambda b: b.open(BOARD, elf, None), backends))
    try:
        for i, transport in enumerate(transports):
            transport.write(bytes([i]) * 5)
        assert [t.read(1.0) for t in transports] == [bytes([i]) * 5 for i in range(4)]
    finally:
        for backend in backends:
            backend.close()


# Ending


@pytest.mark.parametrize(
    ("launcher", "stubborn"), [(False, False), (False, True), (True, False), (True, True)]
)
def test_no_process_and_no_folder_is_left(
    pretend: Pretend, elf: Path, scratch: Path, launcher: bool, stubborn: bool
) -> None:
    pid_file = elf.with_name("pid")
    pretend(launcher=launcher, stubborn=stubborn, pid_file=str(pid_file))
    backend = RenodeBackend()
    backend.open(BOARD, elf, None)
    pid = int(pid_file.read_text())
    assert alive(pid)
    assert folders(scratch)
    backend.close()
    backend.close()
    wait_until_gone(pid)
    assert not folders(scratch)


WAITS = """
import signal, sys
from pathlib import Path
from hil.backend.renode import RenodeBackend
from hil.board import load_board
backend = RenodeBackend()
backend.open(load_board("nano33"), Path(sys.argv[1]), None)
print("ready", flush=True)
signal.pause()
"""


@pytest.mark.parametrize(
    ("end", "stubborn"),
    [
        (signal.SIGINT, True),
        (signal.SIGTERM, False),
        (signal.SIGKILL, False),
        (signal.SIGKILL, True),
    ],
    ids=["Ctrl-C", "terminated", "killed", "killed, and Renode goes on"],
)
def test_renode_ends_with_the_harness(
    pretend: Pretend, elf: Path, tmp_path: Path, end: signal.Signals, stubborn: bool
) -> None:
    """Ctrl-C leaves Python by its exit handlers; the others leave the keeper to end Renode."""
    scratch, pid_file = tmp_path / "scratch", tmp_path / "pid"
    pretend(launcher=True, stubborn=stubborn, pid_file=str(pid_file))
    harness = subprocess.Popen(
        [sys.executable, "-c", WAITS, str(elf)],
        cwd=PROJECT_DIR,
        env={**os.environ, "TMPDIR": str(tmp_path / "scratch")},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert harness.stdout is not None
    with harness.stdout:
        assert harness.stdout.readline() == b"ready\n"
    pid = int(pid_file.read_text())
    assert alive(pid)
    assert len(folders(scratch)) == 1
    harness.send_signal(end)
    harness.wait(HANG_S)
    wait_until_gone(pid)
    wait_until(lambda: not folders(scratch), "its folder is left behind")


def test_what_a_killed_keeper_leaves_the_next_start_ends(
    pretend: Pretend, elf: Path, scratch: Path, tmp_path: Path
) -> None:
    """The harness killed, the keeper killed, its Renode outliving the end of its input."""
    pid_file = tmp_path / "pid"
    pretend(stubborn=True, pid_file=str(pid_file))
    harness = subprocess.Popen(
        [sys.executable, "-c", WAITS, str(elf)],
        cwd=PROJECT_DIR,
        env={**os.environ, "TMPDIR": str(scratch)},
        stdout=subprocess.PIPE,
    )
    assert harness.stdout is not None
    with harness.stdout:
        assert harness.stdout.readline() == b"ready\n"
    (left,) = folders(scratch)
    pid = int(pid_file.read_text())
    os.kill(parent_of(pid), signal.SIGKILL)
    sweep(scratch)
    assert alive(pid), "its harness lives: nobody else ends it"
    harness.kill()
    harness.wait(HANG_S)
    assert alive(pid)
    assert left.is_dir()
    sweep(scratch)
    wait_until_gone(pid)
    assert not left.exists()


def test_others_folders_and_links_are_left_alone(scratch: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    names = [f"{PREFIX}{os.getpid()}-abc", f"{PREFIX}x", "tinyhil-1-2"]
    for name in names:
        (scratch / name).mkdir()
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    (scratch / f"{PREFIX}{gone.pid}-link").symlink_to(kept)
    (scratch / f"{PREFIX}{gone.pid}-abc").mkdir()
    sweep(scratch)
    assert sorted(p.name for p in scratch.iterdir()) == sorted([*names, f"{PREFIX}{gone.pid}-link"])
    assert kept.is_dir()


# What it is told


def test_it_is_started_headless_with_everything_its_own(
    pretend: Pretend, elf: Path, tmp_path: Path, scratch: Path
) -> None:
    program = pretend(fails=True, says="No such command or device: x")
    notes = tmp_path / "notes"
    program.write_text(
        program.read_text().replace(
            "#!/bin/sh\n", f'#!/bin/sh\n{{ pwd; echo "$@"; }} >> "{notes}"\n'
        )
    )
    with pytest.raises(ToolError):
        RenodeBackend().open(BOARD, elf, None)
    _, first, folder, command = notes.read_text().splitlines()
    assert first == "--version"
    assert Path(folder).parent == scratch
    assert command == "--console --disable-xwt --plain --config config start.resc"


@pytest.mark.parametrize("name", board_names())
def test_the_uart_is_the_boards(name: str) -> None:
    board = load_board(name)
    uart = module.uart_name(board)
    script = module.start_script(board, 1234, "token")
    assert f'tinyhil_serve "127.0.0.1" 1234 "token" "{uart}"' in script
    description = (module.DESCRIPTIONS_DIR / f"{name}.repl").read_text()
    assert f"{uart.removeprefix('sysbus.')}: UART." in description
