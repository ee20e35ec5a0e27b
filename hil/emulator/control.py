"""The control channel: one JSON object a line, each way, on a socket of its own.

Requests are `{"id": N, "do": NAME, …}`; each is answered by `{"id": N, "ok": true, …}` or
`{"id": N, "error": TEXT}`. The emulator also speaks unasked: `{"event": …}`.

    counters                          instructions (exact), cycles_estimate, virtual_seconds (cycle
                                      estimate and sleep over the chip's clock), state, hook, baud
    link                              bytes received and sent by the UART, overruns, faults injected
    crash                             the last crash report or null, and how many there were
    reset     kind: pin|power|software
    break     via: uart|usb             the host sends a break
    join      via: uart|usb             which link the byte stream is, from now on
    pacing    mode: instant|baud
    faults    direction: to_device|to_host, kind: none|drop|flip|duplicate|truncate|delay,
              rate: per byte, seed
    cyccnt    counts: instructions|cycles       what DWT_CYCCNT counts
    stack                             size and peak in bytes, peak null unless the firmware paints
    peek      address, size           data: hex
    poke      address, data: hex
    usb       action: state|plug|unplug|suspend|resume|open|close|discard, baud: of open;
                                      discard drops what the host has not yet sent
                                      what the USB host sees: attached, open, fault, busy, drained,
                                      device, configuration and strings as hex; packets_out,
                                      bytes_out, packets_in, bytes_in of the data endpoints
    sensor    present: bool           whether anybody answers on the sensor's bus
    sync                              answered when the firmware sleeps and has taken every byte

    event ready    pty (path or null), hook      the firmware is about to start
    event crash    crash: the report; at most 16 are sent, `crash` counts on
    event reset    kind
    event halted   reason                        lock-up, or the board stays in its bootloader
    event error    message                       the image cannot be run; the process ends
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from hil.emulator.chip import ResetKind
from hil.emulator.link_faults import KINDS, FaultyLine, Plan
from hil.emulator.machine import Machine
from hil.emulator.usb import Cable

MAX_LINE = 1 << 20
MAX_PEEK = 1 << 18

Answer = dict[str, Any]

#: What the USB host can be told to do; each gets the cable and the port's rate.
USB_ACTIONS: dict[str, Callable[[Cable, int], None]] = {
    "state": lambda _cable, _baud: None,
    "plug": lambda cable, _baud: cable.plug(True),
    "unplug": lambda cable, _baud: cable.plug(False),
    "suspend": lambda cable, _baud: cable.suspend(True),
    "resume": lambda cable, _baud: cable.suspend(False),
    "open": lambda cable, baud: cable.host.start(cable.host.open_port(baud)),
    "close": lambda cable, _baud: cable.host.start(cable.host.close_port()),
    "discard": lambda cable, _baud: cable.discard(),
}


class ControlError(Exception):
    """A request that makes no sense; the text is the answer."""


class Channel:
    """Lines of JSON over a file descriptor; never blocks, nor fails when nobody listens."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self._incoming = b""
        self._outgoing = bytearray()
        os.set_blocking(descriptor, False)

    def send(self, message: Answer) -> None:
        """Send one object; it is lost when the other end does not read."""
        if len(self._outgoing) < MAX_LINE:
            self._outgoing += json.dumps(message).encode() + b"\n"
        self.flush()

    def flush(self) -> None:
        """Send what is waiting, as far as it goes."""
        try:
            while self._outgoing:
                del self._outgoing[: os.write(self.descriptor, self._outgoing)]
        except OSError:
            return

    @property
    def wants_to_write(self) -> bool:
        """Whether something is waiting for the reader."""
        return bool(self._outgoing)

    def receive(self) -> list[Answer] | None:
        """Return the requests that have come; None when the other end is gone."""
        try:
            data = os.read(self.descriptor, MAX_LINE)
        except BlockingIOError:
            return []
        except OSError:
            return None
        if not data or len(self._incoming) > MAX_LINE:
            return None
        *lines, self._incoming = (self._incoming + data).split(b"\n")
        return [_parse(line) for line in lines if line]


def _parse(line: bytes) -> Answer:
    try:
        request = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return request if isinstance(request, dict) else {}


class Commands:
    """Carries out requests on a machine; `sync` is the session's."""

    def __init__(self, machine: Machine, lines: dict[str, FaultyLine]) -> None:
        self._machine = machine
        self._lines = lines
        self._commands: dict[str, Callable[[Answer], Answer]] = {
            "counters": self._counters, "link": self._link, "reset": self._reset,
            "pacing": self._pacing, "faults": self._faults, "cyccnt": self._cyccnt,
            "stack": self._stack, "peek": self._peek, "poke": self._poke, "crash": self._crash,
            "usb": self._usb, "sensor": self._sensor, "break": self._break,
        }  # fmt: skip

    def execute(self, request: Answer) -> Answer:
        """Return the answer to one request."""
        name = request.get("do")
        try:
            command = self._commands.get(name) if isinstance(name, str) else None
            if command is None:
                raise ControlError(f"no such request: {name!r}")
            answer: Answer = {"ok": True, **command(request)}
        except ControlError as error:
            answer = {"error": str(error)}
        return {"id": request.get("id"), **answer}

    def _counters(self, _request: Answer) -> Answer:
        core = self._machine.core
        return {
            "instructions": core.instructions,
            "cycles_estimate": core.cycles,
            "virtual_seconds": core.now() / self._machine.chip.core_hz,
            "state": self._machine.halted or ("asleep" if core.sleeping else "running"),
            "hook": self._machine.runner.name,
            "baud": self._machine.chip.uart.baud,
        }

    def _link(self, _request: Answer) -> Answer:
        uart = self._machine.core.uart
        counts = {name: getattr(uart, name) for name in ("received", "sent", "overruns")}
        return {
            **counts,
            "overwritten": uart.overwritten,
            "faults": sum(line.count for line in self._lines.values()),
        }

    def _usb(self, request: Answer) -> Answer:
        cable = self._machine.cable
        action = _choice(request, "action", list(USB_ACTIONS))
        baud = request.get("baud", 115200)
        if not isinstance(baud, int) or not 0 < baud < 2**32:
            raise ControlError("baud is a whole number")
        USB_ACTIONS[action](cable, baud)
        function = cable.host.function
        return {
            "attached": cable.controller.port.attached,
            "open": cable.host.streams,
            "busy": cable.host.is_busy,
            "drained": cable.is_drained,
            "fault": cable.error,
            "device": function.device.hex(),
            "configuration": function.configuration.hex(),
            "strings": {number: data.hex() for number, data in function.strings.items()},
            **asdict(cable.host.counts),
        }

    def _crash(self, _request: Answer) -> Answer:
        crashes = self._machine.crashes
        last = crashes[-1].to_json() | {"text": str(crashes[-1])} if crashes else None
        return {"crash": last, "count": self._machine.crash_count}

    def _reset(self, request: Answer) -> Answer:
        self._machine.reset(ResetKind(_choice(request, "kind", [k.value for k in ResetKind])))
        return {}

    def _break(self, request: Answer) -> Answer:
        if _choice(request, "via", ["uart", "usb"]) == "uart":
            self._machine.chip.uart.line_break()
            return {}
        host = self._machine.cable.host
        if not host.streams or host.is_busy:
            raise ControlError("the USB host has no port open, or is at work")
        host.start(host.send_break())
        return {}

    def _pacing(self, request: Answer) -> Answer:
        self._machine.chip.uart.set_pacing(_choice(request, "mode", ["instant", "baud"]) == "baud")
        return {}

    def _faults(self, request: Answer) -> Answer:
        line = self._lines[_choice(request, "direction", list(self._lines))]
        kind = _choice(request, "kind", ["none", *KINDS])
        rate, seed = request.get("rate", 0.0), request.get("seed", 0)
        if not isinstance(rate, (int, float)) or not 0 <= rate <= 1 or not isinstance(seed, int):
            raise ControlError("rate is from 0 to 1, seed a whole number")
        line.set(None if kind == "none" else Plan(kind, rate, seed))
        return {}

    def _cyccnt(self, request: Answer) -> Answer:
        counts = _choice(request, "counts", ["instructions", "cycles"])
        self._machine.dwt.count_cycles(counts == "cycles")
        return {}

    def _sensor(self, request: Answer) -> Answer:
        present = request.get("present")
        if not isinstance(present, bool):
            raise ControlError("present is true or false")
        self._machine.chip.sensor.present = present
        return {}

    def _stack(self, _request: Answer) -> Answer:
        return self._machine.stack()

    def _peek(self, request: Answer) -> Answer:
        address, size = _number(request, "address"), _number(request, "size")
        data = self._machine.registers.load_bytes(address, min(size, MAX_PEEK))
        if data is None or size > MAX_PEEK:
            raise ControlError(f"no memory at 0x{address:08X} for {size} bytes")
        return {"data": data.hex()}

    def _poke(self, request: Answer) -> Answer:
        address = _number(request, "address")
        try:
            data = bytes.fromhex(request.get("data", ""))
        except (ValueError, TypeError):
            raise ControlError("data is bytes in hex") from None
        if not self._machine.poke(address, data):
            raise ControlError(f"no memory at 0x{address:08X} for {len(data)} bytes")
        return {}


def _choice(request: Answer, key: str, choices: list[str]) -> str:
    value = request.get(key)
    if value not in choices:
        raise ControlError(f"{key} is one of {', '.join(choices)}")
    return str(value)


def _number(request: Answer, key: str) -> int:
    value = request.get(key)
    if not isinstance(value, int) or not 0 <= value < 2**32:
        raise ControlError(f"{key} is a whole number below 2^32")
    return value
