"""The Renode back end: a board's own ELF on Renode's models, which were not written here.

Renode is started and ended per run, headless, in a folder and with a configuration of its own
(`renode_process`), and driven through a service in its monitor (`renode_link`). It is
deterministic: virtual time runs only while the harness waits for the firmware, one quantum after
the other, each instruction in a block of its own, so that the same calls give the same bytes after
the same number of executed instructions.

What Renode does not show: the line's timing (bytes are there at once, so nothing is ever overrun
or garbled, and there are no breaks), a cycle model (one instruction is one cycle, and the DWT
counts instructions), and USB (no cable is plugged in; its nRF52840 controller has no OUT endpoints,
and the STM32L476's is not modelled).
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile

from hil.backend.base import Counters, Transport
from hil.backend.renode_link import RenodeLink, RenodeTransport
from hil.backend.renode_process import RenodeProcess, Version, dotted, find, version
from hil.board import Board
from hil.errors import InputError, LinkError, NoAnswerError, ToolError, clean

#: Virtual seconds in which the firmware starts and falls asleep; a core at work gets more.
BOOT_S = 0.01

#: Armv7-M Architecture Reference Manual, B3.2.4.
ICSR, PENDSVSET = 0xE000ED04, 1 << 28


def check_image(board: Board, elf: Path) -> None:
    """Raise InputError unless everything in an ELF file goes to the board's flash or RAM.

    Renode would load what it has memory for, and run whatever is where the board starts.
    """
    facts = board.facts
    try:
        with elf.open("rb") as file:
            loaded = [s for s in ELFFile(file).iter_segments("PT_LOAD") if s["p_memsz"]]
            places = [(s["p_paddr"], s["p_paddr"] + s["p_filesz"]) for s in loaded]
    except (OSError, ELFError) as error:
        raise InputError(f"{elf}: {clean(str(error)) or 'no ELF file'}") from None
    memories = ((facts.flash_origin, facts.flash_size), (facts.ram_origin, facts.ram_size))
    for start, end in places:
        if not any(origin <= start and end <= origin + size for origin, size in memories):
            raise InputError(
                f"{elf}: not an image for {board.name}: 0x{start:08X} is neither its flash nor RAM"
            )


class RenodeBackend:
    """Runs a board's image on Renode; see `hil.backend.base.Backend`."""

    name = "renode"
    emulated = True
    links: tuple[str, ...] = ("uart",)
    via = "uart"

    def __init__(self) -> None:
        self._process: RenodeProcess | None = None
        self._link: RenodeLink | None = None
        self._transport: RenodeTransport | None = None
        self._crash: str | None = None

    @cached_property
    def _found(self) -> tuple[str, Version]:
        program = find()
        return program, version(program)

    @property
    def description(self) -> str:
        """Which Renode. Raises ToolError where none will do: before anything is built for it."""
        return f"Renode {dotted(self._found[1])}"

    def check(self, board: Board, port: str | None) -> None:
        """See Backend.check: whether there is a program. Its version is asked by `description`."""
        find()

    def open(self, board: Board, elf: Path | None, port: str | None) -> Transport:
        """Boot `elf`. Raises InputError when it is no image for the board, ToolError where there is
        no Renode, or where it does not start.
        """
        if elf is None:
            raise InputError("the renode back end boots an ELF file, and none was given")
        check_image(board, elf)
        self.close()
        self._process = process = RenodeProcess(self._found[0], board, elf)
        self._link = RenodeLink(process.connection, process.last_error, process.cpu_error)
        self._transport = RenodeTransport(self._link)
        self._transport.run(BOOT_S)
        return self._transport

    def revive(self, error: LinkError) -> Transport:
        """Restart firmware that hangs; a Renode that has ended stays so: `error`.

        Renode's UARTs know no break. What its interrupt would do is done here: it makes PendSV
        pending (firmware/src/port/cortex_m/link.c), which a core with interrupts masked ignores.
        """
        if not isinstance(error, NoAnswerError) or self._transport is None:
            raise error
        self.link.monitor(f"sysbus WriteDoubleWord {ICSR:#x} {PENDSVSET:#x}")
        return self._transport

    @property
    def link(self) -> RenodeLink:
        """The service, for its monitor and marks. Raises ToolError before `open`."""
        if self._link is None:
            raise ToolError("Renode has not been started")
        return self._link

    @property
    def process_id(self) -> int:
        """The process, and the group of all that belongs to it. Raises ToolError before `open`."""
        if self._process is None:
            raise ToolError("Renode has not been started")
        return self._process.pid

    def log(self) -> str:
        """Return the end of what Renode has printed; "" when it is not running."""
        return self._process.log() if self._process is not None else ""

    def counters(self) -> Counters | None:
        """Return what was executed from the chip's last reset to the last exchange."""
        if self._transport is None:
            return None
        return Counters(self._transport.instructions, None)

    def crash_report(self) -> str | None:
        """Return why Renode's CPU has stopped since `open`, or None."""
        if self._process is not None:
            self._crash = self._process.cpu_error()
        return self._crash

    def close(self) -> None:
        """End the process; harmless when repeated."""
        if self._transport is not None:
            self._transport.close()
        if self._process is not None:
            self.crash_report()
            self._process.close()
            self._process = None
