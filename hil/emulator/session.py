"""Keeps a machine, its byte stream and its control channel going.

Time on the baud-accurate line. The firmware's clock and the host's are two: while the firmware
works, or a byte is on its way, virtual time goes on; while it sleeps and nothing is on the line, it
stands still until the host sends. So a slow host costs no virtual time, and the share of the line
used tells of the firmware and the protocol alone, as against a host that answers at once. There is
one place where that is not enough: the firmware sleeps while its reply leaves and the host, given
the last reply, has not yet got round to its next request. There the host gets `PATIENCE_S` of its
own time, once each time that it has fallen behind.

Time while the firmware's timer runs, which it does for the sensor. "real": the firmware sleeps
until its timer's interrupt as long as that takes by the host's clock. "asked": each time that the
host has sent something, one such sleep takes no time at all; so the sensor goes on as fast as the
host asks, and never faster.
"""

from __future__ import annotations

import select
import time
from dataclasses import dataclass

from hil.emulator.chip import ResetKind
from hil.emulator.control import Answer, Channel, Commands
from hil.emulator.crash import Crash
from hil.emulator.link import Link
from hil.emulator.link_faults import FaultyLine
from hil.emulator.machine import Machine, State
from hil.emulator.state import QUEUE_SIZE, UartState
from hil.emulator.usb import Cable

#: Instructions between two looks at the sockets: some milliseconds of the host's time.
SLICE = 1_000_000
PATIENCE_S = 0.02
#: How often a waiting emulator looks whether its parent still lives.
HEARTBEAT_S = 1.0
MAX_CRASH_EVENTS = 16


#: Real time that has fallen further behind than this is not caught up with.
MAX_LAG_S = 1.0


@dataclass
class RealTime:
    """The virtual clock beside the host's. ahead: seconds that the latter's reading is larger."""

    ahead: float | None = None

    def left(self, wakes_at: float, now: float) -> float:
        """Return how long to sleep, by the host's clock at `now`, until virtual `wakes_at`."""
        if self.ahead is None or wakes_at + self.ahead < now - MAX_LAG_S:
            self.ahead = now - wakes_at
        return max(wakes_at + self.ahead - now, 0.0)


class EndedError(Exception):
    """The other end of the byte stream or of the control channel is gone."""


class Session:
    """One machine and those who talk to it."""

    def __init__(
        self,
        machine: Machine,
        link: Link,
        channel: Channel | None,
        real_time: RealTime | None = None,
    ) -> None:
        self._machine = machine
        #: None: time goes on as the host asks.
        self._real_time = real_time
        self.join("uart")
        self._link = link
        self._channel = channel
        self._lines = {"to_device": FaultyLine(), "to_host": FaultyLine()}
        self._commands = Commands(machine, self._lines)
        self._syncs: list[Answer] = []
        self._has_halted = False
        machine.on_crash = self._report_crash
        machine.on_reset = self._report_reset

    def join(self, via: str) -> None:
        """Let the byte stream be the USB host's ("usb"), or the UART's line ("uart")."""
        self._usb = self._machine.cable if via == "usb" else None
        self._line: Cable | UartState = self._usb or self._machine.core.uart

    def serve(self) -> None:
        """Run until somebody leaves. Raises EndedError then."""
        while True:
            state = State.ASLEEP if self._link.is_full else self._machine.run(SLICE)
            self._send_out()
            self._report_halt(state)
            self._answer_syncs(state)
            self._wait(state)

    def emit(self, event: str, **details: object) -> None:
        """Send an event."""
        if self._channel:
            self._channel.send({"event": event, **details})

    def _report_crash(self, crash: Crash) -> None:
        if self._machine.crash_count <= MAX_CRASH_EVENTS:
            self.emit("crash", crash=crash.to_json() | {"text": str(crash)})

    def _report_reset(self, kind: ResetKind) -> None:
        self.emit("reset", kind=kind.value)

    def _report_halt(self, state: State) -> None:
        if state is State.HALTED and not self._has_halted:
            self.emit("halted", reason=self._machine.halted)
        self._has_halted = state is State.HALTED

    def _send_out(self) -> None:
        queue, line = self._line.to_host, self._lines["to_host"]
        now = time.monotonic()
        if len(queue):
            line.put(queue.take(), now)
        data = line.take(now)
        if data:
            self._link.write(data)

    def _take_in(self) -> bool:
        """Move what the host sent towards the UART; return whether there was anything."""
        queue, line = self._line.from_host, self._lines["to_device"]
        now = time.monotonic()
        data = self._link.read(self._room())
        if data is None:
            raise EndedError("byte stream")
        if data:
            line.put(data, now)
        arrived = line.take(now)
        queue.push(arrived)
        return bool(arrived)

    def _room(self) -> int:
        # A duplicating line can make two bytes of one, and holds what it delays.
        return (QUEUE_SIZE - len(self._line.from_host)) // 4

    def _answer_syncs(self, state: State) -> None:
        drained = not len(self._line.from_host) if self._usb is None else self._usb.is_drained
        idle = state is not State.RUNNING and drained
        if self._channel and idle and not self._link.wants_to_write and self._syncs:
            for request in self._syncs:
                self._channel.send({"id": request.get("id"), "ok": True})
            self._syncs.clear()

    def _wait(self, state: State) -> None:
        """Look at the sockets; asleep, until there is something to do."""
        core = self._machine.core
        patient = state is State.ASLEEP and bool(core.uart.transmit_busy)
        timeout = 0.0 if state is State.RUNNING else self._timeout(patient)
        ready = self._poll(self._until_tick(state, timeout))
        if self._channel and self._channel.descriptor in ready:
            self._serve_control()
        if self._link.descriptor in ready or self._lines["to_device"].next_time() is not None:
            came = self._take_in()
            core.patience = int(came)
            if came and self._real_time is None:
                self._machine.ticks = 1
        elif patient:
            core.patience = 0

    def _until_tick(self, state: State, timeout: float) -> float:
        """Return how long to wait: at most until the timer's interrupt, in real time, is due."""
        wakes_at = self._machine.wakes_at() if state is State.ASLEEP else None
        if wakes_at is None or self._real_time is None:
            return timeout
        left = self._real_time.left(wakes_at, time.monotonic())
        self._machine.ticks = int(left == 0.0)
        return min(timeout, left)

    def _timeout(self, patient: bool) -> float:
        times = [t for line in self._lines.values() if (t := line.next_time()) is not None]
        held = max(min(times) - time.monotonic(), 0.0) if times else HEARTBEAT_S
        return min(held, PATIENCE_S if patient else HEARTBEAT_S)

    def _poll(self, timeout: float) -> list[int]:
        readers = [self._link.descriptor] if self._room() else []
        writers = [self._link.descriptor] if self._link.wants_to_write else []
        if self._channel:
            readers.append(self._channel.descriptor)
            if self._channel.wants_to_write:
                writers.append(self._channel.descriptor)
        ready, writable, _ = select.select(readers, writers, [], timeout)
        if self._link.descriptor in writable:
            self._link.flush()
        if self._channel and self._channel.descriptor in writable:
            self._channel.flush()
        return ready

    def _serve_control(self) -> None:
        assert self._channel is not None
        requests = self._channel.receive()
        if requests is None:
            raise EndedError("control channel")
        for request in requests:
            if request.get("do") == "sync":
                self._syncs.append(request)
            elif request.get("do") == "join" and request.get("via") in ("uart", "usb"):
                self.join(request["via"])
                self._channel.send({"id": request.get("id"), "ok": True})
            else:
                self._channel.send(self._commands.execute(request))
