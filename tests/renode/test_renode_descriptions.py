"""The boards' descriptions for Renode against the facts of the boards, without Renode."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from hil.backend.base import EMULATED_DEVICE_ID
from hil.backend.renode_process import DESCRIPTIONS_DIR, SERVICE
from hil.board import board_names, load_board
from hil.emulator.chip import Chip
from hil.emulator.nrf52840.chip import Nrf52840
from hil.emulator.stm32l476.chip import Stm32l476
from hil.firmware.recipe import SOURCE_DIR

CHIPS: dict[str, type[Chip]] = {"nrf52840": Nrf52840, "stm32l476": Stm32l476}

#: What IronPython 2.7 cannot read.
TOO_NEW = (
    ast.AnnAssign, ast.AsyncFunctionDef, ast.JoinedStr, ast.Match, ast.NamedExpr, ast.Nonlocal,
    ast.YieldFrom,
)  # fmt: skip


def read(name: str) -> str:
    text = (DESCRIPTIONS_DIR / name).read_text()
    return re.sub(r"^\s*(//|#).*$", "", text, flags=re.MULTILINE)


def memories(description: str) -> dict[int, int]:
    """Return {origin: size} of what is plain memory."""
    found = re.findall(r"Memory\.MappedMemory @ (.+)\n\s+size: (\w+)", description)
    return {
        int(origin, 16): int(size, 16)
        for places, size in found
        for origin in re.findall(r"sysbus (0x\w+)", places)
    }


@pytest.mark.parametrize("name", board_names())
def test_memory_and_clock_are_the_boards(name: str) -> None:
    facts = load_board(name).facts
    description, script = read(f"{name}.repl"), read(f"{name}.resc")
    there = memories(description)
    assert there[facts.ram_origin] == facts.ram_size
    chip = CHIPS[facts.chip]
    flash = max(o for o in there if o <= facts.flash_origin)
    assert flash + there[flash] == facts.flash_origin + facts.flash_size
    for memory in chip.memories:
        assert any(
            o <= memory.start and memory.start + memory.size <= o + s for o, s in there.items()
        ), memory
    assert f"systickFrequency: {facts.clock_hz}\n" in description
    assert f"cpu PerformanceInMips {facts.clock_hz // 1_000_000}\n" in script
    assert f"cpu VectorTableOffset 0x{facts.flash_origin:08X}\n" in script
    priorities = re.search(r"priorityMask: (0x\w+)", description)
    assert priorities is not None
    assert int(priorities.group(1), 16) == 0xFF00 >> chip.priority_bits & 0xFF


def registers(chip: str) -> set[int]:
    """Return the addresses that the firmware's headers for a chip name."""
    text = "".join(p.read_text() for p in (SOURCE_DIR / "port" / chip).glob("*.h"))
    return {int(a, 16) for a in re.findall(r"\b(0x[1-5][0-9A-F]{7})U", text)}


@pytest.mark.parametrize("name", board_names())
def test_every_peripheral_that_the_firmware_uses_is_there(name: str) -> None:
    """By blocks. What is not there belongs to USB, which stays off, or to a reset into the ROM."""
    block, without = {
        "nano33": (0x1000, {0x40027000, 0x4006E000}),
        "sensortile": (0x400, {0x40010000, 0x1FFF0000}),
    }[name]
    places = {int(p, 16) // block for p in re.findall(r"@ sysbus <?(0x\w+)", read(f"{name}.repl"))}
    used = {a // block for a in registers(load_board(name).facts.chip)}
    assert len(used) > 8
    assert {hex(b * block) for b in used - places} == {hex(a) for a in without}


@pytest.mark.parametrize("name", board_names())
def test_the_chip_says_that_it_is_emulated(name: str) -> None:
    low, high = EMULATED_DEVICE_ID & 0xFFFFFFFF, EMULATED_DEVICE_ID >> 32
    assert re.search(rf"0x{low:08X}, \w+: 0x{high:08X}", read(f"{name}.repl"))


@pytest.mark.parametrize("name", board_names())
def test_nothing_is_fetched_and_nothing_listens(name: str) -> None:
    for text in (read(f"{name}.repl"), read(f"{name}.resc")):
        assert "http" not in text
        assert "SVD" not in text
        assert not re.search(r"Server|Gdb|Terminal|Analyzer", text)


@pytest.mark.parametrize("name", board_names())
def test_runs_are_deterministic(name: str) -> None:
    script = read(f"{name}.resc")
    for setting in (
        "emulation SetGlobalSerialExecution true",
        "emulation SetGlobalAdvanceImmediately true",
        'emulation SetGlobalQuantum "0.001"',
        "emulation SetSeed 1",
        "cpu MaximumBlockSize 1",
    ):
        assert f"\n{setting}\n" in script


def python_in(path: Path) -> list[str]:
    text = path.read_text()
    return re.findall(r"script: '''\n(.+?)'''", text, flags=re.DOTALL) or [text]


FOR_RENODE = [
    DESCRIPTIONS_DIR / SERVICE,
    *sorted(DESCRIPTIONS_DIR.glob("*.repl")),
    Path(__file__).with_name("arduino_loader.py"),
]


@pytest.mark.parametrize("path", FOR_RENODE, ids=lambda p: p.name)
def test_python_is_such_as_ironpython_reads(path: Path) -> None:
    for script in python_in(path):
        for node in ast.walk(ast.parse(script)):
            assert not isinstance(node, TOO_NEW), f"{path.name}: {ast.unparse(node)}"
            if isinstance(node, ast.arguments):
                assert not node.kwonlyargs
                assert not node.posonlyargs
                assert all(a.annotation is None for a in node.args)
