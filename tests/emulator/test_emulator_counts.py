"""Instruction counts, held against counts made by hand; every test with both hooks."""

from __future__ import annotations

import pytest
from small_firmware import Boot, r, run

ENABLE_CYCCNT = """
    ldr r0, =0xE000EDFC
    mov r1, #0x01000000
    str r1, [r0]
    ldr r6, =0xE0001000
    movs r1, #0
    str r1, [r6, #4]
    movs r1, #1
    str r1, [r6]
"""

PROGRAMS = {
    "straight line": ("movs r0, #1\n adds r0, #2\n add.w r0, r0, #0x100\n wfi", 4),
    # 1 + 10 × (subs, bne) + wfi
    "loop": ("movs r0, #10\n1: subs r0, #1\n bne 1b\n wfi", 1 + 20 + 1),
    # movs, cmp, it, addeq and the other arm's instruction, which is skipped but executed as a no-op
    "it block": ("movs r0, #0\n cmp r0, #0\n ite eq\n addeq r1, #1\n addne r1, #2\n wfi", 6),
    "call and return": ("bl 1f\n wfi\n1: push {r4, lr}\n nop\n pop {r4, pc}", 5),
    # tbb jumps over one instruction
    "table branch": ("movs r0, #1\n tbb [pc, r0]\n.byte 1, 2\n nop\n wfi\n", 3),
    # 2 + 3 × (cbz, subs, b) + cbz + wfi
    "cbz": ("movs r0, #3\n nop\n1: cbz r0, 2f\n subs r0, #1\n b 1b\n2: wfi", 2 + 9 + 2),
    # an IT block inside a loop: 2 + 4 × (subs, ittt, 3, cmp, bne) + wfi
    "it in loop": (
        "movs r0, #4\n nop\n1: subs r0, #1\n ittt mi\n addmi r1, #1\n addmi r1, #1\n addmi r1, #1\n"
        " cmp r0, #0\n bne 1b\n wfi",
        2 + 4 * 7 + 1,
    ),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_hand_counted(name: str, boot: Boot) -> None:
    source, count = PROGRAMS[name]
    machine = boot(source)
    run(machine)
    assert machine.core.instructions == count


def test_a_conditional_branch_is_charged_a_refill_only_when_taken(boot: Boot) -> None:
    taken, straight = boot("cmp r0, r0\n beq 1f\n1: nop\n wfi"), boot("nop\n nop\n nop\n wfi")
    jumping = boot("cmp r0, r0\n beq 1f\n nop\n1: nop\n wfi")
    for machine in (taken, straight, jumping):
        run(machine)
    # A branch to the next instruction cannot be told from one not taken: no refill.
    assert taken.core.cycles == straight.core.cycles == 4
    assert jumping.core.instructions == 4
    assert jumping.core.cycles == 4 + 2


def test_cyccnt_is_exact_inside_a_block(boot: Boot) -> None:
    machine = boot(ENABLE_CYCCNT + "ldr r1, [r6, #4]\n nop\n nop\n ldr r2, [r6, #4]\n"
                   " ldr r3, [r6, #4]\n wfi")  # fmt: skip
    run(machine)
    assert r(machine, 1) == 1, "the store that enabled it is the first instruction counted"
    assert r(machine, 2) - r(machine, 1) == 3
    assert r(machine, 3) - r(machine, 2) == 1


def test_cyccnt_counts_a_loop_exactly(boot: Boot) -> None:
    machine = boot(ENABLE_CYCCNT + "ldr r1, [r6, #4]\n movs r0, #100\n1: subs r0, #1\n bne 1b\n"
                   " ldr r2, [r6, #4]\n wfi")  # fmt: skip
    run(machine)
    assert r(machine, 2) - r(machine, 1) == 1 + 1 + 200


def test_touching_cyccnt_leaves_the_total_exact(boot: Boot) -> None:
    machine = boot(ENABLE_CYCCNT + "ldr r1, [r6, #4]\n nop\n ldr r2, [r6, #4]\n wfi")
    run(machine)
    assert machine.core.instructions == 8 + 4


def test_cyccnt_can_be_written_and_stopped(boot: Boot) -> None:
    set_and_read = "movw r1, #1000\n str r1, [r6, #4]\n ldr r2, [r6, #4]\n"
    stop_and_read = "movs r1, #0\n str r1, [r6]\n nop\n ldr r3, [r6, #4]\n ldr r4, [r6, #4]\n wfi"
    machine = boot(ENABLE_CYCCNT + set_and_read + stop_and_read)
    run(machine)
    assert r(machine, 2) == 1001, "the store itself"
    assert r(machine, 3) == r(machine, 4) == 1003, "str, ldr and movs ran before it was stopped"


def test_the_counter_can_be_switched_to_the_estimate(boot: Boot) -> None:
    source = ENABLE_CYCCNT + "1: wfi\n ldr r1, [r6, #4]\n udiv r0, r1, r1\n ldr r2, [r6, #4]\n b 1b"
    machine = boot(source)
    run(machine)
    machine.dwt.count_cycles(True)
    machine.core.sleeping = 0
    run(machine)
    assert r(machine, 2) - r(machine, 1) == 2 + 7, "a load and a division, by the model"
    machine.dwt.count_cycles(False)
    machine.core.sleeping = 0
    run(machine)
    assert r(machine, 2) - r(machine, 1) == 2


def test_counts_do_not_depend_on_where_the_run_is_cut(boot: Boot) -> None:
    source = "movw r0, #5000\n1: subs r0, #1\n it ne\n addne r1, #3\n cmp r0, #0\n bne 1b\n wfi"
    whole, cut = boot(source), boot(source)
    run(whole)
    while cut.run(7).value == "running":
        pass
    assert (cut.core.instructions, cut.core.cycles) == (
        whole.core.instructions,
        whole.core.cycles,
    )
    assert whole.core.instructions == 1 + 5000 * 5 + 1
