"""Memory-mapped registers: a peripheral has those its data sheet names and the firmware uses.

Whatever is not there faults, as on the chip or louder: a register that silently reads 0 would hide
the very mistakes an emulator is for.
"""

from __future__ import annotations

from collections.abc import Callable

PAGE = 0x1000


class BusError(Exception):
    """The access is refused; the text goes into the crash report."""


Read = Callable[[], int]
Write = Callable[[int], None]


class Peripheral:
    """Registers of one peripheral, 32 bits each unless it overrides `read` and `write`.

    A page of the address space may hold several; `size` says how much of it is this one's.
    """

    def __init__(self, name: str, base: int, size: int = PAGE) -> None:
        self.name = name
        self.base = base
        self.size = size
        self._readers: dict[int, Read] = {}
        self._writers: dict[int, Write] = {}
        self._stored: dict[int, int] = {}
        self._at_reset: dict[int, int] = {}

    def store(self, offset: int, at_reset: int = 0) -> None:
        """Add a register that keeps what is written to it."""
        self._stored[offset] = self._at_reset[offset] = at_reset

    def on(self, offset: int, read: Read | None = None, write: Write | None = None) -> None:
        """Add a register with behaviour; without `read` or `write` that access faults."""
        if read:
            self._readers[offset] = read
        if write:
            self._writers[offset] = write

    def reset(self) -> None:
        """Return to the values after a reset."""
        self._stored.update(self._at_reset)

    def __getitem__(self, offset: int) -> int:
        return self._stored[offset]

    def __setitem__(self, offset: int, value: int) -> None:
        self._stored[offset] = value

    def read(self, offset: int, size: int) -> int:
        """Return a register's value. Raises BusError where there is none."""
        self._check_size(offset, size)
        if offset in self._readers:
            return self._readers[offset]()
        if offset in self._stored:
            return self._stored[offset]
        raise BusError(f"{self.name} has no modelled register to read at +0x{offset:X}")

    def write(self, offset: int, size: int, value: int) -> None:
        """Write a register. Raises BusError where there is none."""
        self._check_size(offset, size)
        if offset in self._writers:
            self._writers[offset](value)
        elif offset in self._stored:
            self._stored[offset] = value
        else:
            raise BusError(f"{self.name} has no modelled register to write at +0x{offset:X}")

    def _check_size(self, offset: int, size: int) -> None:
        if size != 4 or offset % 4:
            raise BusError(f"{self.name}: {size}-byte access at +0x{offset:X}")


class Bus:
    """The peripherals by address."""

    def __init__(self, peripherals: list[Peripheral]) -> None:
        self.peripherals = peripherals

    def pages(self) -> list[int]:
        """Return the start of every page that holds a peripheral, or a part of one."""
        spans = (range(p.base // PAGE, (p.base + p.size - 1) // PAGE + 1) for p in self.peripherals)
        return sorted({page * PAGE for span in spans for page in span})

    def find(self, address: int) -> Peripheral:
        """Return the peripheral at `address`. Raises BusError where there is none."""
        for peripheral in self.peripherals:
            if peripheral.base <= address < peripheral.base + peripheral.size:
                return peripheral
        raise BusError(f"no modelled peripheral at 0x{address:08X}")

    def read(self, address: int, size: int) -> int:
        """Read at an absolute address."""
        peripheral = self.find(address)
        return peripheral.read(address - peripheral.base, size)

    def write(self, address: int, size: int, value: int) -> None:
        """Write at an absolute address."""
        peripheral = self.find(address)
        peripheral.write(address - peripheral.base, size, value)

    def reset(self) -> None:
        """Reset every peripheral."""
        for peripheral in self.peripherals:
            peripheral.reset()
