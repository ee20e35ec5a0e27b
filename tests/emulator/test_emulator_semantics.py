"""Spot checks of instruction results against values worked out here in Python.

unicorn executes the instructions (its agreement with an exact oracle over thousands of operands is
known); these few show that this build of it, set up as it is here, is a Cortex-M4F.
"""

from __future__ import annotations

import struct

import pytest
from small_firmware import Boot, r, run

A, B, C = 0x7FFF8001, 0x12348765, 0x00010002


def signed(value: int, bits: int = 32) -> int:
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> bits - 1 else value


def halves(value: int) -> tuple[int, int]:
    return signed(value, 16), signed(value >> 16, 16)


def smlad(a: int, b: int, c: int) -> int:
    (a0, a1), (b0, b1) = halves(a), halves(b)
    return a0 * b0 + a1 * b1 + signed(c)


#: Instruction on r1 = A, r2 = B, r3 = C into r0 → what it gives.
CASES = {
    "add r0, r1, r2": A + B,
    "sub r0, r3, r1": C - A,
    "mul r0, r1, r2": A * B,
    "mla r0, r1, r2, r3": A * B + C,
    "smlad r0, r1, r2, r3": smlad(A, B, C),
    "smuad r0, r1, r2": smlad(A, B, 0),
    "smmulr r0, r1, r2": (signed(A) * signed(B) + 0x80000000) >> 32,
    "smmul r0, r1, r2": signed(A) * signed(B) >> 32,
    "ssat r0, #8, r1": 127,
    "usat r0, #8, r2": 255,
    "qadd r0, r1, r2": 0x7FFFFFFF,
    "sdiv r0, r1, r3": signed(A) // C,
    "udiv r0, r2, r3": B // C,
    "sxtb16 r0, r2": (signed(B, 8) & 0xFFFF) | (signed(B >> 16, 8) & 0xFFFF) << 16,
    "sxtab r0, r3, r2": C + signed(B, 8),
    "pkhbt r0, r1, r2, lsl #4": A & 0xFFFF | (B << 4 & 0xFFFF0000),
    "rev r0, r2": int.from_bytes(B.to_bytes(4, "little"), "big"),
    "rbit r0, r2": int(f"{B:032b}"[::-1], 2),
    "clz r0, r2": 3,
    "ubfx r0, r2, #4, #8": B >> 4 & 0xFF,
    "asr r0, r1, #3": signed(A) >> 3,
    "ror r0, r2, #8": B >> 8 | (B & 0xFF) << 24,
}


@pytest.mark.parametrize("text", CASES)
def test_integer_and_dsp(text: str, boot: Boot) -> None:
    machine = boot(f"ldr r1, ={A}\n ldr r2, ={B}\n ldr r3, ={C}\n {text}\n 9: wfi\n b 9b")
    run(machine)
    assert r(machine, 0) == CASES[text] & 0xFFFFFFFF


def single(value: float) -> int:
    return int(struct.unpack("<I", struct.pack("<f", value))[0])


FPU_CASES = {
    "vadd.f32 s0, s1, s2": single(1.5 + 2.25),
    "vmul.f32 s0, s1, s2": single(1.5 * 2.25),
    "vdiv.f32 s0, s1, s2": single(1.5 / 2.25),
    "vsqrt.f32 s0, s2": single(1.5),
    "vneg.f32 s0, s1": single(-1.5),
    "vcvt.s32.f32 s0, s2": 2,
    "vcvtr.s32.f32 s0, s1": 2,
    "vcvt.f32.s32 s0, s3": single(7.0),
}


@pytest.mark.parametrize("text", FPU_CASES)
def test_fpu(text: str, boot: Boot) -> None:
    setup = "ldr r0, =0xE000ED88\n mov r1, #0xF00000\n str r1, [r0]\n dsb\n isb\n"
    values = "vmov.f32 s1, #1.5\n vmov.f32 s2, #2.25\n movs r1, #7\n vmov s3, r1\n"
    machine = boot(f"{setup}{values} {text}\n vmov r0, s0\n 9: wfi\n b 9b")
    run(machine)
    assert r(machine, 0) == FPU_CASES[text]


def test_it_is_an_m4_and_not_a_later_core(boot: Boot) -> None:
    machine = boot("ldr r0, =0xE000ED00\n ldr r1, [r0]\n 9: wfi\n b 9b")
    run(machine)
    assert r(machine, 1) >> 4 & 0xFFF == 0xC24
    # SG is Armv8-M's: a Cortex-M33 runs it, a Cortex-M4 does not.
    other = boot(".inst.w 0xE97FE97F\n 9: wfi\n b 9b")
    other.run(100)
    assert other.crash_count == 1
