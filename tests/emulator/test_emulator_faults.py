"""Faults: what the firmware's handler sees, what the crash report says, and where it ends."""

from __future__ import annotations

import pytest
from small_firmware import Boot, r, run

from hil.emulator import registers as reg
from hil.emulator.crash import Crash
from hil.emulator.machine import Machine, State

CFSR, HFSR, BFAR = 0xE000ED28, 0xE000ED2C, 0xE000ED38

#: Faults of their own on; the handlers note number, CFSR, HFSR, BFAR and the stacked PC, and sleep.
HANDLER = """
.thumb_func
.global handler_3
.global handler_4
.global handler_5
.global handler_6
.set handler_3, fault
.set handler_4, fault
.set handler_5, fault
.set handler_6, fault
.thumb_func
fault:
    mrs r4, ipsr
    ldr r0, =0xE000ED00
    ldr r5, [r0, #0x28]
    ldr r6, [r0, #0x2C]
    ldr r7, [r0, #0x38]
    ldr r8, [sp, #24]
9:  wfi
    b 9b
"""
ENABLE = "ldr r0, =0xE000ED24\n mov r1, #0x70000\n str r1, [r0]\n"


def crash(machine: Machine) -> Crash:
    assert machine.crash_count == 1
    return machine.crashes[0]


CASES = {
    # name: (source, exception, CFSR, BFAR or None, words of the cause)
    "read": ("ldr r0, =0x40004000\n ldr r1, [r0]", 5, 0x8200, 0x40004000, "no memory"),
    "write": ("ldr r0, =0x40004000\n str r1, [r0]", 5, 0x8200, 0x40004000, "no memory"),
    "null": ("movs r0, #0\n ldr r1, [r0, #4]", 5, 0x8200, 4, "no memory"),
    "unknown register": (
        "ldr r0, =0x40000700\n ldr r1, [r0]", 5, 0x8200, 0x40000700, "CLOCK/POWER has no"),
    "unknown register written": (
        "ldr r0, =0x40002FF0\n str r1, [r0]", 5, 0x8200, 0x40002FF0, "UART has no"),
    "unmodelled option": ("ldr r0, =0x40002500\n movs r1, #8\n str r1, [r0]", 5, 0x8200,
                          0x40002500, "UARTE0 is not modelled"),
    "byte access": ("ldr r0, =0x40000400\n ldrb r1, [r0]", 5, 0x8200, 0x40000400, "1-byte"),
    "flash write": ("ldr r0, =0x10000\n str r1, [r0]", 5, 0x8200, 0x10000, "no memory"),
    "undefined": ("udf #1", 6, 0x10000, None, "undefined"),
    "no code": ("ldr r0, =0x60000001\n bx r0", 5, 0x100, None, "no code at 0x60000000"),
    "jump to 0": ("movs r0, #1\n bx r0", 5, 0x100, None, "no code at 0x00000000"),
    "fpu off": ("nop\n vmov s0, r0", 6, 0x80000, None, "CPACR"),
    "division by zero": (
        "ldr r0, =0xE000ED14\n mov r1, #0x210\n str r1, [r0]\n dsb\n movs r2, #0\n nop\n"
        " movs r1, #7\n udiv r0, r1, r2", 6, 1 << 25, None, "division"),
    "signed division by zero": (
        "ldr r0, =0xE000ED14\n mov r1, #0x210\n str r1, [r0]\n dsb\n 1: subs r1, #0x10\n"
        " sdiv r0, r1, r1\n b 1b", 6, 1 << 25, None, "division"),
    "no thumb bit": ("ldr r0, =reset\n bic r0, #1\n bx r0", 6, 1 << 17, None, "Thumb bit"),
    "breakpoint": ("bkpt #0", 3, 0, None, "breakpoint"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_faults_reach_the_firmware_and_the_report(name: str, boot: Boot) -> None:
    source, exception, cfsr, address, words = CASES[name]
    machine = boot(ENABLE + source + "\n movs r0, #77\n" + HANDLER)
    run(machine)
    assert r(machine, 4) == exception
    assert r(machine, 5) == cfsr
    if address is not None:
        assert r(machine, 7) == address
    report = crash(machine)
    assert (report.exception, report.cfsr, report.address) == (exception, cfsr, address)
    assert words in report.cause
    assert r(machine, 8) == report.pc, "the stacked return address is the faulting instruction"
    assert not report.lockup
    assert machine.halted is None


def test_a_breakpoint_says_so_in_hfsr(boot: Boot) -> None:
    machine = boot("bkpt #0\n" + HANDLER)
    run(machine)
    assert r(machine, 6) == 1 << 31, "DEBUGEVT"


def test_svc_that_its_priority_does_not_allow_is_a_hard_fault(boot: Boot) -> None:
    machine = boot("cpsid i\n svc #0\n" + HANDLER)
    run(machine)
    assert r(machine, 4) == 3
    assert r(machine, 6) == 1 << 30, "FORCED"
    assert "SVC" in crash(machine).cause


def test_without_their_enable_bit_faults_are_hard_faults(boot: Boot) -> None:
    machine = boot("ldr r0, =0x40004000\n ldr r1, [r0]\n" + HANDLER)
    run(machine)
    assert r(machine, 4) == 3
    assert r(machine, 6) == 1 << 30, "FORCED"


def test_division_by_zero_is_0_where_no_fault_is_asked_for(boot: Boot) -> None:
    machine = boot("movs r0, #5\n movs r1, #0\n udiv r4, r0, r1\n 9: wfi\n b 9b")
    run(machine)
    assert (r(machine, 4), machine.crash_count) == (0, 0)


def test_a_faulting_instruction_is_not_counted(boot: Boot) -> None:
    machine = boot("movs r0, #0\n nop\n ldr r1, [r0]\n nop\n nop\n" + HANDLER)
    run(machine)
    assert crash(machine).instructions == 2
    assert machine.core.instructions == 2 + 7, "and the handler's seven"


def test_nothing_after_a_faulting_store_runs(boot: Boot) -> None:
    machine = boot("ldr r0, =0x40004000\n movs r2, #1\n str r2, [r0]\n movs r2, #9\n" + HANDLER)
    run(machine)
    assert r(machine, 2) == 1


C_SOURCE = """
typedef void (*vector)(void);
static void reset(void);
__attribute__((section(".vectors"), used)) const vector vectors[4] = {
    (vector)0x20010000, reset, reset, reset};
static volatile unsigned *bad = (volatile unsigned *)0x40004000;
__attribute__((noinline)) static unsigned probe(void)
{
    return *bad;
}
__attribute__((noinline)) static void work(void)
{
    *(volatile unsigned *)0x20000000 = probe();
}
static void reset(void)
{
    bad = (volatile unsigned *)0x40004000;
    work();
    for (;;)
        __asm volatile("wfi");
}
"""


def test_the_report_names_function_file_and_line(boot: Boot) -> None:
    machine = boot(C_SOURCE, suffix=".c")
    machine.run(1000)
    report = machine.crashes[0]
    assert report.place.function == "probe"
    assert report.place.file.endswith(".c")
    line = C_SOURCE.splitlines().index("    return *bad;") + 1
    assert report.place.line == line
    assert report.caller.function == "work"
    assert f"{report.place.file}:{line}" in str(report)


def test_a_fault_in_a_fault_handler_locks_up(boot: Boot) -> None:
    source = "udf #1\n.thumb_func\n.global handler_3\nhandler_3:\n udf #2\n"
    machine = boot(source)
    assert machine.run(1000) is State.HALTED
    assert "locked up" in (machine.halted or "")
    assert [c.lockup for c in machine.crashes] == [False, True]
    assert machine.run(1000) is State.HALTED, "and stays so"


def test_without_a_handler_it_locks_up_at_once(boot: Boot) -> None:
    machine = boot("udf #1")
    assert machine.run(1000) is State.HALTED
    assert [c.lockup for c in machine.crashes] == [True]


def test_an_interrupt_without_a_handler_is_a_hard_fault(boot: Boot) -> None:
    pend = "ldr r0, =0xE000E000\n movs r1, #8\n str r1, [r0, #0x100]\n str r1, [r0, #0x200]\n isb\n"
    machine = boot(pend + "1: b 1b\n" + HANDLER)
    run(machine)
    assert r(machine, 4) == 3
    assert r(machine, 6) == 1 << 1, "VECTTBL"


def test_stack_overflow_enters_the_handler_with_nothing_stacked(boot: Boot) -> None:
    source = (
        ENABLE
        + """
    ldr r0, =0x20000010
    mov sp, r0
1:  push {r1-r4}
    b 1b
.thumb_func
.global handler_5
handler_5:
    mrs r4, msp
    ldr r0, =0xE000ED28
    ldr r5, [r0]
9:  wfi
    b 9b
"""
    )
    machine = boot(source)
    run(machine)
    assert crash(machine).address == 0x1FFFFFF0
    assert r(machine, 4) == 0x20000000 - 32, "the frame has nowhere to be"
    assert r(machine, 5) & 1 << 12, "STKERR"


def test_an_interrupt_that_cannot_be_stacked_is_a_bus_fault(boot: Boot) -> None:
    source = (
        ENABLE
        + """
    ldr r0, =0xE000E000
    movs r1, #8
    str r1, [r0, #0x100]
    ldr r2, =0x20000008
    mov sp, r2
    str r1, [r0, #0x200]
    isb
1:  b 1b
.thumb_func
.global handler_19
handler_19: bx lr
.thumb_func
.global handler_5
handler_5:
    mrs r4, ipsr
9:  wfi
    b 9b
"""
    )
    machine = boot(source)
    run(machine)
    assert r(machine, 4) == 5
    assert "stack" in crash(machine).cause


@pytest.mark.parametrize("value", ["0xFFFFFFF1", "0xFFFFFFF5", "0xFFFFFFFF"])
def test_an_illegal_exception_return_is_a_usage_fault(value: str, boot: Boot) -> None:
    source = f"svc #0\n.thumb_func\n.global handler_11\nhandler_11:\n ldr r0, ={value}\n bx r0\n"
    machine = boot(ENABLE + source + HANDLER)
    run(machine)
    assert r(machine, 4) in (3, 6)
    assert "return from exception" in crash(machine).cause


RUN_FROM_RAM = """
    ldr r0, =ramcode_load
    ldr r1, =0x20000000
    ldr r2, =ramcode_size
1:  ldr r3, [r0], #4
    str r3, [r1], #4
    subs r2, #4
    bgt 1b
    ldr r0, =in_ram
    blx r0
2:  wfi
    b 2b
.section .ramcode, "ax"
.thumb_func
.global in_ram
.type in_ram, %function
in_ram:
    movs r4, #42
    bx lr
    .p2align 2
.text
"""
MPU_OFF = "ldr r0, =0xE000ED94\n movs r1, #0\n str r1, [r0]\n dsb\n isb\n"


def test_firmware_that_forgets_the_bootloaders_mpu_crashes(boot: Boot) -> None:
    machine = boot(ENABLE + RUN_FROM_RAM + HANDLER, after_bootloader=True)
    run(machine)
    assert r(machine, 4) == 4, "MemManage"
    assert r(machine, 5) == 1, "IACCVIOL"
    assert "execute-never" in crash(machine).cause


@pytest.mark.parametrize(("prefix", "after"), [(MPU_OFF, True), ("", False)])
def test_code_in_ram_runs_once_the_mpu_is_off(prefix: str, after: bool, boot: Boot) -> None:
    machine = boot(prefix + RUN_FROM_RAM + HANDLER, after_bootloader=after)
    run(machine)
    assert r(machine, 4) == 42
    assert machine.crash_count == 0


def test_reports_are_bounded(boot: Boot) -> None:
    # The handler resets: a crash loop.
    source = "udf #1\n.thumb_func\n.global handler_3\nhandler_3:\n ldr r0, =0xE000ED0C\n"
    machine = boot(source + " ldr r1, =0x05FA0004\n str r1, [r0]\n 1: b 1b\n")
    machine.run(1000)
    assert machine.crash_count > 50
    assert len(machine.crashes) == 16


def test_registers_of_the_report_are_those_of_the_fault(boot: Boot) -> None:
    machine = boot("movs r3, #33\n mov r12, #44\n udf #1\n" + HANDLER)
    run(machine)
    report = crash(machine)
    assert (report.registers["r3"], report.registers["r12"]) == (33, 44)
    assert report.registers["sp"] == 0x20010000
    assert report.pc == report.registers["pc"]
    assert machine.registers[reg.SP] == 0x20010000 - 32
