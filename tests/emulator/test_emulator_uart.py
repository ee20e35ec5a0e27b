"""The UARTs and their line: pacing arithmetic, overruns, interrupts; both chips, both hooks."""

from __future__ import annotations

import pytest
from small_firmware import Boot, r, run

from hil.emulator.machine import Machine, State

CHIPS = ("nrf52840", "stm32l476")

#: r6 = UART. Receiver and transmitter on at 115,200 baud, no interrupts yet.
SETUP = {
    "nrf52840": """
    ldr r6, =0x40002000
    ldr r0, =0x01D7E000
    str r0, [r6, #0x524]
    movs r0, #4
    str r0, [r6, #0x500]
    movs r0, #1
    str r0, [r6]
    str r0, [r6, #8]
""",
    "stm32l476": """
    ldr r6, =0x40005000
    movw r0, #35             // 4 MHz (MSI) / 115,200, rounded
    str r0, [r6, #0x0C]
    movs r0, #13             // UE, RE, TE
    str r0, [r6]
""",
}
#: Cycles of one byte: ten bits of the rate that the chip makes of the one asked for.
BYTE_CYCLES = {"nrf52840": 10 * 64_000_000 * 138 // 16_000_000, "stm32l476": 350}

#: Enables the receiver's interrupt; the handler (exception 18 or 69) stores each byte at r11.
ENABLE_IRQ = {
    "nrf52840": """
    ldr r11, =0x20000100
    movs r0, #4
    str r0, [r6, #0x304]
    ldr r1, =0xE000E100
    movs r0, #4
    str r0, [r1]
""",
    "stm32l476": """
    ldr r11, =0x20000100
    movs r0, #0x2D
    str r0, [r6]
    ldr r1, =0xE000E104
    mov r0, #0x200000
    str r0, [r1]
""",
}
HANDLER = {
    "nrf52840": """
.thumb_func
.global handler_18
handler_18:
    adds r7, #1
2:  ldr r0, [r6, #0x108]
    cbz r0, 3f
    movs r0, #0
    str r0, [r6, #0x108]
    ldr r0, [r6, #0x518]
    strb r0, [r11], #1
    b 2b
3:  bx lr
""",
    "stm32l476": """
.thumb_func
.global handler_69
handler_69:
    adds r7, #1
    ldr r0, [r6, #0x1C]
    tst r0, #0x20
    it eq
    bxeq lr
    ldr r0, [r6, #0x24]
    strb r0, [r11], #1
    bx lr
""",
}
SLEEP = "9: wfi\n b 9b\n"


def received(machine: Machine, count: int) -> bytes:
    return machine.registers.load_bytes(0x20000100, count) or b""


def listening(boot: Boot, chip: str, paced: bool) -> Machine:
    source = "movs r7, #0\n" + SETUP[chip] + ENABLE_IRQ[chip] + SLEEP + HANDLER[chip]
    machine = boot(source, chip)
    machine.chip.uart.set_pacing(paced)
    run(machine)
    return machine


@pytest.mark.parametrize("chip", CHIPS)
@pytest.mark.parametrize("paced", [False, True])
def test_bytes_arrive_in_order(chip: str, paced: bool, boot: Boot) -> None:
    machine = listening(boot, chip, paced)
    data = bytes(range(200))
    machine.core.uart.from_host.push(data)
    run(machine)
    assert received(machine, 200) == data
    assert machine.core.uart.overruns == 0


@pytest.mark.parametrize("chip", CHIPS)
def test_a_byte_takes_ten_bit_times(chip: str, boot: Boot) -> None:
    machine = listening(boot, chip, paced=True)
    uart = machine.core.uart
    assert uart.byte_cycles == BYTE_CYCLES[chip]
    before = machine.core.now()
    uart.from_host.push(b"0123456789")
    run(machine)
    elapsed = machine.core.now() - before
    # Ten byte times, and the handler's run after the last byte.
    assert 0 < elapsed - 10 * BYTE_CYCLES[chip] < 100


@pytest.mark.parametrize("chip", CHIPS)
def test_instant_pacing_takes_no_virtual_time_asleep(chip: str, boot: Boot) -> None:
    machine = listening(boot, chip, paced=False)
    machine.core.uart.from_host.push(bytes(100))
    run(machine)
    assert machine.core.slept == 0


def test_instant_pacing_drains_a_burst_in_one_interrupt(boot: Boot) -> None:
    machine = listening(boot, "nrf52840", paced=False)
    machine.core.uart.from_host.push(bytes(1000))
    run(machine)
    assert r(machine, 7) == 1
    machine.core.uart.from_host.push(bytes(3000))
    run(machine)
    assert r(machine, 7) == 1 + 3, "at most 1,024 bytes before the firmware sleeps again"
    assert machine.core.uart.received == 4000


@pytest.mark.parametrize(("chip", "kept"), [("nrf52840", 6), ("stm32l476", 1)])
def test_a_late_firmware_loses_bytes_and_is_told(chip: str, kept: int, boot: Boot) -> None:
    # Busy for more than nine byte times with the line running; then it reads what is left.
    loops = 10 * BYTE_CYCLES[chip] // 3
    read = {"nrf52840": "ldr r1, [r6, #0x124]\n ldr r2, [r6, #0x480]\n ldr r3, [r6, #0x518]\n",
            "stm32l476": "ldr r1, [r6, #0x1C]\n ldr r3, [r6, #0x24]\n"}[chip]  # fmt: skip
    source = SETUP[chip] + f"ldr r0, ={loops}\n1: subs r0, #1\n bne 1b\n" + read + SLEEP
    machine = boot(source, chip)
    machine.chip.uart.set_pacing(True)
    machine.core.uart.from_host.push(b"ABCDEFGHI")
    run(machine)
    assert machine.core.uart.overruns == 9 - kept
    assert r(machine, 3) == ord("A")
    if chip == "nrf52840":
        assert (r(machine, 1), r(machine, 2)) == (1, 1), "ERROR event, ERRORSRC.OVERRUN"
        assert bytes(machine.core.uart.fifo)[:5] == b"BCDEI", "the last place is overwritten"
    else:
        assert r(machine, 1) & 0x28 == 0x28, "ORE and RXNE"


def test_error_flags_are_cleared_as_the_chips_say(boot: Boot) -> None:
    machine = boot(SETUP["stm32l476"] + SLEEP, "stm32l476")
    run(machine)
    uart, bus = machine.core.uart, machine.bus
    uart.errors = 8
    assert bus.read(0x4000501C, 4) & 8
    bus.write(0x40005020, 4, 8)
    assert not bus.read(0x4000501C, 4) & 8
    machine = boot(SETUP["nrf52840"] + SLEEP)
    run(machine)
    machine.core.uart.errors = 1
    machine.bus.write(0x40002480, 4, 1)
    assert machine.bus.read(0x40002480, 4) == 0


SEND = {
    # Two bytes, each after the one before has left; then the time is over.
    "nrf52840": """
    movs r0, #0x41
    str r0, [r6, #0x51C]
1:  ldr r0, [r6, #0x11C]
    cmp r0, #0
    beq 1b
    movs r0, #0
    str r0, [r6, #0x11C]
    movs r0, #0x42
    str r0, [r6, #0x51C]
2:  ldr r0, [r6, #0x11C]
    cmp r0, #0
    beq 2b
""",
    "stm32l476": """
    movs r0, #0x41
    str r0, [r6, #0x28]
    movs r0, #0x42           // into TDR, while the first is being sent
    str r0, [r6, #0x28]
    ldr r4, [r6, #0x1C]
2:  ldr r0, [r6, #0x1C]
    tst r0, #0x40
    beq 2b
    ldr r5, [r6, #0x1C]
""",
}


@pytest.mark.parametrize("chip", CHIPS)
def test_sending_takes_its_time(chip: str, boot: Boot) -> None:
    machine = boot(SETUP[chip] + SEND[chip] + SLEEP, chip)
    machine.chip.uart.set_pacing(True)
    run(machine, 1_000_000)
    assert machine.core.uart.to_host.take() == b"AB"
    assert 2 * BYTE_CYCLES[chip] < machine.core.now() < 2 * BYTE_CYCLES[chip] + 200
    if chip == "stm32l476":
        assert not r(machine, 4) & 0xC0, "TDR full: neither TXE nor TC"
        assert r(machine, 5) & 0xC0 == 0xC0


@pytest.mark.parametrize("chip", CHIPS)
def test_sending_is_instant_when_asked_for(chip: str, boot: Boot) -> None:
    machine = boot(SETUP[chip] + SEND[chip] + SLEEP, chip)
    run(machine)
    assert machine.core.uart.to_host.take() == b"AB"
    assert machine.core.now() < 100


def test_writing_over_a_byte_on_its_way_is_counted(boot: Boot) -> None:
    send = "movs r0, #0x41\n str r0, [r6, #0x51C]\n str r0, [r6, #0x51C]\n"
    machine = boot(SETUP["nrf52840"] + send + SLEEP)
    machine.chip.uart.set_pacing(True)
    run(machine)
    assert machine.core.uart.overwritten == 1


@pytest.mark.parametrize("paced", [False, True])
def test_what_comes_before_the_receiver_is_on_waits_on_the_line(paced: bool, boot: Boot) -> None:
    chip = "nrf52840"
    source = "movs r7, #0\n movw r0, #9000\n1: subs r0, #1\n bne 1b\n" + SETUP[chip]
    machine = boot(source + ENABLE_IRQ[chip] + SLEEP + HANDLER[chip])
    machine.chip.uart.set_pacing(paced)
    machine.core.uart.from_host.push(b"early")
    run(machine)
    assert received(machine, 5) == b"early"


def test_instant_bytes_do_not_interrupt_work(boot: Boot) -> None:
    """The count of a computation does not depend on when the host sends."""
    chip = "nrf52840"
    work = "9: wfi\n movw r0, #5000\n1: subs r0, #1\n bne 1b\n mov r4, r7\n b 9b\n"
    machine = boot("movs r7, #0\n" + SETUP[chip] + ENABLE_IRQ[chip] + work + HANDLER[chip])
    run(machine)
    machine.core.uart.from_host.push(b"a")
    assert machine.run(1000) is State.RUNNING
    machine.core.uart.from_host.push(b"b")
    run(machine)
    assert (r(machine, 7), machine.core.uart.received) == (2, 2)


def test_time_stands_still_while_the_host_thinks(boot: Boot) -> None:
    machine = listening(boot, "nrf52840", paced=True)
    before = machine.core.now()
    for _ in range(10):
        run(machine)
    assert machine.core.now() == before


def test_a_sleeping_firmware_that_sends_asks_the_host_first(boot: Boot) -> None:
    send = "movs r0, #0x41\n str r0, [r6, #0x51C]\n"
    machine = boot(SETUP["nrf52840"] + send + SLEEP)
    machine.chip.uart.set_pacing(True)
    machine.core.patience = 1
    run(machine)
    assert machine.core.uart.transmit_busy, "the byte is still on its way"
    machine.core.patience = 0
    run(machine)
    assert machine.core.uart.to_host.take() == b"A"


@pytest.mark.parametrize(
    ("register", "rate"),
    [(0x00275000, 9598), (0x009D5000, 38462), (0x01D7E000, 115942), (0x0EBED000, 941176),
     (0x10000000, 1000000), (0x03B00000, 231884)],
)  # fmt: skip
def test_the_nrf52840s_actual_rates(register: int, rate: int, boot: Boot) -> None:
    machine = boot("9: wfi\n b 9b")
    machine.bus.write(0x40002524, 4, register)
    assert round(machine.chip.uart.baud) == rate
