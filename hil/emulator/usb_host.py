"""A small USB host: enumerates by the book, opens a CDC ACM port, streams.

It drives any `Port`: the device's side of the wire at the level of tokens (USB 2.0 8.4), which the
emulated controllers implement (`nrf52840/usb.py`) and, in the tests, the firmware's USB core
without a chip. The device answers an emulated core's time later, so everything that waits for it is
a generator that yields while the answer is NAK; `step` runs them as far as they go.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Protocol

#: The address the host gives; any but 0.
ADDRESS = 5
IN = 0x80
GET_DESCRIPTOR, SET_ADDRESS, SET_CONFIGURATION = 6, 5, 9
CLEAR_FEATURE = 1
SET_LINE_CODING, SET_CONTROL_LINE_STATE, SEND_BREAK = 0x20, 0x22, 0x23
DEVICE, CONFIGURATION, STRING, INTERFACE, ENDPOINT = 1, 2, 3, 4, 5
BULK, CDC_DATA = 2, 10
DTR_RTS = 3
UNTIL_TOLD = 0xFFFF


class Nak:
    """Not now."""


class Stall:
    """Refused, or halted."""


class Silence:
    """Nobody answers: no such address or endpoint, or not attached."""


@dataclass(frozen=True)
class Data:
    """A packet from the device: DATA0 or DATA1, and its bytes."""

    toggle: int
    data: bytes


class Port(Protocol):
    """What a hub's port sees of a device. One transaction each, answered at once."""

    @property
    def attached(self) -> bool:
        """Whether the device pulls D+ up."""

    def bus_reset(self) -> None:
        """Drive SE0."""

    def setup(self, address: int, packet: bytes) -> bool:
        """SETUP and its data; a device must take it. False: silence."""

    def token_in(self, address: int, endpoint: int) -> Data | type[Nak | Stall | Silence]:
        """IN."""

    def token_out(
        self, address: int, endpoint: int, toggle: int, data: bytes
    ) -> type[Nak | Stall | Silence] | None:
        """OUT and its data; None is ACK."""

    def suspend(self, on: bool) -> None:
        """Stop the bus, or start it again with a resume signal."""


class UsbError(Exception):
    """The device broke a rule, or refused a request (`StalledError`)."""


class StalledError(UsbError):
    """A STALL."""


Wait = Generator[None, None, bytes]
Task = Generator[None, None, None]


def request(kind: int, number: int, value: int = 0, index: int = 0, length: int = 0) -> bytes:
    """Return a SETUP packet (USB 2.0 table 9-2)."""
    words = (value, index, length)
    return bytes((kind, number)) + b"".join(w.to_bytes(2, "little") for w in words)


@dataclass
class Function:
    """What enumeration found: descriptors, strings by index, the data endpoints."""

    device: bytes = b""
    configuration: bytes = b""
    strings: dict[int, bytes] = field(default_factory=dict)
    bulk_in: int = 0
    bulk_out: int = 0
    notify: int = 0


@dataclass
class Counts:
    """What the data endpoints carried: packets that were taken, empty ones too, and their bytes."""

    packets_out: int = 0
    bytes_out: int = 0
    packets_in: int = 0
    bytes_in: int = 0


class UsbHost:
    """Reaches a device through `port`. `to_device` and `from_device` are the streams."""

    def __init__(self, port: Port) -> None:
        self.port = port
        self.to_device = bytearray()
        self.from_device = bytearray()
        self.notifications: list[bytes] = []
        self.function = Function()
        self.counts = Counts()
        #: False: the host program does not read; the device has to wait.
        self.reads = True
        self.streams = False
        self._address = 0
        self._toggles: dict[int, int] = {}
        self._task: Task | None = None

    # Control transfers (USB 2.0 8.5.3).

    def control(self, packet: bytes, data: bytes = b"") -> Wait:
        """Do a control transfer; returns what came. Raises StalledError when it is refused."""
        if not self.port.setup(self._address, packet):
            raise UsbError("a SETUP was not answered")
        length = int.from_bytes(packet[6:8], "little")
        is_in = bool(packet[0] & IN) and length > 0
        received = b""
        if is_in:
            received = yield from self._read_data(length)
        else:
            yield from self._write_data(data)
        yield from self._status(is_in)
        return received

    def _read_data(self, length: int) -> Wait:
        received, toggle = b"", 1
        while len(received) < length:
            answer = yield from self._await_in(0)
            if answer.toggle != toggle:
                raise UsbError("data stage: wrong toggle")
            received += answer.data
            toggle ^= 1
            if len(answer.data) < 64:
                break
        if len(received) > length:
            raise UsbError("more than wLength")
        return received

    def _write_data(self, data: bytes) -> Task:
        for number, start in enumerate(range(0, len(data), 64)):
            yield from self._await_out(0, 1 - number % 2, data[start : start + 64])

    def _status(self, is_in: bool) -> Task:
        if is_in:
            yield from self._await_out(0, 1, b"")
            return
        answer = yield from self._await_in(0)
        if answer != Data(1, b""):
            raise UsbError("a status stage is an empty DATA1")

    def _await_in(self, endpoint: int) -> Generator[None, None, Data]:
        while True:
            answer = self.port.token_in(self._address, endpoint)
            if isinstance(answer, Data):
                return answer
            if answer is not Nak:
                raise StalledError() if answer is Stall else UsbError("silence")
            yield

    def _await_out(self, endpoint: int, toggle: int, data: bytes) -> Task:
        while (answer := self.port.token_out(self._address, endpoint, toggle, data)) is not None:
            if answer is not Nak:
                raise StalledError() if answer is Stall else UsbError("silence")
            yield

    # Enumeration (USB 2.0 9.1.2), in the order of common hosts.

    def enumerate(self) -> Task:
        """Reset, address, read everything, configure."""
        self.port.bus_reset()
        self._address, self._toggles, self.function = 0, {}, Function()
        yield  # 10 ms of recovery: 7.1.7.5
        yield from self.control(request(IN, GET_DESCRIPTOR, DEVICE << 8, 0, 64))
        self.port.bus_reset()
        yield
        yield from self.control(request(0, SET_ADDRESS, ADDRESS))
        self._address = ADDRESS
        yield  # 2 ms of recovery: 9.2.6.3
        self.function.device = yield from self.descriptor(DEVICE, 0, 18)
        head = yield from self.descriptor(CONFIGURATION, 0, 9)
        total = int.from_bytes(head[2:4], "little")
        self.function.configuration = yield from self.descriptor(CONFIGURATION, 0, total)
        for number in (0, *(n for n in self.function.device[14:17] if n)):
            self.function.strings[number] = yield from self.descriptor(STRING, number, 255)
        yield from self.control(request(0, SET_CONFIGURATION, head[5]))
        self._find_endpoints()

    def descriptor(self, kind: int, number: int, length: int) -> Wait:
        """Read a descriptor."""
        language = 0x0409 if kind == STRING and number else 0
        return (
            yield from self.control(
                request(IN, GET_DESCRIPTOR, kind << 8 | number, language, length)
            )
        )

    def _find_endpoints(self) -> None:
        data, at, function = self.function.configuration, 0, self.function
        while at < len(data):
            if data[at + 1] == ENDPOINT and data[at + 3] & 3 == BULK:
                if data[at + 2] & IN:
                    function.bulk_in = data[at + 2] & 0xF
                else:
                    function.bulk_out = data[at + 2]
            elif data[at + 1] == ENDPOINT:
                function.notify = data[at + 2] & 0xF
            at += max(data[at], 2)

    # The serial port, as an operating system's driver opens and closes it.

    def open_port(self, baud: int = 115200) -> Task:
        """Set the line coding, raise DTR and RTS, begin to stream."""
        coding = baud.to_bytes(4, "little") + bytes((0, 0, 8))
        yield from self.control(request(0x21, SET_LINE_CODING, 0, 0, 7), coding)
        yield from self.control(request(0x21, SET_CONTROL_LINE_STATE, DTR_RTS))
        self.streams = True

    def close_port(self) -> Task:
        """Drop DTR and RTS."""
        self.streams = False
        yield from self.control(request(0x21, SET_CONTROL_LINE_STATE, 0))

    def send_break(self) -> Task:
        """Begin a break, and end it."""
        for length in (UNTIL_TOLD, 0):
            yield from self.control(request(0x21, SEND_BREAK, length))

    def plug_in(self) -> Task:
        """Do all of it."""
        yield from self.enumerate()
        yield from self.open_port()

    def clear_halt(self, endpoint: int) -> Task:
        """Clear an endpoint's halt: both sides begin again with DATA0."""
        yield from self.control(request(2, CLEAR_FEATURE, 0, endpoint))
        self._toggles[endpoint] = 0

    # Streaming.

    def _pump_out(self) -> bool:
        end = self.function.bulk_out
        if not self.to_device:
            return False
        toggle = self._toggles.get(end, 0)
        packet = bytes(self.to_device[:64])
        answer = self.port.token_out(self._address, end, toggle, packet)
        if answer is not None:
            return False
        del self.to_device[: len(packet)]
        self.counts.packets_out += 1
        self.counts.bytes_out += len(packet)
        self._toggles[end] = toggle ^ 1
        return True

    def _pump_in(self, end: int) -> bytes | None:
        answer = self.port.token_in(self._address, end)
        if not isinstance(answer, Data):
            return None
        if answer.toggle != self._toggles.get(end | IN, 0):
            return b""  # a packet repeated: its ACK was lost
        self._toggles[end | IN] = answer.toggle ^ 1
        return answer.data

    def start(self, task: Task) -> None:
        """Let `step` run a task; one at a time."""
        self._task = task

    @property
    def is_busy(self) -> bool:
        """Whether a task is under way."""
        return self._task is not None

    def step(self) -> bool:
        """Do what can be done without waiting; return whether something was exchanged."""
        if self._task is not None:
            try:
                next(self._task)
            except StopIteration:
                self._task = None
                return True
            return False
        if not self.streams:
            return False
        moved = self._pump_out()
        if self.reads and (data := self._pump_in(self.function.bulk_in)) is not None:
            self.from_device += data
            self.counts.packets_in += 1
            self.counts.bytes_in += len(data)
            moved = True
        if (note := self._pump_in(self.function.notify)) is not None:
            self.notifications.append(note)
            moved = True
        return moved
