"""After an upload: has the new firmware come up, and is it the one that was written?

A bootloader's board is known by its USB socket, and must come back there (`wait_for_hello`). Which
board hangs on a debug probe nobody says. So what may be its port is asked before and after
(`Listener`): the one that has restarted meanwhile and carries what was written is it. Where none
is, the probe's program is believed, and it is told that no hello was heard, and why: that is
neither a success of the firmware's nor a failure of the upload.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

from hil import ports
from hil.backend.serial_transport import SerialTransport
from hil.board import Board
from hil.device import Device
from hil.errors import DeviceError, LinkError, NoAnswerError, clean
from hil.firmware.build import NOT_HEARD
from hil.identity import Identity
from hil.ports import Port
from hil.upload.port import POLL_S, RESTART_TIMEOUT_S

#: Seconds for one hello: the firmware is up some milliseconds after its port is.
HELLO_S: Final = 2.0
#: Seconds for a board that was on no port before to come up on USB, where it has a cable.
APPEAR_S: Final = 2.0
NOT_RESTARTED: Final = "has not restarted"


@dataclass(frozen=True)
class Written:
    """What was written. image: the .bin's bytes. how: "written and verified by openocd", say.

    baud: of a port at the board's UART.
    """

    board: Board
    image: bytes
    how: str
    baud: int

    def is_on(self, identity: Identity) -> bool:
        """Whether a device carries this image, which has both numbers among its constants."""
        numbers = (identity.firmware_hash, identity.model_hash)
        return not identity.is_sketch and all(number in self.image for number in numbers)

    def told(self, port: Port, identity: Identity) -> str:
        """Return the line for a board that has come up with it."""
        runs = f"runs {identity.firmware_version} with model {identity.model}"
        return f"{self.board.title} on {port} {runs}"


def _ask(written: Written, port: Port) -> Identity:
    transport = SerialTransport(port.device, written.baud)
    try:
        return Device(transport).identify(expect_board=written.board.name, deadline=HELLO_S)
    finally:
        transport.close()


def _other(identity: Identity) -> str:
    return (
        f"runs other firmware ({identity.firmware_version}, {identity.firmware_hash.hex()}) or "
        f"another model ({identity.model})"
    )


def wait_for_hello(
    written: Written, socket: Port, mend: str, timeout: float = RESTART_TIMEOUT_S
) -> tuple[Port, Identity]:
    """Return the port on which the restarted board says who it is, and what it says.

    socket: whence it is known, its bootloader's port. mend: what helps where it does not come.
    Raises LinkError when it does not come back on USB, does not answer there, or carries something
    else, in `timeout` s.
    """
    deadline, said = time.monotonic() + timeout, "did not come back on USB"
    while time.monotonic() < deadline:
        back = [p for p in ports.running(written.board) if p.same_board(socket)]
        if len(back) > 1:
            said = f"cannot be told from others on USB ({'; '.join(map(str, back))})"
        if len(back) == 1:
            try:
                identity = _ask(written, back[0])
            except DeviceError as error:  # the port is there before the system lets it be opened
                said = f"says nothing on {back[0]} ({error})"
            else:
                if written.is_on(identity):
                    return back[0], identity
                said = f"on {back[0]} {_other(identity)}"
        time.sleep(POLL_S)
    raise LinkError(f"{written.how}, but the board {said}; {mend}")


class Listener:
    """Hears the board on a debug probe. Made before the upload, it asks who is there already.

    named: a serial port that the user gave, which may be the board's; else, or beside it, the only
    board of the kind on USB.
    """

    def __init__(self, board: Board, baud: int, named: str | None) -> None:
        self._named = named
        self._asker = Written(board, b"", "", baud)
        #: Port → the boot that answered there before, or why it cannot be known to be another.
        self._boots: dict[str, int] = {}
        self._unclear: dict[str, str] = {}
        for port in self._candidates()[0]:
            try:
                self._boots[port.device] = _ask(self._asker, port).boot_id
            except NoAnswerError:
                continue  # whoever says hello there afterwards has come up meanwhile
            except DeviceError as error:
                self._unclear[port.device] = clean(str(error), 300)

    def _candidates(self) -> tuple[list[Port], str]:
        """Return the ports that may be the board's, and why there are no others."""
        there = ports.running(self._asker.board)
        named = [Port(self._named)] if self._named else []
        named = [p for p in ports.serial_ports() if p.device == self._named] or named
        if len(there) > 1:
            listed = "; ".join(map(str, there))
            return named, f"which of {len(there)} boards on USB it is nobody says ({listed})"
        return [*named, *(p for p in there if p not in named)], "it is on no serial port here"

    def hear(self, written: Written) -> str:
        """Return the line that tells how the upload ended: a hello, or why there was none.

        Raises LinkError where a board that answered before says nothing now, or something else
        after a restart: so it is this one.
        """
        begin = time.monotonic()
        while True:
            candidates, why = self._candidates()
            said: dict[str, str] = {}
            for port in candidates:
                answer = self._said(written, port)
                if isinstance(answer, Identity):
                    return written.told(port, answer)
                said[port.device] = answer
            lost = self._lost(said)
            waited = time.monotonic() - begin
            if waited > RESTART_TIMEOUT_S or (waited > APPEAR_S and not candidates and not lost):
                break
            time.sleep(POLL_S)
        if lost:
            raise LinkError(f"{written.how}, but {lost}; press its reset button, or upload again")
        reason = "; ".join(said.values()) or why
        return f"{NOT_HEARD}{written.how}; {reason}: {self._shows()}"

    def _said(self, written: Written, port: Port) -> Identity | str:
        """Return who says on a port that it is what was written, else why nobody does."""
        if port.device in self._unclear:
            return f"who was on {port} before is not known ({self._unclear[port.device]})"
        try:
            identity = _ask(written, port)
        except DeviceError as error:
            return f"no answer on {port} ({clean(str(error), 300)})"
        if identity.boot_id == self._boots.get(port.device):
            return f"the board on {port} {NOT_RESTARTED}, so it is another one"
        return identity if written.is_on(identity) else f"the board on {port} {_other(identity)}"

    def _lost(self, said: dict[str, str]) -> str:
        """Return what has become of a board that answered before; "" where it goes on as it was."""
        there = {p.device for p in ports.serial_ports()}
        for device in self._boots:
            if device not in said and device not in there:
                return f"{clean(device)}, which answered before, is gone"
            if NOT_RESTARTED not in said.get(device, NOT_RESTARTED):
                return said[device]
        return ""

    def _shows(self) -> str:
        name = self._asker.board.name
        return f"`tinyhil run --board {name} --port PORT --model DIR` shows it once it has a port"
