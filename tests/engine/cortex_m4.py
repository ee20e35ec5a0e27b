"""Emitted C on a bare emulated Cortex-M4: no firmware, no board, only the model and its counts."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path

from elftools.elf.elffile import ELFFile
from unicorn import UC_ARCH_ARM, UC_HOOK_BLOCK, UC_MODE_THUMB, Uc
from unicorn.arm_const import UC_ARM_REG_LR, UC_ARM_REG_SP, UC_CPU_ARM_CORTEX_M4

from hil.firmware_recipe import C_FLAGS, CPU_FLAGS
from pipeline.emit_c import emit

STOP, STACK = 0x1FFFF0, 0x200F0000

#: The C library's memcpy and memset are the only things a model calls; both as plain loops here.
MAIN = """
#include "m.h"
#include <string.h>
void *memcpy(void *to, const void *from, size_t n) {
    char *t = to;
    const char *f = from;
    while (n--) *t++ = *f++;
    return to;
}
void *memset(void *to, int value, size_t n) {
    char *t = to;
    while (n--) *t++ = (char)value;
    return to;
}
int8_t input[m_INPUT_SIZE], output[m_OUTPUT_SIZE];
int run(void);
int run(void) {
    m_reset();
    return m_invoke(input, output);
}
"""


class Core:
    """One model, compiled as the firmware is."""

    def __init__(self, model: Path, folder: Path) -> None:
        emit(model, "m", folder)
        (folder / "main.c").write_text(MAIN)
        elf = folder / "m.elf"
        place = ["-nostdlib", "-Wl,-Ttext=0x10000", "-Wl,-Tdata=0x20000000", "-Wl,-e,run"]
        command = ["arm-none-eabi-gcc", *C_FLAGS, *CPU_FLAGS, "-fno-tree-loop-distribute-patterns"]
        sources = [folder / "main.c", folder / "m.c"]
        subprocess.run([*command, *place, *sources, "-lgcc", "-o", elf], check=True)
        self._uc = Uc(UC_ARCH_ARM, UC_MODE_THUMB)
        self._uc.ctl_set_cpu_model(UC_CPU_ARM_CORTEX_M4)
        self._uc.mem_map(0, 0x200000)
        self._uc.mem_map(0x20000000, 0x100000)
        with elf.open("rb") as file:
            image = ELFFile(file)
            for segment in image.iter_segments("PT_LOAD"):
                self._uc.mem_write(segment["p_vaddr"], segment.data())
            symbols = image.get_section_by_name(".symtab").iter_symbols()
            self._at = {s.name: s["st_value"] for s in symbols}
        self.instructions = 0
        self._sizes: dict[tuple[int, int], int] = {}
        self._uc.hook_add(UC_HOOK_BLOCK, self._count)

    def _count(self, uc: Uc, address: int, size: int, _user: object) -> None:
        key = (address, size)
        if key not in self._sizes:
            self._sizes[key] = instructions_in(bytes(uc.mem_read(address, size)))
        self.instructions += self._sizes[key]

    def invoke(self, window: bytes) -> bytes:
        """Return the output for one input; `instructions` counts what it took."""
        self._uc.mem_write(self._at["input"], window)
        self._uc.reg_write(UC_ARM_REG_SP, STACK)
        self._uc.reg_write(UC_ARM_REG_LR, STOP | 1)
        self.instructions = 0
        self._uc.emu_start(self._at["run"] | 1, STOP)
        size = 3
        return bytes(self._uc.mem_read(self._at["output"], size))


def instructions_in(code: bytes) -> int:
    """Return how many Thumb instructions a block holds (Armv7-M manual, A5.1: 0b111x opens 32)."""
    count = at = 0
    while at < len(code):
        (half,) = struct.unpack_from("<H", code, at)
        at += 4 if half >> 11 in (0b11101, 0b11110, 0b11111) else 2
        count += 1
    return count
