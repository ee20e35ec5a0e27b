"""The controllers' models hold a driver to its data sheet and errata: each rule, broken."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hil.emulator.bus import BusError
from hil.emulator.nrf52840.chip import Nrf52840
from hil.emulator.nrf52840.usb import Usbd
from hil.emulator.state import CoreState
from hil.emulator.stm32l476.chip import Stm32l476
from hil.emulator.stm32l476.usb import OtgFs
from hil.emulator.usb_host import Data, Nak, Silence

Write = tuple[int, int]

# nRF52840, by absolute address.
KEY, C14, D14 = 0x4006EC00, 0x4006EC14, 0x4006ED14
CAUSE, ENABLE, PULLUP, STATUS = 0x40027400, 0x40027500, 0x40027504, 0x40027050
STARTEPIN1, DMA_199 = 0x40027008, 0x40027C1C
READY, RESUME = 1 << 11, 1 << 9


class Nano:
    """The chip alone; `write` gives it registers in turn, keys for the hidden ones included."""

    def __init__(self) -> None:
        self.chip = Nrf52840(CoreState(), 1)
        self.blocks = self.chip.peripherals
        assert isinstance(self.chip.usb, Usbd)
        self.usb = self.chip.usb
        self.usb.set_power(True)

    def write(self, address: int, value: int) -> None:
        if address in (C14, D14):
            self.write(KEY, 0x9375)
        block = next(b for b in self.blocks if b.base <= address < b.base + b.size)
        block.write(address - block.base, 4, value)
        if address in (C14, D14):
            self.write(KEY, 0x9375)

    def power_up(self, *, without: str = "") -> bool:
        """Do as the driver does, but for one workaround; return whether it got ready."""
        self.write(D14, 0 if "187" in without else 3)
        self.write(C14, 0 if "171" in without else 0xC0)
        self.write(ENABLE, 1)
        if "223" not in without:
            self.write(ENABLE, 0)
            self.write(ENABLE, 1)
        ready = bool(self.usb.read(CAUSE - self.usb.base, 4) & READY)
        self.write(CAUSE, READY)
        self.write(C14, 0xC0 if "off" in without else 0)
        return ready


@pytest.fixture
def nano() -> Nano:
    return Nano()


@pytest.mark.parametrize("missing", ["171", "187"])
def test_the_nano_gets_ready_only_with_the_workarounds(nano: Nano, missing: str) -> None:
    assert not nano.power_up(without=missing)
    assert Nano().power_up()


def test_without_the_key_the_hidden_registers_stay_as_they_are(nano: Nano) -> None:
    block = next(b for b in nano.blocks if b.base == 0x4006E000)
    block.write(0xD14, 4, 3)
    assert block.read(0xD14, 4) == 0
    with pytest.raises(BusError, match="no key"):
        nano.write(KEY, 1)


@pytest.mark.parametrize(
    ("without", "said"), [("223", "errata 223"), ("off", "errata 171 is left on")]
)
def test_the_nano_refuses_tasks_after_half_a_workaround(
    nano: Nano, without: str, said: str
) -> None:
    nano.power_up(without=without)
    with pytest.raises(BusError, match=said):
        nano.write(STATUS, 1)


def test_the_nano_wants_its_dma_bracketed(nano: Nano) -> None:
    nano.power_up()
    with pytest.raises(BusError, match="errata 199"):
        nano.write(STARTEPIN1, 1)


@pytest.mark.parametrize("workaround", [True, False])
def test_the_nano_notices_a_resumed_bus_only_with_errata_211s(nano: Nano, workaround: bool) -> None:
    nano.power_up()
    if not workaround:
        nano.write(D14, 0)
    nano.usb.suspend(True)
    nano.usb.suspend(False)
    assert bool(nano.usb.read(CAUSE - nano.usb.base, 4) & RESUME) is workaround


DTOGGLE, DATA0_IN2 = 0x4002750C, 0x182


def test_the_nanos_toggles_are_set_once_their_endpoint_is_selected(nano: Nano) -> None:
    nano.power_up()
    nano.usb._in[2].toggle = 1
    for selected in (None, 0x02, 0x81):
        if selected is not None:
            nano.write(DTOGGLE, selected)
        with pytest.raises(BusError, match="0x82 was not selected"):
            nano.write(DTOGGLE, DATA0_IN2)
    nano.write(DTOGGLE, 0x82)
    nano.write(DTOGGLE, DATA0_IN2)
    assert nano.usb._in[2].toggle == 0


LOWPOWER, SIZE_EPOUT1 = 0x4002752C, 0x400274A4
WAKE_ALLOWED = 1 << 10


def test_in_low_power_the_nanos_endpoints_are_out_of_reach(nano: Nano) -> None:
    nano.power_up()
    nano.write(LOWPOWER, 1)
    for register in (STATUS, SIZE_EPOUT1, PULLUP):
        with pytest.raises(BusError, match="in low power"):
            nano.write(register, 0)


@pytest.mark.parametrize("workaround", [True, False])
def test_the_nano_leaves_low_power_only_with_errata_171s(nano: Nano, workaround: bool) -> None:
    nano.power_up()
    nano.write(LOWPOWER, 1)
    nano.write(C14, 0xC0 if workaround else 0)
    nano.write(LOWPOWER, 0)
    nano.write(C14, 0)
    assert bool(nano.usb.read(CAUSE - nano.usb.base, 4) & WAKE_ALLOWED) is workaround
    if workaround:
        nano.write(STATUS, 1)
        return
    with pytest.raises(BusError, match="low power"):
        nano.write(STATUS, 1)


# STM32L476: what the driver does, in its order; a test leaves one out or changes it.
RCC, PWR, GPIOA, OTG = 0x40021000, 0x40007000, 0x48000000, 0x50000000
GUSBCFG, GRSTCTL, DCTL, DCFG = OTG + 0x00C, OTG + 0x010, OTG + 0x804, OTG + 0x800
DIEPCTL0, DIEPTSIZ0, FIFO0 = OTG + 0x900, OTG + 0x910, OTG + 0x1000
DOEPCTL0, DOEPTSIZ0, GRXSTSP = OTG + 0xB00, OTG + 0xB10, OTG + 0x020
DOEPINT0, STSPHSRX = OTG + 0xB08, 1 << 5
DOEPCTL2, DOEPINT2, DOEPTSIZ2 = OTG + 0xB40, OTG + 0xB48, OTG + 0xB50
EPENA, EPDIS, SNAK, STALL, EPDISD = 1 << 31, 1 << 30, 1 << 27, 1 << 21, 1 << 1
BULK_OF_64 = 2 << 18 | 1 << 15 | 64
GINTSTS, GONAKEFF, SGONAK, CGONAK = OTG + 0x014, 1 << 7, 1 << 9, 1 << 10
ENABLE_PACKET = 1 << 31 | 1 << 26
CLOCKS: dict[str, Write] = {
    "DBP": (PWR, 0x300),
    "LSE": (RCC + 0x90, 1),
    "settle": (0, 0),
    "MSI": (RCC, 1 | 11 << 4 | 1 << 3 | 1 << 2),
    "CLK48SEL": (RCC + 0x88, 3 << 26),
    "USV": (PWR + 4, 1 << 10),
    "MODER": (GPIOA, 0xABFFFFFF & ~(5 << 22)),
    "AFRH": (GPIOA + 0x24, 0xAA << 12),
    "OTGFSEN": (RCC + 0x4C, 1 << 12),
}
CONTROLLER: dict[str, Write] = {
    "FDMOD": (GUSBCFG, 0x40001840),
    "25 ms": (0, 2_000_000),
    "GOTGCTL": (OTG, 3 << 6),
    "GCCFG": (OTG + 0x38, 1 << 16),
    "DCFG": (DCFG, 3),
    "GRXFSIZ": (OTG + 0x024, 64),
    "DIEPTXF0": (OTG + 0x028, 16 << 16 | 64),
    "DIEPTXF1": (OTG + 0x104, 16 << 16 | 80),
    "connect": (DCTL, 0),
}


class Tile:
    """The chip alone; `start` does what the driver does, with changes."""

    def __init__(self) -> None:
        self.core = CoreState()
        self.chip = Stm32l476(self.core, 1)
        assert isinstance(self.chip.usb, OtgFs)
        self.usb = self.chip.usb
        self.usb.set_power(True)

    def write(self, address: int, value: int) -> None:
        if address == 0:
            self.core.cycles += value
            self.chip.settle()
            return
        block = next(b for b in self.chip.peripherals if b.base <= address < b.base + b.size)
        block.write(address - block.base, 4, value)

    def read(self, address: int) -> int:
        return self.usb.read(address - OTG, 4)

    def start(self, **changes: Write | None) -> None:
        for write in (CLOCKS | CONTROLLER | changes).values():
            if write is not None:
                self.write(*write)

    def take(self) -> list[int]:
        """Empty the receive FIFO; return its entries' kinds."""
        kinds = []
        while self.read(OTG + 0x014) & 1 << 4:
            entry = self.read(GRXSTSP)
            kinds.append(entry >> 17 & 0xF)
            for _ in range(((entry >> 4 & 0x7FF) + 3) // 4):
                self.read(FIFO0)
        return kinds

    def expect(self) -> None:
        """Open endpoint 2 OUT, and enable it for a packet."""
        self.write(DOEPCTL2, BULK_OF_64 | SNAK)
        self.write(DOEPTSIZ2, 1 << 19 | 64)
        self.write(DOEPCTL2, BULK_OF_64 | ENABLE_PACKET)

    def give(self, data: bytes) -> None:
        """Put a packet into endpoint 0's FIFO."""
        self.write(DIEPTSIZ0, 1 << 19 | len(data))
        self.write(DIEPCTL0, ENABLE_PACKET)
        for at in range(0, len(data), 4):
            self.write(FIFO0, int.from_bytes(data[at : at + 4], "little"))


@pytest.fixture
def tile() -> Tile:
    return Tile()


def test_the_tile_goes_on_the_bus_as_its_driver_starts_it(tile: Tile) -> None:
    tile.start()
    assert tile.usb.attached
    tile.give(b"hello")
    assert tile.usb.token_in(0, 0) == Data(0, b"hello")
    assert tile.usb.token_in(0, 0) is Nak
    assert tile.usb.token_in(0, 1) is tile.usb.token_in(3, 0) is Silence


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"DBP": None}, "DBP"),
        ({"LSE": None}, "MSIPLLEN without a crystal"),
        ({"settle": None}, "MSIPLLEN without a crystal"),
        ({"MSI": (RCC, 1 | 11 << 4 | 1 << 3)}, "without 48 MHz"),
        ({"MSI": (RCC, 1 | 10 << 4 | 3 << 2)}, "without 48 MHz"),
        ({"CLK48SEL": None}, "without 48 MHz"),
        ({"USV": None}, "without its supply"),
        ({"MODER": None}, "without its pins"),
        ({"AFRH": (GPIOA + 0x24, 0xA7 << 12)}, "without its pins"),
        ({"OTGFSEN": None}, "no clock"),
        ({"FDMOD": None}, "within 25 ms"),
        ({"25 ms": (0, 1_999_999)}, "within 25 ms"),
        ({"DCFG": (DCFG, 0)}, "full speed only"),
        ({"GRXFSIZ": (OTG + 0x024, 15)}, "does not fit"),
        ({"DIEPTXF0": (OTG + 0x028, 16 << 16 | 63)}, "does not fit"),
        ({"DIEPTXF1": (OTG + 0x104, 16 << 16 | 305)}, "does not fit"),
        ({"connect": (DCTL, 1)}, "not modelled"),
    ],
)
def test_the_tile_refuses_another_start(
    tile: Tile, changes: dict[str, Write | None], said: str
) -> None:
    with pytest.raises(BusError, match=said):
        tile.start(**changes)


@pytest.mark.parametrize("missing", ["GOTGCTL", "GCCFG", "connect"])
def test_without_these_the_tile_is_not_seen_on_the_bus(tile: Tile, missing: str) -> None:
    tile.start(**{missing: None})
    assert not tile.usb.attached


def broken_packet(tile: Tile) -> None:
    tile.write(DIEPTSIZ0, 1 << 19 | 8)
    tile.write(DIEPCTL0, ENABLE_PACKET)
    tile.write(FIFO0, 1)
    tile.read(OTG + 0x014)


def too_much(tile: Tile) -> None:
    tile.give(b"four")
    tile.write(FIFO0, 1)


def flushed_under_way(tile: Tile) -> None:
    tile.give(b"four")
    tile.write(GRSTCTL, 1 << 5)


def resized_under_way(tile: Tile) -> None:
    tile.give(b"four")
    tile.write(DIEPTSIZ0, 1 << 19)


def rest_not_flushed(tile: Tile) -> None:
    tile.give(b"four")
    tile.write(DIEPCTL0, 1 << 27 | 1 << 30)
    tile.give(b"more")


def popped_with_words_unread(tile: Tile) -> None:
    tile.write(DOEPTSIZ0, 3 << 29)
    assert tile.usb.setup(0, bytes(8))
    tile.read(GRXSTSP)
    tile.read(GRXSTSP)


def read_beyond(tile: Tile) -> None:
    tile.read(FIFO0)


def enabled_for_nothing(tile: Tile) -> None:
    tile.write(DOEPCTL0, ENABLE_PACKET)


def closed_under_way(tile: Tile) -> None:
    tile.expect()
    tile.write(DOEPCTL2, SNAK)


def opened_anew_under_way(tile: Tile) -> None:
    tile.expect()
    tile.write(DOEPCTL2, BULK_OF_64 - 32 | SNAK)


def stalled_under_way(tile: Tile) -> None:
    tile.expect()
    tile.write(DOEPCTL2, BULK_OF_64 | STALL)


def disabled_while_others_take(tile: Tile) -> None:
    tile.expect()
    tile.write(DOEPCTL2, BULK_OF_64 | SNAK | EPDIS)


def disabled_before_the_mark_is_popped(tile: Tile) -> None:
    tile.expect()
    tile.write(DCTL, SGONAK)
    tile.write(DOEPCTL2, BULK_OF_64 | SNAK | EPDIS)


def endpoint_0_disabled(tile: Tile) -> None:
    tile.write(DCTL, SGONAK)
    tile.take()
    tile.write(DOEPCTL0, EPDIS)


def nak_set_twice(tile: Tile) -> None:
    tile.write(DCTL, SGONAK)
    tile.write(DCTL, SGONAK)


@pytest.mark.parametrize(
    ("how", "said"),
    [
        (broken_packet, "amid a packet's words"),
        (too_much, "more than its packet"),
        (flushed_under_way, "flushed under"),
        (resized_under_way, "size is written while"),
        (rest_not_flushed, "FIFO holds a packet"),
        (popped_with_words_unread, "not yet read"),
        (read_beyond, "beyond the packet"),
        (enabled_for_nothing, "for no packet"),
        (closed_under_way, "2 is configured anew"),
        (opened_anew_under_way, "2 is configured anew"),
        (stalled_under_way, "2 OUT is stalled while"),
        (disabled_while_others_take, "without the global NAK"),
        (disabled_before_the_mark_is_popped, "without the global NAK"),
        (endpoint_0_disabled, "0 OUT: disabled"),
        (nak_set_twice, "though it is there"),
    ],
)
def test_the_tile_refuses_a_careless_driver(
    tile: Tile, how: Callable[[Tile], None], said: str
) -> None:
    tile.start()
    with pytest.raises(BusError, match=said):
        how(tile)


def test_setups_need_a_count_and_room_in_the_tiles_fifo(tile: Tile) -> None:
    tile.start()
    assert not tile.usb.setup(0, bytes(8)), "STUPCNT is 0"
    tile.write(DOEPTSIZ0, 3 << 29)
    assert [tile.usb.setup(0, bytes(8)) for _ in range(4)] == [True, True, True, False]


def test_the_tile_ends_a_read_under_its_global_nak(tile: Tile) -> None:
    """SETUPs are heard meanwhile; what came before the mark is popped before it."""
    nak_mark, data, done = 1, 2, 3
    tile.start()
    tile.expect()
    tile.write(DOEPTSIZ0, 3 << 29)
    tile.write(DCTL, SGONAK)
    assert tile.usb.token_out(0, 2, 0, b"late") is Nak
    assert not tile.read(GINTSTS) & GONAKEFF, "its mark is still in the FIFO"
    assert tile.take() == [nak_mark]
    assert tile.read(GINTSTS) & GONAKEFF
    assert tile.usb.setup(0, bytes(8))
    tile.write(DOEPCTL2, BULK_OF_64 | SNAK | EPDIS)
    assert tile.read(DOEPINT2) & EPDISD
    assert not tile.read(DOEPCTL2) & (EPENA | EPDIS)
    tile.write(DCTL, CGONAK)
    assert not tile.read(GINTSTS) & GONAKEFF
    tile.take()
    tile.expect()
    assert tile.usb.token_out(0, 2, 0, b"data") is None
    tile.write(DCTL, SGONAK)
    assert tile.take() == [data, done, nak_mark]


def test_the_tiles_address_changes_after_the_status_stage(tile: Tile) -> None:
    tile.start()
    tile.write(DOEPTSIZ0, 3 << 29)
    assert tile.usb.setup(0, bytes((0, 5, 9, 0, 0, 0, 0, 0)))
    tile.write(DCFG, 3 | 9 << 4)
    tile.give(b"")
    assert tile.usb.token_in(9, 0) is Silence
    assert tile.usb.token_in(0, 0) == Data(1, b"")
    assert tile.usb.token_in(9, 0) is Nak


def test_the_tile_ends_transfers_that_were_none(tile: Tile) -> None:
    """One within each SETUP; one as an OUT request's status stage begins, which must be noticed."""
    data, done, setup_done, setup_data = 2, 3, 4, 6
    tile.start()
    tile.write(DOEPTSIZ0, 3 << 29)
    assert tile.usb.setup(0, bytes.fromhex("2120000000000700"))
    assert tile.take() == [setup_data, done, setup_done]
    tile.write(DOEPTSIZ0, 3 << 29 | 1 << 19 | 64)
    tile.write(DOEPCTL0, ENABLE_PACKET)
    assert tile.usb.token_out(0, 0, 1, bytes(7)) is None
    assert tile.take() == [data, done]
    tile.give(b"")
    assert tile.usb.token_in(0, 0) == Data(1, b"")
    assert tile.take() == [done]
    assert tile.usb.setup(0, bytes(8))
    assert tile.take() == [setup_data, done], "its end is held back"
    tile.write(DOEPINT0, STSPHSRX)
    assert tile.take() == [setup_done]
