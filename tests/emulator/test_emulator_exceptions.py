"""Exception entry and return, priorities, masks and sleep (DDI 0403E B1.5)."""

from __future__ import annotations

import struct

import pytest
from small_firmware import Boot, r, run, word

from hil.emulator import registers as reg
from hil.emulator.machine import Machine, State

ISPR0, ISER0, IPR0 = 0xE000E200, 0xE000E100, 0xE000E400

#: r10 = NVIC base. Interrupts 3 and 4, enabled with the priorities given.
NVIC = """
    ldr r10, =0xE000E000
    movs r0, #{three}
    strb r0, [r10, #0x403]
    movs r0, #{four}
    add r1, r10, #0x400
    strb r0, [r1, #4]
    movs r0, #0x18
    str r0, [r10, #0x100]
"""

#: Handlers that append their number to the trace at r11; 3 pends 4 in its middle.
HANDLERS = """
.thumb_func
.global handler_19
handler_19:
    movs r0, #3
    strb r0, [r11], #1
    movs r0, #0x10
    str r0, [r10, #0x200]
    dsb
    isb
    movs r0, #0x33
    strb r0, [r11], #1
    bx lr
.thumb_func
.global handler_20
handler_20:
    movs r0, #4
    strb r0, [r11], #1
    bx lr
"""

PEND_3 = "movs r0, #8\n str r0, [r10, #0x200]\n dsb\n isb\n"
SLEEP = "1: wfi\n b 1b\n"


def trace(machine: Machine, count: int) -> list[int]:
    data = machine.registers.load_bytes(0x20000100, count)
    assert data is not None
    return list(data)


def nested(boot: Boot, three: int, four: int) -> Machine:
    source = NVIC.format(three=three, four=four) + "ldr r11, =0x20000100\n" + PEND_3 + SLEEP
    machine = boot(source + HANDLERS)
    run(machine)
    return machine


def test_a_better_priority_preempts(boot: Boot) -> None:
    assert trace(nested(boot, three=0x80, four=0x40), 3) == [3, 4, 0x33]


@pytest.mark.parametrize("four", [0x80, 0xC0])
def test_an_equal_or_worse_priority_waits(four: int, boot: Boot) -> None:
    assert trace(nested(boot, three=0x80, four=four), 3) == [3, 0x33, 4]


def test_only_the_implemented_priority_bits_count(boot: Boot) -> None:
    # The nRF52840 has three: 0x9F is 0x80, which does not preempt 0x80.
    machine = nested(boot, three=0x80, four=0x7F)
    assert word(machine, 0x20000100) & 0xFFFFFF == 0x330403, "0x60 preempts 0x80"
    assert trace(nested(boot, three=0x80, four=0x9F), 3) == [3, 0x33, 4]


def test_priority_grouping_makes_subpriorities_wait(boot: Boot) -> None:
    grouping = "ldr r0, =0xE000ED0C\n ldr r1, =0x05FA0600\n str r1, [r0]\n"  # one group bit
    source = grouping + NVIC.format(three=0x60, four=0x20) + "ldr r11, =0x20000100\n"
    machine = boot(source + PEND_3 + SLEEP + HANDLERS)
    run(machine)
    assert trace(machine, 3) == [3, 0x33, 4]


def test_of_two_pending_the_better_goes_first_and_equals_by_number(boot: Boot) -> None:
    both = "cpsid i\n movs r0, #0x18\n str r0, [r10, #0x200]\n cpsie i\n isb\n"
    plain = HANDLERS.replace("str r0, [r10, #0x200]\n    dsb\n    isb\n", "")
    for four, order in ((0x40, [4, 3]), (0x80, [3, 0x33, 4])):
        source = NVIC.format(three=0x80, four=four) + "ldr r11, =0x20000100\n" + both
        machine = boot(source + SLEEP + plain)
        run(machine)
        assert trace(machine, len(order)) == order


def test_entry_stacks_the_frame_and_return_restores_it(boot: Boot) -> None:
    source = (
        NVIC.format(three=0x80, four=0x80)
        + """
    ldr r7, =0x20000FF4      // a stack pointer that is not a multiple of 8
    mov sp, r7
    movs r1, #11
    movs r2, #12
    movs r3, #13
    mov r12, #22
    movs r0, #8
    str r0, [r10, #0x200]
    mov r0, #99
    cmp r0, #99
    mrs r8, apsr
after: wfi
    mov r9, sp
    mrs r6, apsr
    b after
.thumb_func
.global handler_19
handler_19:
    mov r4, sp
    mov r5, lr
    mrs r11, ipsr
    movs r0, #0
    movs r1, #0
    movs r2, #0
    movs r3, #0
    mov r12, r0
    cmp r0, #1
    bx lr
"""
    )
    machine = boot(source)
    run(machine)
    assert (r(machine, 1), r(machine, 2), r(machine, 3), r(machine, 12)) == (11, 12, 13, 22)
    assert machine.registers[reg.SP] == 0x20000FF4
    assert r(machine, 5) == 0xFFFFFFF9
    assert r(machine, 11) == 19, "IPSR is the exception's number"
    frame_at = r(machine, 4)
    assert frame_at == 0x20000FF0 - 32, "aligned to 8 bytes"
    frame = struct.unpack("<8I", machine.registers.load_bytes(frame_at, 32) or b"")
    assert frame[1:5] == (11, 12, 13, 22)
    assert frame[7] & 1 << 9, "the alignment is noted in the stacked xPSR"


FPU_ON = "ldr r0, =0xE000ED88\n mov r1, #0xF00000\n str r1, [r0]\n dsb\n isb\n"


def test_fpu_registers_survive_a_handler_that_uses_them(boot: Boot) -> None:
    source = (
        FPU_ON
        + NVIC.format(three=0x80, four=0x80)
        + """
    vmov.f32 s0, #2.0
    vmov.f32 s15, #3.0
    vmov.f32 s16, #4.0
    ldr r0, =0x01000000
    vmsr fpscr, r0
"""
        + PEND_3
        + """
    vmov r4, s0
    vmov r5, s15
    vmov r6, s16
    vmrs r7, fpscr
    1: wfi
    b 1b
.thumb_func
.global handler_19
handler_19:
    mov r8, lr
    mov r9, sp
    vmov.f32 s0, #9.0
    vmov.f32 s15, #9.0
    movs r0, #0
    vmsr fpscr, r0
    bx lr
"""
    )
    machine = boot(source)
    run(machine)
    assert r(machine, 8) == 0xFFFFFFE9, "extended frame"
    assert r(machine, 9) == 0x20010000 - 104
    assert (r(machine, 4), r(machine, 5)) == (0x40000000, 0x40400000)
    assert r(machine, 6) == 0x40800000
    assert r(machine, 7) & 0x01000000


def test_without_fpu_use_the_frame_is_basic(boot: Boot) -> None:
    source = (
        FPU_ON
        + NVIC.format(three=0x80, four=0x80)
        + PEND_3
        + SLEEP
        + """
.thumb_func
.global handler_19
handler_19:
    mov r8, lr
    bx lr
"""
    )
    machine = boot(source)
    run(machine)
    assert r(machine, 8) == 0xFFFFFFF9


def test_primask_holds_back_and_wfi_wakes_all_the_same(boot: Boot) -> None:
    source = (
        NVIC.format(three=0x80, four=0x80)
        + "ldr r11, =0x20000100\n cpsid i\n"
        + PEND_3
        + """
    mov r4, r11              // nothing has run yet
    wfi                      // does not sleep: something is pending
    mov r5, r11
    cpsie i
    isb
    mov r6, r11
"""
        + SLEEP
        + HANDLERS
    )
    machine = boot(source)
    run(machine)
    assert r(machine, 4) == r(machine, 5) == 0x20000100
    assert r(machine, 6) == 0x20000103


def test_basepri_holds_back_what_is_not_better(boot: Boot) -> None:
    source = (
        NVIC.format(three=0x80, four=0x40)
        + """
    ldr r11, =0x20000100
    movs r0, #0x80
    msr basepri, r0
"""
        + PEND_3
        + """
    mov r4, r11
    movs r0, #0x10           // 4 is better than BASEPRI
    str r0, [r10, #0x200]
    dsb
    isb
    mov r5, r11
    movs r0, #0xC0           // and now 3 is
    msr basepri, r0
    isb
    mov r6, r11
"""
        + SLEEP
        + HANDLERS
    )
    machine = boot(source)
    run(machine)
    assert r(machine, 4) == 0x20000100
    assert r(machine, 5) == 0x20000101
    assert trace(machine, 4) == [4, 3, 4, 0x33]
    assert r(machine, 6) == 0x20000104


def test_svc_and_pendsv(boot: Boot) -> None:
    source = """
    ldr r4, =0xE000ED04
    svc #7
    mov r7, r5
    b 1f
1:  wfi
    b 1b
.thumb_func
.global handler_11
handler_11:
    movs r5, #5
    mov r0, #0x10000000      // PendSV; of equal priority, so it tail-chains
    str r0, [r4]
    isb
    movs r6, #1
    bx lr
.thumb_func
.global handler_14
handler_14:
    adds r6, #1
    movs r5, #6
    bx lr
"""
    machine = boot(source)
    run(machine)
    assert (r(machine, 6), r(machine, 7)) == (2, 6)


def test_the_process_stack_is_used_and_returned_to(boot: Boot) -> None:
    source = """
    ldr r0, =0x20002000
    msr psp, r0
    movs r0, #2
    msr control, r0
    isb
    svc #0
    mov r7, sp
    1: wfi
    b 1b
.thumb_func
.global handler_11
handler_11:
    mov r4, lr
    mov r5, sp
    mrs r6, psp
    bx lr
"""
    machine = boot(source)
    run(machine)
    assert r(machine, 4) == 0xFFFFFFFD
    assert r(machine, 5) == 0x20010000, "the handler runs on the main stack"
    assert r(machine, 6) == 0x20002000 - 32
    assert r(machine, 7) == 0x20002000


def test_an_interrupt_inside_an_it_block_goes_on_there(boot: Boot) -> None:
    # The store that pends it ends no block: it is taken at the next one, which ISB starts.
    source = (
        NVIC.format(three=0x80, four=0x80)
        + """
    ldr r11, =0x20000100
    movs r0, #8
    movs r4, #0
    cmp r4, #0
    itttt eq
    streq r0, [r10, #0x200]
    isbeq
    addeq r4, #1
    addeq r4, #1
"""
        + SLEEP
        + HANDLERS
    )
    machine = boot(source)
    run(machine)
    assert r(machine, 4) == 2
    assert trace(machine, 2) == [3, 0x33]


def test_sleep_on_exit(boot: Boot) -> None:
    source = (
        NVIC.format(three=0x80, four=0x80)
        + """
    ldr r11, =0x20000100
    ldr r0, =0xE000ED10
    movs r1, #2
    str r1, [r0]
    movs r4, #0
"""
        + PEND_3
        + "movs r4, #1\n"
        + SLEEP
        + HANDLERS
    )
    machine = boot(source)
    assert run(machine) is State.ASLEEP
    assert r(machine, 4) == 0, "thread mode did not go on"


def test_wfe_sleeps_only_without_an_event(boot: Boot) -> None:
    machine = boot("sev\n wfe\n movs r4, #1\n wfe\n movs r4, #2\n 1: wfi\n b 1b")
    assert run(machine) is State.ASLEEP
    assert r(machine, 4) == 1


def test_a_sleeping_core_takes_no_host_time(boot: Boot) -> None:
    machine = boot("1: wfi\n b 1b")
    run(machine)
    before = machine.core.instructions
    assert machine.run(10**9) is State.ASLEEP
    assert machine.core.instructions == before
