"""Renode is started with all it needs and nothing else, or one line says why it is not."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from stand_in import Pretend, folders, wait_until_gone

from hil.backend import renode_process as module
from hil.backend.renode import RenodeBackend
from hil.board import board_names, load_board
from hil.errors import InputError, ToolError

BOARD = load_board("nano33")

pytestmark = pytest.mark.usefixtures("impatient", "scratch")


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
