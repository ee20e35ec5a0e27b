"""The nRF52840's USBD (PS 6.35), with control, bulk and interrupt endpoints.

It asks for what the data sheet and the errata ask for: without a voltage on VBUS an access faults;
READY comes only with the workarounds of errata 171, which must be taken back, and 187; the first
time it wants that of 223; the pull-up wants the crystal and USB's regulator (`chip.PoweredUsbd`);
EasyDMA reaches RAM only and must be bracketed for errata 199; a bus that resumes is noticed only
with that of 211; in low power nothing but events can be used, and USBWUALLOWED, without which no
task is heard, comes only with the workaround of 171; a toggle is set once its endpoint was selected
by a write of its own. SET_ADDRESS is answered by the controller itself (6.35.9).
"""

from __future__ import annotations

from hil.emulator.bus import BusError, Peripheral
from hil.emulator.exceptions import FIRST_IRQ
from hil.emulator.state import CoreState
from hil.emulator.usb import UsbController
from hil.emulator.usb_host import Data, Nak, Port, Silence, Stall

BASE, IRQ, ENDPOINTS = 0x40027000, 39, 8
STARTEPIN, STARTEPOUT, EP0RCVOUT, EP0STATUS, EP0STALL = 0x004, 0x028, 0x04C, 0x050, 0x054
USBRESET, ENDEPIN, EP0DATADONE, ENDEPOUT = 0x100, 0x108, 0x128, 0x130
USBEVENT, EP0SETUP, EPDATA = 0x158, 0x15C, 0x160
INTENSET, INTENCLR, EVENTCAUSE, EPDATASTATUS = 0x304, 0x308, 0x400, 0x46C
SETUP, SIZE_EPOUT, ENABLE, USBPULLUP = 0x480, 0x4A0, 0x500, 0x504
DTOGGLE, EPINEN, EPOUTEN, EPSTALL, LOWPOWER = 0x50C, 0x510, 0x514, 0x518, 0x52C
EPIN, EPOUT, STEP = 0x600, 0x700, 0x14
HIDDEN_199, HIDDEN_199_ON = 0xC1C, 0x82
#: In `Hidden`: 171's, on while it powers up; 187's, which is 211's too and stays on.
HIDDEN_171, HIDDEN_171_ON, HIDDEN_187, HIDDEN_187_ON = 0xC14, 0xC0, 0xD14, 3
SUSPEND, RESUME, USBWUALLOWED, READY = 1 << 8, 1 << 9, 1 << 10, 1 << 11
IN = 0x80
SET_ADDRESS = 5
RAM = range(0x20000000, 0x20040000)
#: What can be used in low power: events, interrupts, the way out.
IN_LOW_POWER = {*range(USBRESET, EPDATA + 4), INTENSET, INTENCLR, EVENTCAUSE, LOWPOWER}


class Hidden(Peripheral):
    """The registers that errata 171, 187 and 211 name; open only after the key was written."""

    KEY = 0x9375

    def __init__(self) -> None:
        super().__init__("errata 171, 187, 211", 0x4006E000)
        self._open = False
        self.values = {HIDDEN_171: 0, HIDDEN_187: 0}
        self.on(0xC00, lambda: int(self._open), self._write_key)
        for offset in self.values:
            self._add(offset)

    def _add(self, offset: int) -> None:
        self.on(offset, lambda: self.values[offset], lambda value: self._write(offset, value))

    def reset(self) -> None:
        """Lock and clear."""
        self._open = False
        self.values = dict.fromkeys(self.values, 0)

    def _write_key(self, value: int) -> None:
        if value != self.KEY:
            raise BusError(f"{self.name}: 0x{value:X} is no key")
        self._open = not self._open

    def _write(self, offset: int, value: int) -> None:
        if self._open:
            self.values[offset] = value


#: Without these two, USBD does not get ready.
POWERS_UP = {HIDDEN_171: HIDDEN_171_ON, HIDDEN_187: HIDDEN_187_ON}


def _event_bit(offset: int) -> int:
    return 1 << (offset - USBRESET) // 4


class _End:
    """An endpoint of one direction: the packet in the controller's buffer, and how it answers."""

    def __init__(self) -> None:
        self.packet: bytes | None = None
        self.accepts = False
        self.stalled = False
        self.toggle = 0


class Usbd(UsbController, Port):
    """The registers, and the port that a host sees."""

    def __init__(self, core: CoreState, hidden: Hidden) -> None:
        super().__init__("USBD", BASE, FIRST_IRQ + IRQ, core)
        self._hidden = hidden
        self._power = self._had_power = False
        self._start()
        self._add_tasks()
        for offset in (USBRESET, EP0DATADONE, USBEVENT, EP0SETUP, EPDATA):
            self._add_event(offset)
        self.on(INTENSET, lambda: self._enabled, lambda v: self._enable(self._enabled | v))
        self.on(INTENCLR, lambda: self._enabled, lambda v: self._enable(self._enabled & ~v))
        self.on(EVENTCAUSE, lambda: self._cause, self._clear_cause)
        self.on(EPDATASTATUS, lambda: self._moved, self._clear_moved)
        self.on(ENABLE, lambda: int(self._on), self._write_enable)
        self.on(DTOGGLE, write=self._write_toggle)
        self.on(EPSTALL, write=self._write_stall)
        for offset, first in ((USBPULLUP, 0), (EPINEN, 1), (EPOUTEN, 1), (LOWPOWER, 0)):
            self.store(offset, first)
        self.on(LOWPOWER, write=self._write_low_power)
        self.store(HIDDEN_199)
        for byte in range(8):
            self._add_setup(byte)

    def _start(self) -> None:
        self._events = self._enabled = self._cause = self._moved = 0
        self._on = self._sleeps = False
        self._starts = 0
        self._selected: int | None = None
        self._setup = bytes(8)
        self._address = 0
        self._bus_start()

    def _bus_start(self) -> None:
        self._in = [_End() for _ in range(ENDPOINTS)]
        self._out = [_End() for _ in range(ENDPOINTS)]
        self._status = self._address_status = False

    def reset(self) -> None:
        """Return to the reset values; the voltage on VBUS stays."""
        super().reset()
        self._had_power = self._power
        self._start()

    def read(self, offset: int, size: int) -> int:
        """Return a register. Raises BusError where no cable has been since the reset."""
        self._check(offset)
        return super().read(offset, size)

    def write(self, offset: int, size: int, value: int) -> None:
        """Write a register; the same check."""
        self._check(offset)
        super().write(offset, size, value)
        self.update()

    def _check(self, offset: int) -> None:
        if not self._had_power:
            raise BusError("USBD is touched though there was no voltage on VBUS")
        if self[LOWPOWER] and offset not in IN_LOW_POWER:
            raise BusError(f"USBD: +0x{offset:X} is touched in low power")

    # Registers.

    def _add_tasks(self) -> None:
        for number in range(ENDPOINTS):
            self._add_end(number)
        self.on(EP0RCVOUT, write=lambda _v: self._task(self._receive_control))
        self.on(EP0STATUS, write=lambda _v: self._task(self._allow_status))
        self.on(EP0STALL, write=lambda _v: self._task(self._stall_control))

    def _add_end(self, number: int) -> None:
        for base in (EPIN, EPOUT):
            for offset in range(3):
                self.store(base + STEP * number + 4 * offset)
        self._add_event(ENDEPIN + 4 * number)
        self._add_event(ENDEPOUT + 4 * number)
        self.on(STARTEPIN + 4 * number, write=lambda _v: self._task(lambda: self._load(number)))
        self.on(STARTEPOUT + 4 * number, write=lambda _v: self._task(lambda: self._unload(number)))
        size = SIZE_EPOUT + 4 * number
        self.on(size, lambda: len(self._out[number].packet or b""), lambda _v: self._free(number))

    def _add_event(self, offset: int) -> None:
        def write(value: int) -> None:
            if value:
                raise BusError(f"USBD: event +0x{offset:X} set by software is not modelled")
            self._events &= ~_event_bit(offset)

        self.on(offset, lambda: int(bool(self._events & _event_bit(offset))), write)

    def _add_setup(self, byte: int) -> None:
        self.on(SETUP + 4 * byte, lambda: self._setup[byte])

    def _enable(self, value: int) -> None:
        self._enabled = value

    def _clear_cause(self, value: int) -> None:
        self._cause &= ~value

    def _clear_moved(self, value: int) -> None:
        self._moved &= ~value

    def _write_enable(self, value: int) -> None:
        was_on, self._on = self._on, bool(value)
        self._sleeps = False
        if not self._on:
            self[USBPULLUP] = 0
        elif not was_on and self._hidden.values == POWERS_UP:
            self._starts += 1
            self._cause |= READY

    def _write_low_power(self, value: int) -> None:
        wakes = self[LOWPOWER] and not value & 1
        self[LOWPOWER] = value & 1
        self._sleeps = self._sleeps or bool(value & 1)
        if wakes and self._hidden.values[HIDDEN_171] == HIDDEN_171_ON:
            self._sleeps = False
            self._cause |= USBWUALLOWED
            self._raise(USBEVENT)

    def _end(self, value: int) -> _End:
        return (self._in if value & IN else self._out)[value & 7]

    def _write_toggle(self, value: int) -> None:
        end, sets = value & (IN | 7), value >> 8
        if sets and end != self._selected:
            raise BusError(f"USBD: DTOGGLE: endpoint 0x{end:02X} was not selected first")
        self._selected = end
        if sets == 1:
            self._end(value).toggle = 0

    def _write_stall(self, value: int) -> None:
        self._end(value).stalled = bool(value >> 8 & 1)

    def _task(self, task: object) -> None:
        if not self._on or self._sleeps:
            raise BusError("USBD: a task while it is off or in low power")
        if self._starts < 2:
            raise BusError("USBD: errata 223 wants it enabled twice after a reset")
        if self._hidden.values[HIDDEN_171]:
            raise BusError("USBD: the workaround of errata 171 is left on")
        assert callable(task)
        task()

    # EasyDMA.

    def _dma(self, base: int, number: int) -> tuple[int, int]:
        pointer, size = self[base + STEP * number], self[base + STEP * number + 4]
        if self[HIDDEN_199] != HIDDEN_199_ON:
            raise BusError("USBD: EasyDMA without the workaround of errata 199")
        if pointer not in RAM or pointer + size not in RAM or size > 64:
            raise BusError(f"USBD: EasyDMA of {size} bytes at 0x{pointer:08X}")
        return pointer, size

    def _load(self, number: int) -> None:
        pointer, size = self._dma(EPIN, number)
        assert self.memory is not None
        self._in[number].packet = self.memory.load_bytes(pointer, size)
        self[EPIN + STEP * number + 8] = size
        self._events |= _event_bit(ENDEPIN + 4 * number)

    def _unload(self, number: int) -> None:
        pointer, size = self._dma(EPOUT, number)
        packet = (self._out[number].packet or b"")[:size]
        assert self.memory is not None
        self.memory.store_bytes(pointer, packet)
        self[EPOUT + STEP * number + 8] = len(packet)
        self._out[number].packet = None
        self._out[number].accepts = number > 0
        self._events |= _event_bit(ENDEPOUT + 4 * number)

    def _free(self, number: int) -> None:
        self._out[number].packet = None
        self._out[number].accepts = True

    # Control transfers.

    def _receive_control(self) -> None:
        self._out[0].accepts = True

    def _allow_status(self) -> None:
        self._status = True

    def _stall_control(self) -> None:
        self._in[0].stalled = self._out[0].stalled = True

    # The host's side.

    @property
    def port(self) -> Port:
        """Itself."""
        return self

    def set_power(self, on: bool) -> None:
        """Voltage on VBUS."""
        self._power = on
        self._had_power = self._had_power or on

    @property
    def attached(self) -> bool:
        """Pull-up on, and powered."""
        return self._power and self._on and bool(self[USBPULLUP])

    def level(self) -> bool:
        """Return whether an enabled event is set."""
        return bool(self._events & self._enabled)

    def _raise(self, event: int) -> None:
        self._events |= _event_bit(event)

    def bus_reset(self) -> None:
        """SE0: address 0, endpoints as after a reset."""
        self._address = self._moved = 0
        self._bus_start()
        self._raise(USBRESET)

    def suspend(self, on: bool) -> None:
        """Idle for 3 ms, or a resume signal; errata 211: traffic may be all the signal there is."""
        if not on and self._hidden.values[HIDDEN_187] != HIDDEN_187_ON:
            return
        self._cause |= SUSPEND if on else RESUME
        self._raise(USBEVENT)

    def setup(self, address: int, packet: bytes) -> bool:
        """Taken always; what was under way is dropped."""
        if address != self._address or not self.attached:
            return False
        self._setup = packet
        for end in (self._in[0], self._out[0]):
            end.packet, end.accepts, end.stalled, end.toggle = None, False, False, 1
        self._status = False
        self._address_status = packet[0] == 0 and packet[1] == SET_ADDRESS
        self._raise(EP0SETUP)
        return True

    def token_in(self, address: int, endpoint: int) -> Data | type[Nak | Stall | Silence]:
        """IN."""
        if address != self._address or not self[EPINEN] >> endpoint & 1 or not self.attached:
            return Silence
        end = self._in[endpoint]
        if end.stalled:
            return Stall
        if endpoint == 0 and (self._status or self._address_status):
            return self._status_in()
        if end.packet is None:
            return Nak
        packet, end.packet = Data(end.toggle, end.packet), None
        end.toggle ^= 1
        self._moved |= 1 << endpoint if endpoint else 0
        self._raise(EPDATA if endpoint else EP0DATADONE)
        return packet

    def _status_in(self) -> Data | type[Nak]:
        if self._is_read():
            return Nak
        if self._address_status:
            self._address = self._setup[2]
        self._status = self._address_status = False
        return Data(1, b"")

    def _is_read(self) -> bool:
        return bool(self._setup[0] & IN) and self._setup[6:8] != b"\0\0"

    def token_out(
        self, address: int, endpoint: int, toggle: int, data: bytes
    ) -> type[Nak | Stall | Silence] | None:
        """OUT."""
        if address != self._address or not self[EPOUTEN] >> endpoint & 1 or not self.attached:
            return Silence
        end = self._out[endpoint]
        if end.stalled:
            return Stall
        if endpoint == 0 and self._is_read():
            taken, self._status = self._status, False
            return None if taken else Nak
        if not end.accepts:
            return Nak
        if toggle != end.toggle:
            return None  # repeated: acknowledged, and thrown away
        end.packet, end.accepts = data, False
        end.toggle ^= 1
        self._moved |= 1 << 16 + endpoint if endpoint else 0
        self._raise(EPDATA if endpoint else EP0DATADONE)
        return None
