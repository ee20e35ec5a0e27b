"""Emitted C on a bare emulated Cortex-M4: no firmware and no board, only the model's layers.

Compiled with the firmware's own flags; instructions are counted block by block, exactly, and cycles
are the emulator's estimate (hil/emulator/thumb.py): never a measurement.
"""

from __future__ import annotations

import struct
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from elftools.elf.elffile import ELFFile
from unicorn import UC_ARCH_ARM, UC_HOOK_BLOCK, UC_MODE_THUMB, Uc
from unicorn.arm_const import (
    UC_ARM_REG_LR,
    UC_ARM_REG_R0,
    UC_ARM_REG_R1,
    UC_ARM_REG_SP,
    UC_CPU_ARM_CORTEX_M4,
)

from hil.emulator.thumb import REFILL, Block, analyse
from hil.firmware.recipe import C_FLAGS, CPU_FLAGS

#: Flash and RAM, larger than any board's, and where a call returns to.
CODE, CODE_SIZE = 0x0, 0x400000
RAM, RAM_SIZE = 0x20000000, 0x100000
STOP: Final = CODE_SIZE - 16

MAIN: Final = """
#include <string.h>
{includes}
union {{ {inputs} }} input;
static const struct nn_model *const models[] = {{ {models} }};
int layer(int model, int i);
void start(int model);
int layer(int model, int i) {{ return models[model]->layers[i].run(); }}
void start(int model) {{
    models[model]->reset();
    memcpy(models[model]->input, &input, models[model]->input_size);
}}
"""

#: Flags of a section that is loaded and not written (ELF: SHF_ALLOC without SHF_WRITE).
ALLOC: Final = 2

#: `output` and `output_size` in a `struct nn_layer` of 32-bit pointers, and its size.
OUTPUT_AT: Final = 8
LAYER_SIZE: Final = 36


@dataclass(frozen=True)
class Count:
    """What one call executed; cycles are an estimate."""

    instructions: int
    cycles: int


class BareCore:
    """Models emitted into a folder, one as `m` or those that are named, compiled and loaded."""

    def __init__(
        self,
        folder: Path,
        names: Sequence[str] = ("m",),
        flags: Sequence[str] = (),
        sources: Sequence[str] = (),
    ) -> None:
        """flags: of the compiler, after the firmware's. sources: files, else one per name."""
        sources = sources or [f"{name}.c" for name in names]
        self.elf, self._names = _build(folder, names, flags, sources), names
        self._uc = Uc(UC_ARCH_ARM, UC_MODE_THUMB)
        self._uc.ctl_set_cpu_model(UC_CPU_ARM_CORTEX_M4)
        self._uc.mem_map(CODE, CODE_SIZE)
        self._uc.mem_map(RAM, RAM_SIZE)
        with self.elf.open("rb") as file:
            image = ELFFile(file)
            for segment in image.iter_segments("PT_LOAD"):
                self._uc.mem_write(segment["p_vaddr"], segment.data())
            symbols = list(image.get_section_by_name(".symtab").iter_symbols())
            self._at = {s.name: s["st_value"] for s in symbols}
            #: Bytes of every function.
            self.functions = {
                s.name: int(s["st_size"]) for s in symbols if s["st_info"]["type"] == "STT_FUNC"
            }
            self.flash_bytes = sum(
                s["sh_size"] for s in image.iter_sections() if s["sh_flags"] & 3 == ALLOC
            )
        self._blocks: dict[tuple[int, int], Block] = {}
        self._instructions = self._cycles = self._expected = 0
        self._uc.hook_add(UC_HOOK_BLOCK, self._on_block)

    def _on_block(self, uc: Uc, address: int, size: int, _user: object) -> None:
        key = (address, size)
        if key not in self._blocks:
            self._blocks[key] = analyse(bytes(uc.mem_read(address, size)))
        block = self._blocks[key]
        self._instructions += block.instructions
        self._cycles += block.cycles + (0 if address == self._expected else REFILL)
        self._expected = address + size

    def start(self, window: bytes, model: int = 0) -> None:
        """Reset a model's state and put a window where its layer 0 reads it."""
        self._uc.mem_write(self._at["input"], window)
        self._call("start", model)

    def layer(self, index: int, model: int = 0) -> tuple[Count, bytes]:
        """Run one layer; return what it executed and its output."""
        count = self._call("layer", model, index)
        entry = self._at[f"{self._names[model]}_layers"] + LAYER_SIZE * index
        at, size = struct.unpack("<II", self._uc.mem_read(entry + OUTPUT_AT, 8))
        return count, bytes(self._uc.mem_read(at, size))

    def _call(self, function: str, *arguments: int) -> Count:
        self._uc.reg_write(UC_ARM_REG_SP, RAM + RAM_SIZE - 0x10000)
        self._uc.reg_write(UC_ARM_REG_LR, STOP | 1)
        for register, argument in zip((UC_ARM_REG_R0, UC_ARM_REG_R1), arguments, strict=False):
            self._uc.reg_write(register, argument)
        self._instructions = self._cycles = 0
        self._uc.emu_start(self._at[function] | 1, STOP)
        return Count(self._instructions, self._cycles)


def _build(folder: Path, names: Sequence[str], flags: Sequence[str], files: Sequence[str]) -> Path:
    main = MAIN.format(
        includes="\n".join(f'#include "{name}.h"' for name in names),
        inputs=" ".join(f"int8_t {name}[{name}_INPUT_SIZE];" for name in names),
        models=", ".join(f"&{name}_descriptor" for name in names),
    )
    (folder / "main.c").write_text(main)
    elf = folder / "m.elf"
    link = [
        "-nostartfiles", "--specs=nosys.specs", "-Wl,--gc-sections", "-Wl,--undefined=layer",
        "-Wl,--undefined=start", "-Wl,--entry=start", "-Wl,-Ttext=0x1000", f"-Wl,-Tdata={RAM:#x}",
        "-Wl,--no-warn-rwx-segments",
    ]  # fmt: skip
    sources = [folder / "main.c", *(folder / file for file in files)]
    command = ["arm-none-eabi-gcc", *C_FLAGS, *CPU_FLAGS, *flags, *link, *sources, "-o", elf]
    run = subprocess.run([str(c) for c in command], capture_output=True, text=True, check=False)
    if run.returncode:
        raise RuntimeError(run.stderr[-4000:])
    return elf
