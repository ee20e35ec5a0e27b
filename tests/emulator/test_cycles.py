"""A board's cycles beside the emulator's counts, in one table and never mixed.

No board is needed: an emulated one on a pty is reached as hardware is. The harness knows it by its
chip's number and keeps its counts out of a board's column; where that number is made one it does
not know, the emulated board passes for a real one, and the hardware's lane is seen at work. Its DWT
counts executed instructions, so its "measured" cycles must be the emulator's exact instructions.
What a real DWT counts is for a real board to show.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.cycles import Row, main, measure, rows, table
from hil.board import PROJECT_DIR, load_board
from hil.firmware.build import build

DENSE = PROJECT_DIR / "test_vectors" / "models" / "dense"

pytest.importorskip("unicorn", reason="the emulator extra is not installed")


@pytest.fixture
def emulated_port(tmp_path: Path) -> Iterator[str]:
    """An emulated board's port, as a user would have a real one."""
    link = tmp_path / "port"
    elf = build(load_board("nano33"), DENSE)
    command = [sys.executable, "-m", "hil.cli", "emulate", "--board", "nano33", "--elf", str(elf)]
    process = subprocess.Popen(
        [*command, "--link", str(link)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline()
    yield str(link)
    process.kill()
    process.communicate()


def test_an_emulated_board_that_passes_for_a_real_one(
    emulated_port: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hil.run.target.EMULATED_DEVICE_ID", "of no emulator")
    monkeypatch.setattr("benchmarks.cycles.WINDOWS", 1)  # SOFTMAX's path depends on the window
    board = load_board("nano33")
    emulated = measure(board, DENSE, "embedded", None)
    of_board = measure(board, DENSE, "hardware", emulated_port)
    found = rows(emulated, of_board)
    assert len(found) == len(emulated.device_layers) + 1
    for row in found:
        assert row.instructions is not None
        assert row.estimate is not None
        assert row.cycles is not None
        assert row.estimate > row.instructions
    for layer in of_board.device_layers:  # what is measured on a board is neither of the others
        assert (layer.instructions, layer.cycles_estimate) == (None, None)
    assert all(layer.cycles is None for layer in emulated.device_layers)
    assert [row.cycles for row in found[:-1]] == [row.instructions for row in found[:-1]]


def test_an_emulated_board_behind_a_port_gives_no_boards_cycles(
    emulated_port: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--board", "nano33", "--port", emulated_port, str(DENSE)]) == 2
    said = capsys.readouterr()
    assert "it is an emulator" in said.err
    assert "DWT" not in said.out


def test_without_a_board_its_column_is_empty() -> None:
    text = table("m", load_board("nano33"), [Row("conv1", "CONV_2D", 1200, 1500, None)])
    head, units, _, line = text.splitlines()[:4]
    assert head == "m, Arduino Nano 33 BLE Sense"
    assert units.split() == ["instructions", "cycles", "cycles", "ratio", "to"]
    assert line.split() == ["conv1", "CONV_2D", "1,200", "1,500", "–", "–"]


def test_a_model_that_is_not_there_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["none"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
