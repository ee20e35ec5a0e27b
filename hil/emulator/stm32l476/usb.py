"""The STM32L476's OTG_FS (RM0351 47) as a device without DMA: control, bulk, interrupt endpoints.

It asks for what the manual and the errata ask for, and faults where the chip would be silent or do
anything: a clock of 48 MHz good enough for USB, its supply and pins before it connects; 25 ms
between the choice of the device's role and its registers; FIFOs that fit and do not overlap; a
packet written whole, with no other access in between; nothing popped before it was read; an
enabled endpoint left as it is, and an OUT endpoint disabled while all of them NAK, which they do
once the mark of it has been popped. VBUS is connected to nothing: without the override the session
is not valid. Endpoint 0 ends transfers that were none.
The errata: firmware/src/port/stm32l476/usb.c.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from hil.emulator.bus import BusError
from hil.emulator.exceptions import FIRST_IRQ
from hil.emulator.state import CoreState
from hil.emulator.stm32l476.usb_end import (
    ALL_NAK,
    EPENA,
    NAKSTS,
    OUT_DATA,
    OUT_DONE,
    SETUP_DATA,
    SETUP_DONE,
    STALL,
    STUP,
    USBAEP,
    XFRC,
    End,
    Entry,
)
from hil.emulator.usb import UsbController
from hil.emulator.usb_host import Data, Nak, Port, Silence, Stall

BASE, IRQ, ENDPOINTS, MEMORY_WORDS, LEAST_WORDS = 0x50000000, 67, 6, 320, 16
GOTGCTL, GAHBCFG, GUSBCFG, GRSTCTL, GINTSTS, GINTMSK = 0x000, 0x008, 0x00C, 0x010, 0x014, 0x018
GRXSTSP, GRXFSIZ, DIEPTXF0, GCCFG, DIEPTXF = 0x020, 0x024, 0x028, 0x038, 0x100
DCFG, DCTL, DIEPMSK, DOEPMSK, DAINTMSK = 0x800, 0x804, 0x810, 0x814, 0x81C
IN_ENDS, OUT_ENDS, STEP, CTL, INT, TSIZ = 0x900, 0xB00, 0x20, 0x0, 0x8, 0x10
FIFO, FIFO_STEP = 0x1000, 0x1000

SESSION_VALID = 3 << 6  # BVALOEN, BVALOVAL
FDMOD, AHBIDL, TXFFLSH, PWRDWN, SDIS = 1 << 30, 1 << 31, 1 << 5, 1 << 16, 1 << 1
WKUP, OEPINT, IEPINT, ENUMDNE = 1 << 31, 1 << 19, 1 << 18, 1 << 13
USBRST, USBSUSP, ESUSP, GONAKEFF, RXFLVL = 1 << 12, 1 << 11, 1 << 10, 1 << 7, 1 << 4
CGONAK, SGONAK, GONSTS = 1 << 10, 1 << 9, 1 << 3
STPKTRX, STSPHSRX = 1 << 15, 1 << 5
SET_ADDRESS = 5
MODE_CHANGE_S = 0.025


@dataclass(frozen=True)
class Surroundings:
    """What the rest of the chip gives the controller.

    clocked: its registers have a clock. lacks: what it lacks to go on the bus, or None.
    """

    clocked: Callable[[], bool]
    lacks: Callable[[], str | None]
    core_hz: int


class OtgFs(UsbController, Port):
    """The registers, and the port that a host sees."""

    def __init__(self, core: CoreState, around: Surroundings) -> None:
        super().__init__("OTG_FS", BASE, FIRST_IRQ + IRQ, core)
        self.size = FIFO + FIFO_STEP * ENDPOINTS
        self._around = around
        self._plugged = False
        self._in = [End(number) for number in range(ENDPOINTS)]
        self._out = [End(number) for number in range(ENDPOINTS)]
        self._start()
        for offset, first in (
            (GOTGCTL, 0), (GAHBCFG, 0), (GINTMSK, 0), (GRXFSIZ, MEMORY_WORDS), (GCCFG, 0),
            (DIEPTXF0, 0), (DIEPMSK, 0), (DOEPMSK, 0), (DAINTMSK, 0),
        ):  # fmt: skip
            self.store(offset, first)
        self.on(GUSBCFG, lambda: self._role, self._choose_role)
        self.on(GRSTCTL, lambda: AHBIDL, self._flush)
        self.on(GINTSTS, self._events, self._clear_events)
        self.on(GRXSTSP, self._pop)
        self.on(DCFG, lambda: self._device, self._configure)
        self.on(DCTL, self._read_control, self._write_control)
        for number in range(ENDPOINTS):
            self._add_end(number)

    def _add_end(self, number: int) -> None:
        source, sink = self._in[number], self._out[number]
        if number:
            self.store(DIEPTXF + 4 * number)
        self.on(FIFO + FIFO_STEP * number, self._read_fifo, lambda v: self._fill(source, v))
        self._add_direction(IN_ENDS + STEP * number, source, source.enable_in)
        self._add_direction(
            OUT_ENDS + STEP * number, sink, lambda v: sink.enable_out(v, self._all_nak)
        )

    def _add_direction(self, at: int, end: End, enable: Callable[[int], None]) -> None:
        def clear(value: int) -> None:
            end.interrupts &= ~value
            self._end_setup()

        self.on(at + CTL, lambda: end.control, enable)
        self.on(at + INT, lambda: end.interrupts, clear)
        self.on(at + TSIZ, lambda: end.size, end.set_size)

    def _fill(self, end: End, word: int) -> None:
        place = self[DIEPTXF0] if end.number == 0 else self[DIEPTXF + 4 * end.number]
        end.fill(word, place >> 16)

    def _start(self) -> None:
        self._role, self._role_at = 0x1440, 0.0
        self._device, self._disconnected = 0x02200000, SDIS
        self._stored_events = 0
        self._received: deque[Entry] = deque()
        self._unread = b""
        for end in (*self._in, *self._out):
            end.reset()
        self._address = 0
        self._sets_address = self._has_status = self._is_held = False
        self._asked_nak = self._all_nak = False

    def reset(self) -> None:
        """Return to the reset values: the device has left the bus, the cable stays."""
        super().reset()
        self._start()

    def read(self, offset: int, size: int) -> int:
        """Return a register. Raises BusError where the controller has no clock, or is disturbed."""
        self._check(offset, writes=False)
        value = super().read(offset, size)
        self.update()
        return value

    def write(self, offset: int, size: int, value: int) -> None:
        """Write a register; the same checks."""
        self._check(offset, writes=True)
        super().write(offset, size, value)
        self.update()

    def _check(self, offset: int, writes: bool) -> None:
        if not self._around.clocked():
            raise BusError("OTG_FS is touched though it has no clock (RCC_AHB2ENR)")
        if offset >= DCFG and not self._is_device():
            raise BusError("OTG_FS: a device's register within 25 ms of the choice of that role")
        for end in self._in:
            fills = writes and offset == FIFO + FIFO_STEP * end.number
            if end.words_missing and not fills:
                raise BusError(f"OTG_FS: +0x{offset:X} is touched amid a packet's words")

    def _is_device(self) -> bool:
        after = (self.core.now() - self._role_at) / self._around.core_hz
        return bool(self._role & FDMOD) and after >= MODE_CHANGE_S

    # Registers of the whole.

    def _choose_role(self, value: int) -> None:
        if value & FDMOD and not self._role & FDMOD:
            self._role_at = self.core.now()
        self._role = value

    def _flush(self, value: int) -> None:
        if value & ~(TXFFLSH | 0x1F << 6) or not value & TXFFLSH:
            raise BusError(f"OTG_FS: GRSTCTL = 0x{value:X} is not modelled")
        end = self._in[min(value >> 6 & 0x1F, ENDPOINTS - 1)]
        if end.control & EPENA:
            raise BusError(f"OTG_FS: FIFO {end.number} is flushed under an enabled endpoint")
        end.fifo.clear()

    def _events(self) -> int:
        found = self._stored_events | (RXFLVL if self._received else 0)
        found |= GONAKEFF if self._all_nak else 0
        if self._pending(self._in, self[DIEPMSK]) & self[DAINTMSK]:
            found |= IEPINT
        if self._pending(self._out, self[DOEPMSK]) << 16 & self[DAINTMSK]:
            found |= OEPINT
        return found

    @staticmethod
    def _pending(ends: list[End], mask: int) -> int:
        return sum(1 << end.number for end in ends if end.interrupts & mask)

    def _clear_events(self, value: int) -> None:
        self._stored_events &= ~value

    def _configure(self, value: int) -> None:
        if value & 3 != 3:
            raise BusError("OTG_FS: DCFG: the transceiver knows full speed only")
        self._device = value
        if not self._sets_address:
            self._address = value >> 4 & 0x7F

    def _read_control(self) -> int:
        return self._disconnected | (GONSTS if self._asked_nak else 0)

    def _write_control(self, value: int) -> None:
        if value & ~(SDIS | SGONAK | CGONAK | GONSTS) or (value & SGONAK and value & CGONAK):
            raise BusError(f"OTG_FS: DCTL = 0x{value:X} is not modelled")
        if not value & SDIS and self._disconnected:
            self._connect()
        self._disconnected = value & SDIS
        if value & SGONAK:
            self._ask_nak()
        if value & CGONAK:
            self._asked_nak = self._all_nak = False

    def _ask_nak(self) -> None:
        """Set the global OUT NAK; a word of the FIFO is kept for its mark ("RAM allocation")."""
        if self._asked_nak:
            raise BusError("OTG_FS: the global OUT NAK is set though it is there")
        self._asked_nak = True
        self._received.append(Entry(ALL_NAK, 0))

    def _connect(self) -> None:
        self._check_memory()
        if (lack := self._around.lacks()) is not None:
            raise BusError(f"OTG_FS goes on the bus {lack}")

    def _check_memory(self) -> None:
        """FIFOs of 16 words or more, one behind the other, in 320 words."""
        parts = [self[DIEPTXF0], *(self[DIEPTXF + 4 * n] for n in range(1, ENDPOINTS))]
        fifos = [(0, self[GRXFSIZ]), *((p & 0xFFFF, p >> 16) for p in parts if p)]
        end = 0
        for start, words in sorted(fifos):
            if start < end or words < LEAST_WORDS or start + words > MEMORY_WORDS:
                raise BusError(f"OTG_FS: a FIFO of {words} words at {start} does not fit")
            end = start + words

    # The receive FIFO.

    def _pop(self) -> int:
        if not self._received or self._unread:
            raise BusError("OTG_FS: GRXSTSP: nothing there, or the packet before not yet read")
        entry = self._received.popleft()
        self._unread = entry.data + bytes(-len(entry.data) % 4)
        end = self._out[entry.end]
        if entry.kind == ALL_NAK:
            self._all_nak = self._asked_nak
        if entry.kind in (OUT_DONE, SETUP_DONE):
            end.interrupts |= XFRC if entry.kind == OUT_DONE else STUP
            end.control &= ~EPENA
        return entry.status

    def _read_fifo(self) -> int:
        if not self._unread:
            raise BusError("OTG_FS: the receive FIFO is read beyond the packet")
        word, self._unread = self._unread[:4], self._unread[4:]
        return int.from_bytes(word, "little")

    def _receive(self, *entries: Entry) -> bool:
        words = sum(entry.words for entry in (*self._received, *entries))
        if words + (len(self._unread) + 3) // 4 > self[GRXFSIZ] - 1:
            return False
        self._received += entries
        return True

    # The host's side.

    @property
    def port(self) -> Port:
        """Itself."""
        return self

    def set_power(self, on: bool) -> None:
        """Plug the cable in, or pull it: VBUS is not seen, a bus without a host falls silent."""
        if self._plugged and not on and self.attached:
            self._stored_events |= USBSUSP | ESUSP
        self._plugged = on

    @property
    def attached(self) -> bool:
        """Pull-up on: transceiver powered, session valid, not disconnected."""
        valid = self[GOTGCTL] & SESSION_VALID == SESSION_VALID
        return self._plugged and valid and bool(self[GCCFG] & PWRDWN) and not self._disconnected

    def level(self) -> bool:
        """Return whether an enabled event is there, and interrupts are on."""
        return bool(self[GAHBCFG] & 1 and self._events() & self[GINTMSK])

    def bus_reset(self) -> None:
        """SE0: the controller closes its endpoints; the address is the firmware's to clear."""
        for end in (*self._in[1:], *self._out[1:]):
            end.control &= ~USBAEP
        self._sets_address = self._has_status = False
        self._stored_events |= USBRST | ENUMDNE

    def suspend(self, on: bool) -> None:
        """Idle for 3 ms, or a resume signal."""
        self._stored_events |= USBSUSP | ESUSP if on else WKUP

    def _hears(self, address: int, end: End) -> bool:
        return self.attached and address == self._address and bool(end.control & USBAEP)

    def setup(self, address: int, packet: bytes) -> bool:
        """Taken whenever there is room; both directions NAK until the firmware has seen it."""
        ends = (self._in[0], self._out[0])
        if not self._hears(address, self._out[0]) or not self._out[0].size >> 29:
            return False
        if not self._receive(Entry(SETUP_DATA, 0, packet), Entry(OUT_DONE, 0)):
            return False
        self._out[0].interrupts |= STPKTRX
        self._has_status = not packet[0] & 0x80 and packet[6:8] != b"\0\0"
        self._is_held = True
        self._end_setup()
        self._out[0].size -= 1 << 29
        for end in ends:
            end.control = end.control & ~STALL | NAKSTS
            end.toggle = 1
        self._sets_address = packet[0] == 0 and packet[1] == SET_ADDRESS
        return True

    def _end_setup(self) -> None:
        """End a SETUP, unless the status stage before it has not been acknowledged."""
        if self._is_held and not self._out[0].interrupts & STSPHSRX:
            self._is_held = not self._receive(Entry(SETUP_DONE, 0))

    def _begin_status(self) -> None:
        """The host turns to the status stage of an OUT request."""
        if self._has_status and not self._out[0].control & EPENA:
            self._has_status = False
            self._receive(Entry(OUT_DONE, 0))
            self._out[0].interrupts |= STSPHSRX

    def token_in(self, address: int, endpoint: int) -> Data | type[Nak | Stall | Silence]:
        """IN."""
        end = self._in[endpoint]
        if not self._hears(address, end):
            return Silence
        if end.control & STALL:
            return Stall
        if endpoint == 0:
            self._begin_status()
        if end.control & NAKSTS or not end.control & EPENA or end.words_missing:
            return Nak
        toggle, data = end.toggle, end.send()
        if endpoint == 0 and self._sets_address:
            self._address, self._sets_address = self._device >> 4 & 0x7F, False
        return Data(toggle, data)

    def token_out(
        self, address: int, endpoint: int, toggle: int, data: bytes
    ) -> type[Nak | Stall | Silence] | None:
        """OUT."""
        end = self._out[endpoint]
        if not self._hears(address, end):
            return Silence
        if end.control & STALL:
            return Stall
        if self._asked_nak or end.control & NAKSTS or not end.control & EPENA:
            return Nak
        if toggle != end.toggle:
            return None  # repeated: acknowledged, and thrown away
        entries = Entry(OUT_DATA, endpoint, data, toggle), Entry(OUT_DONE, endpoint)
        if len(data) > end.bytes_left or not self._receive(*entries):
            return Nak
        end.toggle ^= 1
        end.size = end.size & 7 << 29 | end.bytes_left - len(data)
        end.control |= NAKSTS
        return None
