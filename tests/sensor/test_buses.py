"""The emulated buses and timers: what they refuse, which a chip would punish in silence."""

from __future__ import annotations

import pytest

from hil.emulator.bus import BusError, Peripheral
from hil.emulator.exceptions import FIRST_IRQ
from hil.emulator.nrf52840 import twi
from hil.emulator.nrf52840.chip import Nrf52840
from hil.emulator.nrf52840.timer import NrfTimer
from hil.emulator.sensors.lsm6dsm import Lsm6dsm
from hil.emulator.sensors.lsm9ds1 import Lsm9ds1
from hil.emulator.state import CoreState
from hil.emulator.stm32l476 import spi
from hil.emulator.stm32l476.chip import Stm32l476

HZ = 64_000_000


def put(peripheral: Peripheral, *writes: tuple[int, int]) -> None:
    for offset, value in writes:
        peripheral.write(offset, 4, value)


def bus(powered: bool = True) -> twi.NrfTwi:
    made = twi.NrfTwi(Lsm9ds1(lambda: 0, HZ), lambda: powered)
    put(made, (twi.PSELSCL, 15), (twi.PSELSDA, 14), (twi.ENABLE, 5), (twi.ADDRESS, 0x6B))
    return made


def ask_who(made: twi.NrfTwi) -> None:
    put(made, (twi.STARTTX, 1), (twi.TXD, 0x0F))


def test_twi_reads_a_register_and_stops() -> None:
    made = bus()
    ask_who(made)
    assert made.read(twi.TXDSENT, 4) == 1
    put(made, (twi.SHORTS, twi.BB_STOP), (twi.STARTRX, 1))
    assert [made.read(e, 4) for e in (twi.RXDREADY, twi.STOPPED, twi.ERROR)] == [1, 1, 0]
    assert made.read(twi.RXD, 4) == 0x68


@pytest.mark.parametrize("wrong", ["no power", "another address", "another pin", "switched off"])
def test_twi_has_no_answer_where_there_is_none(wrong: str) -> None:
    made = bus(powered=wrong != "no power")
    if wrong == "another address":
        put(made, (twi.ADDRESS, 0x1E))
    if wrong == "another pin":
        put(made, (twi.PSELSCL, 16))
    if wrong == "switched off":
        put(made, (twi.ENABLE, 0))
    ask_who(made)
    assert made.read(twi.TXDSENT, 4) == 0
    assert made.read(twi.ERROR, 4) == (wrong != "switched off")


def test_twi_refuses_a_byte_that_would_come_unasked() -> None:
    made = bus()
    ask_who(made)
    with pytest.raises(BusError, match="neither BB shortcut"):
        put(made, (twi.STARTRX, 1))


def test_the_nanos_sensor_needs_its_supply_and_its_pull_ups() -> None:
    chip = Nrf52840(CoreState(), 0)
    p0, p1 = chip._ports
    assert not chip._is_bus_powered()
    put(p0, (0x700 + 4 * 22 - 0x500, 3), (0x508 - 0x500, 1 << 22))
    assert not chip._is_bus_powered()
    put(p1, (0x700 - 0x500, 3), (0x508 - 0x500, 1))
    assert not chip._is_bus_powered(), "P1.00 is the trace port's as it is handed over"
    put(chip._power, (0x55C, 0))
    assert chip._is_bus_powered()
    chip.sensor.registers[0x24] = 5
    put(p0, (0x50C - 0x500, 1 << 22))
    assert chip.sensor.registers[0x24] == 0, "power off: its registers are lost"


class Clock:
    cycles = 0


def spi2() -> tuple[spi.StmSpi, spi.Bus, Lsm6dsm]:
    sensor = Lsm6dsm(lambda: 0, HZ)
    wire = spi.Bus(sensor)
    made = spi.StmSpi(wire, lambda: Clock.cycles)
    put(made, (spi.CR1, spi.BIDIMODE | spi.SET_UP), (spi.CR2, spi.FRXTH_8_BITS))
    return made, wire, sensor


def send(made: spi.StmSpi, *data: int) -> None:
    put(made, (spi.CR1, spi.BIDIMODE | spi.BIDIOE | spi.SPE | spi.SET_UP))
    for byte in data:
        made.write(spi.DR, 1, byte)
    put(made, (spi.CR1, spi.BIDIMODE | spi.SET_UP))


def clock(made: spi.StmSpi, cycles: int) -> list[int]:
    """Be a receiver for so long; return the bytes that came."""
    put(made, (spi.CR1, spi.BIDIMODE | spi.SPE | spi.SET_UP))
    Clock.cycles += cycles
    put(made, (spi.CR1, spi.BIDIMODE | spi.SET_UP))
    came = []
    while made.read(spi.SR, 4) & spi.RXNE:
        came.append(made.read(spi.DR, 1))
    return came


def test_spi_is_silent_until_the_sensor_uses_the_one_line() -> None:
    made, wire, sensor = spi2()
    wire.select(True)
    send(made, 0x80 | 0x0F)
    assert clock(made, 30) == [0xFF]
    wire.select(False)
    wire.select(True)
    send(made, 0x12, 0x0C)
    wire.select(False)
    wire.select(True)
    send(made, 0x80 | 0x0F)
    assert clock(made, 30) == [0x6A]
    assert sensor.answers


def test_spi_clocks_bytes_for_as_long_as_it_receives() -> None:
    made, _wire, _sensor = spi2()
    assert len(clock(made, spi.CYCLES_PER_BYTE - 1)) == 1
    assert len(clock(made, spi.CYCLES_PER_BYTE)) == 2, "too late: the next byte had begun"


def test_the_sensortiles_other_sensors_must_not_be_selected() -> None:
    chip = Stm32l476(CoreState(), 0)
    b = chip._ports[1]
    put(b, (0x18, 1 << 12), (0x00, 0xFFFFFFFF & ~(3 << 24) | 1 << 24))
    with pytest.raises(BusError, match="not deselected"):
        put(b, (0x18, 1 << 28))


def test_timer_ticks_when_its_compare_value_is_met() -> None:
    core = CoreState()
    core.enabled[FIRST_IRQ + 8] = 1
    timer = NrfTimer(core, HZ)
    put(timer, (0x508, 3), (0x540, 20_000), (0x304, 1 << 16))
    assert timer.due() is None, "it stands"
    put(timer, (0x000, 1))
    assert timer.due() == 20_000 * 64
    core.slept = 20_000 * 64 - 1
    timer.update()
    assert not core.pending[FIRST_IRQ + 8]
    core.slept += 1
    timer.update()
    assert core.pending[FIRST_IRQ + 8]
    put(timer, (0x044, 1), (0x140, 0), (0x540, 40_000))
    assert timer.read(0x544, 4) == 20_000
    assert timer.due() == 40_000 * 64


def test_timer_counts_microseconds_and_nothing_else() -> None:
    timer = NrfTimer(CoreState(), HZ)
    with pytest.raises(BusError, match="32 bits at 1 MHz"):
        put(timer, (0x000, 1))
