"""`python -m hil.upload.dfu [--port P] firmware.bin`: upload to a SensorTile by dfu-util, by USB.

A SensorTile that carries this firmware is restarted into its ROM's DFU first, by a touch at 1200
baud (firmware/src/port/stm32l476/chip.c); one that waits there already is taken as it is. Every
STM32 has this ROM, under one USB id, so the board is told from others by its USB socket, which it
keeps as it restarts, and by its flash: what ROM says of it must be the board's (1 MB in pages of
2 KB; RM0351 3.3.1). Nothing tells two chips with such flash apart: of several none is guessed.

Not by serial number: the ROM makes its own of the chip's 96 bits, the firmware's has 64 of them.

A device that dfu-util may not open has neither socket nor flash in its listing, only a line on
standard error. It may be the board: it is told, with what mends it, and nothing is guessed.

As the board leaves DFU at the end, its answer to dfu-util can be lost, which some versions call a
failure. So what counts is whether it then says hello, on its socket, with what was written.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hil import ports
from hil.backend.serial_transport import check_port
from hil.board import Board, load_board
from hil.errors import InputError, LinkError, ToolError, clean
from hil.ports import Port
from hil.upload.hello import Written, wait_for_hello
from hil.upload.image import read_image
from hil.upload.outcome import CHECK_HELP, failed, outcome, run_tool
from hil.upload.port import POLL_S, RESTART_TIMEOUT_S, touch

#: What helps where a touch does not: the ROM looks at this pin as the chip starts.
BY_HAND: Final = "start it with BOOT0 high, or upload by a debug probe (upload_protocol)"
#: After a failure, of any kind: whether the board has left DFU by then is not known.
AGAIN: Final = f"upload again; where no board is found then, {BY_HAND}"
#: Where it is written, and says nothing.
PRESS: Final = f"press its reset button; where that does not help, {AGAIN}"

#: What `dfu-util -l` says of each memory of a device in DFU; the first is the flash.
FOUND: Final = re.compile(
    r'^Found DFU: .*\bpath="([0-9.-]{1,40})", alt=0, name="(.{0,200})", serial="(.{0,80})"$', re.M
)
#: What it says there where it could not read a name.
UNKNOWN: Final = "UNKNOWN"
#: What it says on standard error of a device that it may not open; newer ones add why.
REFUSED: Final = re.compile(r"^(?:.{0,80}: )?Cannot open DFU device (.{1,120})$", re.M)
#: Seconds for a listing: each request to a device in it is given up after 5.
LIST_TIMEOUT_S: Final = 30.0
#: A DfuSe memory layout (ST's UM0424, 4.3.2): "@name/address/count*sizeUnit…,…".
LAYOUT: Final = re.compile(r"@[^/]{0,80}/(0x[0-9A-Fa-f]{1,8})/([0-9*BKMa-g ,]{1,80})")
SECTORS: Final = re.compile(r"(\d{1,5})\*(\d{1,5})([ BKM]?)[a-g]")
UNITS: Final = {" ": 1, "": 1, "B": 1, "K": 1024, "M": 1024 * 1024}
#: Bytes of a page of the STM32L476's flash (RM0351 3.3.1).
PAGE: Final = 2048


@dataclass(frozen=True)
class Waiting:
    """A device in DFU. path: its USB socket, as `Port.location`. memory: what it says of flash."""

    path: str
    memory: str
    serial_number: str

    def could_be(self, board: Board) -> bool:
        """Whether its flash is the board's."""
        layout = LAYOUT.fullmatch(self.memory)
        sectors = SECTORS.findall(layout[2]) if layout else []
        sizes = {int(size) * UNITS[unit] for _, size, unit in sectors}
        whole = sum(int(count) * int(size) * UNITS[unit] for count, size, unit in sectors)
        facts = board.facts
        return (
            layout is not None
            and int(layout[1], 16) == facts.flash_origin
            and (sizes, whole) == ({PAGE}, facts.flash_size)
        )

    def __str__(self) -> str:
        return f"in DFU on {self.path}, serial number {clean(self.serial_number)}"


@dataclass(frozen=True)
class Listing:
    """What `dfu-util -l` says. refused: what it says of each device that it may not open."""

    waiting: list[Waiting]
    refused: list[str]


def listing(board: Board, program: str) -> Listing:
    """Return every device with the ROM's USB id that is in DFU. program: dfu-util's path."""
    vendor, product = board.usb_ids[1]
    command = [program, "-l", "-d", f"{vendor:04x}:{product:04x}"]
    try:
        listed = subprocess.run(
            command, capture_output=True, text=True, errors="replace", check=False,
            timeout=LIST_TIMEOUT_S,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise LinkError(
            f"dfu-util -l did not end in {LIST_TIMEOUT_S:g} s: unplug the board, plug it in again"
        ) from None
    found = [Waiting(*fields) for fields in FOUND.findall(listed.stdout)]
    return Listing(found, REFUSED.findall(listed.stderr))


def find(board: Board, program: str, asked: str | None) -> Waiting:
    """Return the board in DFU; one that runs its firmware is restarted into it.

    asked: as for `locate`, and what it raises; LinkError where it does not come up in DFU, too.
    """
    before = listing(board, program)
    there = locate(board, before, asked)
    if isinstance(there, Waiting):
        return there
    found = _restart(board, program, there, before)
    _check(board, found)
    return found


def locate(board: Board, before: Listing, asked: str | None) -> Port | Waiting:
    """Return the board, running or in DFU; nothing is touched.

    asked: a running board's port or USB serial number, or what dfu-util calls path or serial; None
    for the only board. Raises InputError where several could be meant or `asked` is none of them,
    LinkError where there is none, or it may not be opened.
    """
    running = ports.running(board)
    if asked is None:
        there = [w for w in before.waiting if w.could_be(board)]
        if not running and not there:
            there = before.waiting  # for `_check` to say what it is
    else:
        device = ports.resolve(running, asked)
        running = [p for p in running if p.device == device]
        there = [w for w in before.waiting if asked in (w.path, w.serial_number)]
    if before.refused and (asked is None or not (running or there)):
        raise _refusal(before.refused)
    if not running and not there:
        raise _absence(board, asked)
    if len(running) + len(there) > 1:
        listed = "; ".join(map(str, [*running, *there]))
        raise InputError(
            f"{len(running) + len(there)} boards could be meant ({listed}): give --upload-port, a "
            "port or serial number"
        )
    if running:
        return running[0]
    _check(board, there[0])
    return there[0]


def _absence(board: Board, asked: str | None) -> InputError | LinkError:
    if asked is None:
        others = ports.told_of(ports.lookalikes(board))
        return LinkError(f"no {board.title} found on USB{others}; {BY_HAND}")
    return InputError(
        f"{clean(asked)} is no {board.title}: neither one that runs this firmware nor one in DFU"
    )


def _refusal(refused: list[str]) -> LinkError:
    return LinkError(
        f"dfu-util may not open what is in DFU ({clean(refused[0])}): see `tinyhil doctor --udev`"
    )


def _check(board: Board, found: Waiting) -> None:
    if UNKNOWN in (found.memory, found.serial_number):
        raise LinkError(
            f"what is {found} does not say what it is: unplug it, plug it in again; {BY_HAND}"
        )
    if not found.could_be(board):
        raise InputError(
            f"no {board.title}: what is {found} has other flash, {clean(found.memory)!r}"
        )


def _restart(board: Board, program: str, port: Port, before: Listing) -> Waiting:
    """Touch a running board; return it in DFU: on the same socket, or else the only new one."""
    touch(port.device, BY_HAND)
    known = {w.path for w in before.waiting}
    deadline = time.monotonic() + RESTART_TIMEOUT_S
    found: list[Waiting] = []
    refused: list[str] = []
    while time.monotonic() < deadline:
        now = listing(board, program)
        found = [w for w in now.waiting if w.path == port.location or not port.location]
        found = [w for w in found if port.location or w.path not in known]
        refused = list((Counter(now.refused) - Counter(before.refused)).elements())
        if len(found) == 1 and found[0].memory != UNKNOWN:
            return found[0]
        time.sleep(POLL_S)  # in a refusal too: udev may not have come to it yet
    if len(found) == 1:
        return found[0]
    if refused:
        raise _refusal(refused)
    raise LinkError(f"{board.title} did not come up in DFU; {BY_HAND}")


def upload(board: Board, program: str, path: Path, asked: str | None) -> int:
    """Upload the .bin at `path`, wait for the firmware's hello; return the exit code."""
    image = read_image(path, board)
    found = find(board, program, asked)
    print(f"uploading to the board {found}", flush=True)
    vendor, product = board.usb_ids[1]
    place = f"{board.facts.flash_origin:#010x}:leave"
    device = ["-p", found.path, "-d", f"{vendor:04x}:{product:04x}", "-a", "0"]
    code = run_tool([program, *device, "-s", place, "-D", str(path)], AGAIN)
    if code and any(w.path == found.path for w in listing(board, program).waiting):
        return failed(program, code, AGAIN)
    ended = f" (which ended with {code})" if code else ""
    wrote = Written(board, image, f"written by dfu-util{ended}", board.facts.baud)
    print("waiting for the firmware to say hello", flush=True)
    try:
        heard = wait_for_hello(wrote, Port("", location=found.path), PRESS)
    except LinkError:
        if code:
            return failed(program, code, AGAIN)
        raise
    print(wrote.told(*heard))
    return 0


def main(argv: list[str] | None = None) -> int:
    """Restart the board, run dfu-util, wait for the hello; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m hil.upload.dfu", description=__doc__)
    parser.add_argument("--port", "--upload-port", help="the board's port or serial number")
    parser.add_argument("--check", action="store_true", help=CHECK_HELP)
    parser.add_argument("image", type=Path, help="firmware.bin")
    args = parser.parse_args(argv)

    def act() -> int:
        board, program = load_board("sensortile"), shutil.which("dfu-util")
        if program is None:
            raise ToolError("dfu-util is not on PATH; upload_protocol in platformio.ini chooses")
        if not args.check:
            return upload(board, program, args.image, args.port)
        there = locate(board, listing(board, program), args.port)
        if isinstance(there, Port):
            check_port(there.device)
        return 0

    return outcome(act)


if __name__ == "__main__":
    sys.exit(main())
