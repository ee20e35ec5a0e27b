"""The cycle model against the rows of the Cortex-M4's timing table (ARM DDI 0439D 3.3, 7.2.3)."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from small_firmware import COMPILER, TARGET, Build

from hil.emulator.thumb import Flag, analyse, is_wide

#: Instruction → cycles when it runs alone, without a refill.
CYCLES = {
    "movs r0, #1": 1, "add.w r0, r1, r2, lsl #3": 1, "adr r0, .": 1, "cmp r8, r9": 1,
    "muls r0, r1, r0": 1, "mla r0, r1, r2, r3": 1, "smlad r0, r1, r2, r3": 1,
    "smull r0, r1, r2, r3": 1, "umlal r0, r1, r2, r3": 1, "smmulr r0, r1, r2": 1,
    "sdiv r0, r1, r2": 7, "udiv r0, r1, r2": 7, "ssat r0, #8, r1": 1, "sxtb16 r0, r1": 1,
    "ldr r0, [r1]": 2, "ldrb r0, [r1, r2]": 2, "ldrsh.w r0, [r1, #300]": 2, "ldr r0, [sp, #4]": 2,
    "ldr.w r0, [r1], #4": 2, "ldr r0, .": 2, "str r0, [r1]": 1, "strb r0, [r1, r2]": 1,
    "strh.w r0, [r1, #300]": 1, "str r0, [sp, #4]": 1, "ldrd r0, r1, [r2]": 3,
    "strd r0, r1, [r2, #8]": 3, "ldrex r0, [r1]": 2, "strex r0, r1, [r2]": 2, "ldrexb r0, [r1]": 2,
    "ldm r0, {r1, r2, r3}": 4, "stm r0!, {r1, r2}": 3, "push {r4, r5, lr}": 4,
    "pop {r4, r5, pc}": 4, "push.w {r4-r11, lr}": 10, "pop.w {r4-r11, pc}": 10,
    "b .": 1, "beq .": 1, "bl .": 1, "bx lr": 1, "cbz r0, .+8": 1, "tbb [pc, r0]": 2, "it eq": 1,
    "mrs r0, primask": 2, "msr basepri, r0": 2, "cpsid i": 1, "dsb": 1, "nop": 1, "nop.w": 1,
    "vldr s0, [r0]": 2, "vstr s0, [r0]": 2, "vldmia r0, {s0-s3}": 5, "vpush {s16-s19}": 5,
    "vpop {d8-d9}": 5, "vmov s0, r0": 1, "vmov r0, r1, s2, s3": 2, "vmrs apsr_nzcv, fpscr": 1,
    "vadd.f32 s0, s1, s2": 1, "vmul.f32 s0, s1, s2": 1, "vmla.f32 s0, s1, s2": 3,
    "vnmls.f32 s0, s1, s2": 3, "vfma.f32 s0, s1, s2": 3, "vfnms.f32 s0, s1, s2": 3,
    "vdiv.f32 s0, s1, s2": 14, "vsqrt.f32 s0, s1": 14, "vcvt.s32.f32 s0, s1": 1,
    "vcmp.f32 s0, #0": 1, "vabs.f32 s0, s1": 1, "vneg.f32 s0, s1": 1, "vmov.f32 s0, #1.0": 1,
}  # fmt: skip


@pytest.fixture(scope="module")
def encodings(tmp_path_factory: pytest.TempPathFactory, build: Build) -> dict[str, bytes]:
    """Each instruction's bytes, as the assembler makes them."""
    folder: Path = tmp_path_factory.mktemp("encodings")
    lines = [".syntax unified", ".thumb", ".fpu fpv4-sp-d16"]
    lines += [f".p2align 2\nudf #255\n{text}" + ("\nnop" if text == "it eq" else "")
              for text in CYCLES]  # fmt: skip
    (folder / "all.S").write_text("\n".join(lines) + "\n")
    subprocess.run([COMPILER, *TARGET, "-c", "all.S", "-o", "all.o"], cwd=folder, check=True)
    subprocess.run(
        ["arm-none-eabi-objcopy", "-O", "binary", "all.o", "all.bin"], cwd=folder, check=True
    )
    pieces = re.split(rb"\xff\xde", (folder / "all.bin").read_bytes())[1:]
    assert len(pieces) == len(CYCLES)
    found = {}
    for text, piece in zip(CYCLES, pieces, strict=True):
        wide = is_wide(int.from_bytes(piece[:2], "little"))
        found[text] = piece[: 4 if wide else 2]
    return found


@pytest.mark.parametrize("text", CYCLES)
def test_timing_table(text: str, encodings: dict[str, bytes]) -> None:
    block = analyse(encodings[text])
    assert block.instructions == 1
    assert block.cycles == CYCLES[text]
    assert bool(block.flags & Flag.FPU) == text.startswith("v")


def test_neighbouring_loads_are_pipelined(encodings: dict[str, bytes]) -> None:
    load, add = encodings["ldr r0, [r1]"], encodings["movs r0, #1"]
    assert analyse(load + load + load).cycles == 2 + 1 + 1
    assert analyse(load + add + load).cycles == 2 + 1 + 2


def test_first_fpu_instruction_is_found(encodings: dict[str, bytes]) -> None:
    code = encodings["movs r0, #1"] + encodings["nop.w"] + encodings["vmov s0, r0"]
    assert analyse(code).first_fpu == 6
    assert analyse(encodings["nop"]).first_fpu == -1


def test_sleep_and_event_hints_are_seen() -> None:
    assert analyse(bytes.fromhex("30bf")).flags == Flag.WFI
    assert analyse(bytes.fromhex("20bf")).flags == Flag.WFE
    assert analyse(bytes.fromhex("40bf")).flags == Flag.SEV
    assert analyse(bytes.fromhex("aff30380")).flags == Flag.WFI
    assert analyse(bytes.fromhex("08bf")).flags == Flag(0), "IT EQ is no hint"
