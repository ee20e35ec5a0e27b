"""Small firmware written for the tests: how it is built, and how tests look at it."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Callable
from pathlib import Path

from hil.emulator import registers as reg
from hil.emulator.machine import Machine, State

COMPILER = "arm-none-eabi-gcc"
TARGET = ["-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16"]
FLASH = {"nrf52840": 0x10000, "stm32l476": 0x08000000}
VECTORS = 16 + 82

LINKER_SCRIPT = """
MEMORY {{ flash (rx) : ORIGIN = {flash}, LENGTH = 0xF0000
          ram (rwx) : ORIGIN = 0x20000000, LENGTH = 0x18000 }}
SECTIONS {{
  .text : {{ *(.vectors) *(.text*) *(.rodata*) }} > flash
  .ramcode : {{ *(.ramcode*) }} > ram AT > flash
  ramcode_load = LOADADDR(.ramcode); ramcode_size = SIZEOF(.ramcode);
  .noinit 0x20008000 (NOLOAD) : {{ *(.noinit*) *(.bss*) *(.data*) }}
}}
"""

#: Every vector is `handler_N` where the test defines it; otherwise a fault that locks up.
PRELUDE = (
    """
.syntax unified
.cpu cortex-m4
.fpu fpv4-sp-d16
.thumb
.section .vectors, "a"
.word 0x20010000
.word reset
"""
    + "".join(f".weak handler_{n}\n.word handler_{n}\n" for n in range(2, VECTORS))
    + "\n.text\n.thumb_func\n.global reset\n.type reset, %function\nreset:\n"
)

#: Source, chip and suffix → ELF; source, chip … → machine. The fixtures in conftest.py.
Build = Callable[..., Path]
Boot = Callable[..., Machine]


def make(folder: Path, source: str, chip: str, suffix: str) -> Path:
    """Return an ELF of assembly (after the prelude) or C; the same source is built once."""
    text = PRELUDE + source + "\n.ltorg\n" if suffix == ".S" else source
    name = hashlib.sha256((text + chip).encode()).hexdigest()[:16]
    elf = folder / f"{name}.elf"
    if not elf.exists():
        (folder / f"{name}{suffix}").write_text(text)
        (folder / f"{chip}.ld").write_text(LINKER_SCRIPT.format(flash=FLASH[chip]))
        command = [COMPILER, *TARGET, "-g", "-Og", "-nostdlib", "-nostartfiles", f"-T{chip}.ld"]
        command += ["-Wl,--build-id=none", f"{name}{suffix}", "-o", elf.name]
        subprocess.run(command, cwd=folder, check=True)
    return elf


def run(machine: Machine, limit: int = 100_000) -> State:
    """Run until the firmware sleeps; it must do so."""
    state = machine.run(limit)
    assert state is not State.RUNNING, f"still running at 0x{machine.registers[reg.PC]:08X}"
    return state


def r(machine: Machine, number: int) -> int:
    """Return core register `number`."""
    return machine.registers[reg.CORE[number]]


def word(machine: Machine, address: int) -> int:
    """Return a word of memory."""
    value = machine.registers.load_word(address)
    assert value is not None
    return value
