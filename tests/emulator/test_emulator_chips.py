"""Resets, clocks and identities of the two chips, through their registers."""

from __future__ import annotations

import pytest
from small_firmware import Boot, run, word

from hil.board import board_names, load_board
from hil.emulator.bus import BusError
from hil.emulator.chip import ResetKind
from hil.emulator.machine import CHIPS, State, chip_memory

IDLE = "9: wfi\n b 9b\n"
RESET = "ldr r0, =0xE000ED0C\n ldr r1, =0x05FA0004\n str r1, [r0]\n dsb\n8: b 8b\n"

#: Counts the starts in memory that start-up code does not clear; resets at the first two.
COUNT_STARTS = (
    """
    ldr r4, =starts
    ldr r5, [r4]
    ldr r6, [r4, #4]
    ldr r7, =0xC0FFEE
    cmp r6, r7
    ite ne
    movne r5, #1
    addeq r5, #1
    str r5, [r4]
    str r7, [r4, #4]
    cmp r5, #3
    beq 9f
"""
    + RESET
    + IDLE
    + '.section .noinit, "aw", %nobits\nstarts: .space 8\n.text\n'
)


@pytest.mark.parametrize("chip", CHIPS)
def test_a_software_reset_keeps_ram_and_counters(chip: str, boot: Boot) -> None:
    machine = boot(COUNT_STARTS, chip)
    run(machine)
    assert word(machine, 0x20008000) == 3
    assert machine.core.instructions > 30


def test_power_on_scrambles_ram(boot: Boot) -> None:
    machine = boot(COUNT_STARTS)
    noise = machine.registers.load_bytes(0x20000000, 4096)
    run(machine)
    machine.reset(ResetKind.POWER)
    assert machine.registers.load_bytes(0x20000000, 4096) not in {noise, bytes(4096)}
    run(machine)
    assert word(machine, 0x20008000) == 3, "it started from 1 again"


def test_a_reset_switches_the_peripherals_off(boot: Boot) -> None:
    machine = boot(IDLE)
    run(machine)
    machine.bus.write(0x40002500, 4, 4)
    machine.bus.write(0x40002000, 4, 1)
    machine.bus.write(0xE000E100, 4, 4)
    assert machine.core.uart.receiving
    machine.reset(ResetKind.PIN)
    assert not machine.core.uart.receiving
    assert machine.bus.read(0xE000E100, 4) == 0
    assert machine.bus.read(0x40002500, 4) == 0


def test_reset_causes_of_the_nrf52840_add_up_until_cleared(boot: Boot) -> None:
    machine = boot(IDLE)
    assert machine.bus.read(0x40000400, 4) == 0
    machine.reset(ResetKind.PIN)
    machine.reset(ResetKind.SOFTWARE)
    assert machine.bus.read(0x40000400, 4) == 0b101
    machine.bus.write(0x40000400, 4, 0b001)
    assert machine.bus.read(0x40000400, 4) == 0b100
    machine.reset(ResetKind.POWER)
    assert machine.bus.read(0x40000400, 4) == 0


def test_reset_causes_of_the_stm32l476(boot: Boot) -> None:
    machine = boot(IDLE, "stm32l476")
    csr = 0x40021094
    assert machine.bus.read(csr, 4) == 1 << 27 | 1 << 26, "power-on drives the pin too"
    machine.bus.write(csr, 4, 1 << 23)
    assert machine.bus.read(csr, 4) == 0
    machine.reset(ResetKind.SOFTWARE)
    assert machine.bus.read(csr, 4) == 1 << 28 | 1 << 26


def test_gpregret_keeps_the_nano_in_its_bootloader(boot: Boot) -> None:
    request = "ldr r0, =0x4000051C\n movs r1, #0xB0\n str r1, [r0]\n"
    machine = boot(request + RESET)
    assert machine.run(1000) is State.HALTED
    assert "bootloader" in (machine.halted or "")
    machine.reset(ResetKind.POWER)
    assert machine.halted is None, "power clears GPREGRET"


def test_the_nano_starts_as_its_bootloader_leaves_it(boot: Boot) -> None:
    machine = boot(IDLE, after_bootloader=True)
    assert machine.bus.read(0xE000ED08, 4) == 0x10000
    assert machine.bus.read(0xE000ED94, 4) == 5
    machine.bus.write(0xE000ED94, 4, 0)
    assert machine.bus.read(0xE000ED94, 4) == 0
    with pytest.raises(BusError, match="regions"):
        machine.bus.write(0xE000ED94, 4, 5)


def test_the_clock_of_the_stm32l476_follows_its_registers(boot: Boot) -> None:
    machine = boot(IDLE, "stm32l476")
    bus, uart = machine.bus, machine.chip.uart
    assert uart.core_hz() == 4_000_000, "MSI, from reset"
    bus.write(0x40021000, 4, 0x63 | 1 << 8)
    bus.write(0x40021008, 4, 1)
    assert (uart.core_hz(), bus.read(0x40021008, 4)) == (16_000_000, 0b0101)
    bus.write(0x4002100C, 4, 2 | 10 << 8 | 1 << 24)
    bus.write(0x40021008, 4, 3)
    assert uart.core_hz() == 16_000_000, "the PLL is off: the switch does not happen"
    bus.write(0x40021000, 4, bus.read(0x40021000, 4) | 1 << 24)
    assert bus.read(0x40021000, 4) & 1 << 25
    bus.write(0x40021008, 4, 3)
    assert (uart.core_hz(), bus.read(0x40021008, 4)) == (80_000_000, 0b1111)


def test_device_numbers(boot: Boot) -> None:
    nrf, stm = boot(IDLE), boot(IDLE, "stm32l476")
    number = nrf.options.device_id
    assert nrf.bus.read(0x10000060, 4) | nrf.bus.read(0x10000064, 4) << 32 == number
    words = [stm.bus.read(0x1FFF7590 + 4 * i, 4) for i in range(3)]
    assert words == [number & 0xFFFFFFFF, number >> 32, 0]


@pytest.mark.parametrize(
    ("chip", "address", "value"),
    [
        ("nrf52840", 0x40027504, 1),  # the USB pull-up
        ("nrf52840", 0xE000E010, 1),  # SysTick
        ("nrf52840", 0xE000ED14, 0x208),  # CCR.UNALIGN_TRP
        ("stm32l476", 0x40005000, 1 << 28),  # CR1.M1: 7 bits
        ("stm32l476", 0x40005008, 1 << 6),  # CR3.DMAR
        ("stm32l476", 0x40021008, 1 << 4),  # an AHB prescaler
        ("stm32l476", 0x40021018, 1),  # clock interrupts
    ],
)
def test_what_is_not_modelled_is_refused(chip: str, address: int, value: int, boot: Boot) -> None:
    with pytest.raises(BusError):
        boot(IDLE, chip).bus.write(address, 4, value)


def test_nvic_registers_read_back(boot: Boot) -> None:
    bus = boot(IDLE, "stm32l476").bus
    bus.write(0xE000E104, 4, 1 << 21 | 1 << 20)
    bus.write(0xE000E184, 4, 1 << 20)
    assert bus.read(0xE000E104, 4) == bus.read(0xE000E184, 4) == 1 << 21
    bus.write(0xE000E435, 1, 0xFF)
    assert bus.read(0xE000E434, 4) == 0xF000, "four priority bits"
    bus.write(0xE000E11C, 4, 0xFFFFFFFF)
    assert bus.read(0xE000E11C, 4) == 0, "interrupts that the chip has not got"


@pytest.mark.parametrize("name", board_names())
def test_memory_is_what_the_board_says(name: str) -> None:
    facts = load_board(name).facts
    memories, table = chip_memory(facts.chip)
    flash = next(m for m in memories if not m.writable)
    ram = next(m for m in memories if m.name == "ram")
    assert (flash.start, flash.size) == (facts.flash_origin, facts.flash_size)
    assert (ram.start, ram.size) == (facts.ram_origin, facts.ram_size)
    assert table == facts.flash_origin
    assert CHIPS[facts.chip].core_hz == facts.clock_hz  # type: ignore[attr-defined]
