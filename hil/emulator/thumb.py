"""What a block of Thumb-2 code costs: instructions exactly, cycles by a stated model.

The model is the Cortex-M4's timing table (ARM DDI 0439D, 3.3 and the FPU's 7.2.3) with zero wait
states, and these choices where the table gives a range or depends on data:

* a pipeline refill (P, "1 to 3") is 2 cycles, charged whenever control leaves the line;
* SDIV and UDIV ("2 to 12") are 7; an instruction whose IT condition fails is charged in full;
* a single load straight after a single load or store takes 1 cycle instead of 2, a store 1;
* an IT instruction takes its own cycle (it is not folded);
* unaligned loads and stores are charged as aligned ones, for where they go is not looked at: the
  core takes 1 or 2 cycles more (3.3.3);
* exception entry takes 12 cycles, exception return 10.

Encodings: Armv7-M Architecture Reference Manual (DDI 0403E) A5.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntFlag

REFILL = 2
DIVIDE = 7
EXCEPTION_ENTRY = 12
EXCEPTION_RETURN = 10


class Flag(IntFlag):
    """What the engine must know of a block besides its cost."""

    FPU = 1
    WFI = 2
    WFE = 4
    SEV = 8


@dataclass(frozen=True)
class Block:
    """A straight run of code. cycles: estimated, without the refill after its last instruction."""

    instructions: int
    cycles: int
    flags: Flag
    #: Offset in bytes of the first FPU instruction, -1 when there is none.
    first_fpu: int = -1


def is_wide(halfword: int) -> bool:
    """Return whether `halfword` starts a 32-bit instruction."""
    return halfword >> 11 in (0b11101, 0b11110, 0b11111)


def divisions(code: bytes) -> list[int]:
    """Return the offsets of whatever looks like SDIV or UDIV, at any halfword (A7.7.127, .195)."""
    found = []
    for offset in range(0, len(code) - 3, 2):
        first = int.from_bytes(code[offset : offset + 2], "little")
        second = int.from_bytes(code[offset + 2 : offset + 4], "little")
        if first & 0xFFD0 == 0xFB90 and second & 0xF0F0 == 0xF0F0:
            found.append(offset)
    return found


def analyse(code: bytes) -> Block:
    """Return the cost of `code`, whole instructions in little-endian halfwords."""
    instructions = cycles = offset = 0
    flags, first_fpu = Flag(0), -1
    after_single = False
    while offset + 2 <= len(code):
        first = int.from_bytes(code[offset : offset + 2], "little")
        wide = is_wide(first)
        second = int.from_bytes(code[offset + 2 : offset + 4], "little") if wide else 0
        cost, single = _wide(first, second) if wide else _narrow(first)
        cycles += 1 if single and after_single else cost
        after_single = single
        flag = _flag(first, second, wide)
        if flag & Flag.FPU and first_fpu < 0:
            first_fpu = offset
        flags |= flag
        instructions += 1
        offset += 4 if wide else 2
    return Block(instructions, cycles, flags, first_fpu)


def _flag(first: int, second: int, wide: bool) -> Flag:
    if wide:
        if first >> 10 & 0b111011 == 0b111011 and second >> 9 & 0b111 == 0b101:
            return Flag.FPU
        hint = second & 0xFF if first == 0xF3AF and second >> 8 == 0x80 else 0
    else:
        hint = first >> 4 & 0xF if first & 0xFF0F == 0xBF00 else 0
    return {2: Flag.WFE, 3: Flag.WFI, 4: Flag.SEV}.get(hint, Flag(0))


def _narrow(op: int) -> tuple[int, bool]:
    """Return the cycles of a 16-bit instruction, and whether it is a single load or store."""
    if op >> 11 == 0b01001 or op >> 12 in (0b0101, 0b0110, 0b0111, 0b1000, 0b1001):
        return (2, True) if _narrow_is_load(op) else (1, True)
    if op >> 9 in (0b1011010, 0b1011110):  # PUSH, POP
        return 1 + (op & 0x1FF).bit_count(), False
    if op >> 12 == 0b1100:  # STM, LDM
        return 1 + (op & 0xFF).bit_count(), False
    return 1, False


def _narrow_is_load(op: int) -> bool:
    if op >> 11 == 0b01001:
        return True
    if op >> 12 == 0b0101:
        return op >> 9 & 0b111 >= 3
    return bool(op >> 11 & 1)


def _wide(first: int, second: int) -> tuple[int, bool]:
    """Return the cycles of a 32-bit instruction, and whether it is a single load or store."""
    group, op = first >> 11 & 3, first >> 4 & 0x7F
    if group != 0b10 and op & 0x40:
        return _coprocessor(first, second)
    if group == 0b01:
        if op & 0x64 == 0:  # LDM, STM, PUSH, POP
            return 1 + second.bit_count(), False
        if op & 0x64 == 4:
            return _dual(first, second)
        return 1, False
    if group == 0b10:
        is_status = second & 0xD000 == 0x8000 and first & 0xFFE0 in (0xF380, 0xF3E0)
        return (2 if is_status else 1), False  # MSR, MRS
    return _wide_single_or_multiply(op, second)


def _wide_single_or_multiply(op: int, second: int) -> tuple[int, bool]:
    if op & 0x71 == 0:
        return 1, True
    if op & 0x67 in (1, 3, 5):
        return 2, True
    return (DIVIDE if op in (0x39, 0x3B) and second >> 4 & 0xF == 0xF else 1), False


def _dual(first: int, second: int) -> tuple[int, bool]:
    """LDRD and STRD move two words; table branches and the exclusives one."""
    if first & 0xFFF0 == 0xE8D0 and second & 0xFFE0 == 0xF000:  # TBB, TBH
        return 2, False
    is_exclusive = first & 0x0120 == 0
    return (2 if is_exclusive else 3), False


def _coprocessor(first: int, second: int) -> tuple[int, bool]:
    if first & 0xFE00 == 0xEC00:
        if first & 0xFFE0 == 0xEC40:  # VMOV of two core registers
            return 2, False
        if first & 0xFF20 == 0xED00:  # VLDR, VSTR
            return 2, False
        return 1 + (second & 0xFF), False  # VLDM, VSTM, VPUSH, VPOP
    if second & 0x10:  # VMOV, VMRS, VMSR
        return 1, False
    return _fpu_arithmetic(first, second), False


def _fpu_arithmetic(first: int, second: int) -> int:
    op = first >> 4 & 0xB
    if op in (0x0, 0x1, 0x9, 0xA):  # multiply-accumulate, chained or fused
        return 3
    if op == 0x8:  # VDIV
        return 14
    is_square_root = op == 0xB and first & 0xF == 1 and second >> 6 & 3 == 3
    return 14 if is_square_root else 1
