"""Endpoints of the STM32L476's OTG_FS: their control and size registers, and what FIFOs hold."""

from __future__ import annotations

from dataclasses import dataclass

from hil.emulator.bus import BusError

EPENA, EPDIS, SD0PID, SNAK, CNAK, STALL = 1 << 31, 1 << 30, 1 << 28, 1 << 27, 1 << 26, 1 << 21
NAKSTS, USBAEP = 1 << 17, 1 << 15
INEPNE, STUP, EPDISD, XFRC = 1 << 6, 1 << 3, 1 << 1, 1 << 0
#: An endpoint's type, whether it is active, and its packets' size: written while it is disabled.
SETTING = 3 << 18 | USBAEP | 0x7FF
#: GRXSTSP's kinds of entries.
ALL_NAK, OUT_DATA, OUT_DONE, SETUP_DONE, SETUP_DATA = 1, 2, 3, 4, 6


@dataclass(frozen=True)
class Entry:
    """An entry of the receive FIFO."""

    kind: int
    end: int
    data: bytes = b""
    toggle: int = 0

    @property
    def words(self) -> int:
        """What it takes of the FIFO."""
        return 1 + (len(self.data) + 3) // 4

    @property
    def status(self) -> int:
        """GRXSTSP's value."""
        return self.kind << 17 | self.toggle << 16 | len(self.data) << 4 | self.end


class End:
    """One direction of an endpoint; `fifo` holds an IN endpoint's bytes, words as written."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.fifo = bytearray()
        self.reset()

    def reset(self) -> None:
        """Return to the reset values; endpoint 0 is always active."""
        self.control = USBAEP if self.number == 0 else 0
        self.interrupts = self.size = self.toggle = 0
        self.fifo.clear()

    @property
    def bytes_left(self) -> int:
        """What is left of a transfer."""
        return self.size & (0x7F if self.number == 0 else 0x7FFFF)

    @property
    def packets_left(self) -> int:
        """The same in packets."""
        return self.size >> 19 & (3 if self.number == 0 else 0x3FF)

    @property
    def words_missing(self) -> int:
        """How much of the packet has not yet been written into the FIFO."""
        return (self.bytes_left + 3) // 4 - len(self.fifo) // 4 if self.control & EPENA else 0

    def set_size(self, value: int) -> None:
        """Write DIEPTSIZ or DOEPTSIZ."""
        if self.control & EPENA:
            raise BusError(f"OTG_FS: endpoint {self.number}'s size is written while it is enabled")
        self.size = value

    def _control(self, value: int) -> None:
        if self.number == 0:
            value |= USBAEP
        if self.control & EPENA and (value ^ self.control) & SETTING:
            raise BusError(f"OTG_FS: endpoint {self.number} is configured anew while it is enabled")
        kept = EPENA | NAKSTS
        self.control = self.control & kept | value & ~(kept | EPDIS | SD0PID | SNAK | CNAK)
        if value & SD0PID:
            self.toggle = 0
        if value & SNAK:
            self.control |= NAKSTS
        elif value & CNAK:
            self.control &= ~NAKSTS

    def enable_in(self, value: int) -> None:
        """Write DIEPCTL."""
        starts = value & EPENA and not self.control & EPENA
        if starts and (self.fifo or self.packets_left != 1):
            raise BusError(f"OTG_FS: endpoint {self.number}: its FIFO holds a packet, or none due")
        self._control(value)
        if value & SNAK:
            self.interrupts |= INEPNE
        if starts:
            self.control |= EPENA
        if value & EPDIS and self.control & EPENA:
            self.control &= ~EPENA
            self.interrupts |= EPDISD

    def enable_out(self, value: int, all_nak: bool) -> None:
        """Write DOEPCTL. all_nak: no OUT endpoint takes a packet."""
        if value & EPDIS and (not all_nak or self.number == 0):
            raise BusError(f"OTG_FS: endpoint {self.number} OUT: disabled without the global NAK")
        if self.number and value & STALL & ~self.control and self.control & EPENA & ~(value << 1):
            raise BusError(f"OTG_FS: endpoint {self.number} OUT is stalled while it is enabled")
        if value & EPENA and not self.control & EPENA and self.packets_left != 1:
            raise BusError(f"OTG_FS: endpoint {self.number} OUT is enabled for no packet")
        self._control(value)
        if value & EPDIS and self.control & EPENA:
            self.control &= ~EPENA
            self.interrupts |= EPDISD
        elif not value & EPDIS:
            self.control |= value & EPENA

    def fill(self, word: int, capacity: int) -> None:
        """Write a word of a packet into the FIFO, which holds `capacity` words."""
        if not self.words_missing or len(self.fifo) // 4 >= capacity:
            raise BusError(f"OTG_FS: FIFO {self.number} gets more than its packet or than it holds")
        self.fifo += word.to_bytes(4, "little")

    def send(self) -> bytes:
        """Return the packet that the host takes."""
        data = bytes(self.fifo[: self.bytes_left])
        self.fifo.clear()
        self.toggle ^= 1
        self.size = 0
        self.control &= ~EPENA
        self.interrupts |= XFRC
        return data
