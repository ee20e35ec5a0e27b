"""Where in the source an address is: function from the symbol table, file and line from DWARF.

For crash reports only, so it never fails: what a damaged file does not say is left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from elftools.elf.elffile import ELFFile

from hil.errors import clean


@dataclass(frozen=True)
class Place:
    """A place in the source; "" and 0 where it is not known."""

    function: str = ""
    file: str = ""
    line: int = 0

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.file else ""
        return " ".join(part for part in (self.function, where) if part) or "?"


class Lines:
    """Answers for one ELF file, read when first asked."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def find(self, address: int) -> Place:
        """Return the place of the instruction at `address`."""
        address &= ~1
        file, line = self._line(address)
        return Place(self._function(address), file, line)

    def symbol(self, name: str) -> int | None:
        """Return a symbol's value."""
        return self._symbols.get(name)

    @cached_property
    def _symbols(self) -> dict[str, int]:
        return {name: value for name, value, _size in self._table}

    @cached_property
    def _table(self) -> list[tuple[str, int, int]]:
        """Return name, value and size of every symbol; size 0 for what is no function."""
        table: list[tuple[str, int, int]] = []
        self._read(table, _symbols)
        return table

    @cached_property
    def _rows(self) -> list[tuple[int, int, str, int]]:
        """Return (first address, address after, file, line), in no order."""
        rows: list[tuple[int, int, str, int]] = []
        self._read(rows, _line_rows)
        return rows

    def _read(self, into: list[Any], reader: Any) -> None:
        # pyelftools meets hostile DWARF with whatever exception comes first; what was read
        # before it is kept.
        try:
            with self._path.open("rb") as file:
                reader(ELFFile(file), into)
        except Exception:  # noqa: S110 - see above
            pass

    def _function(self, address: int) -> str:
        for name, value, size in self._table:
            if value & ~1 <= address < (value & ~1) + size:
                return clean(name, 80)
        return ""

    def _line(self, address: int) -> tuple[str, int]:
        for first, after, file, line in self._rows:
            if first <= address < after:
                return clean(file, 200), line
        return "", 0


def _symbols(elf: Any, into: list[Any]) -> None:
    section = elf.get_section_by_name(".symtab")
    for symbol in section.iter_symbols() if section else ():
        is_function = symbol["st_info"]["type"] == "STT_FUNC"
        into.append((symbol.name, symbol["st_value"], symbol["st_size"] if is_function else 0))


def _line_rows(elf: Any, into: list[Any]) -> None:
    if not elf.has_dwarf_info():
        return
    dwarf = elf.get_dwarf_info()
    for unit in dwarf.iter_CUs():
        program = dwarf.line_program_for_CU(unit)
        if program is not None:
            _add_rows(program, into)


def _add_rows(program: Any, into: list[Any]) -> None:
    previous = None
    names = program.header["file_entry"]
    base = 0 if program.header["version"] >= 5 else 1  # DWARF 5 counts files from 0
    for entry in program.get_entries():
        state = entry.state
        if state is None:
            continue
        if previous is not None:
            name = names[previous.file - base].name.decode("utf-8", "replace")
            into.append((previous.address, state.address, name, previous.line))
        previous = None if state.end_sequence else state
