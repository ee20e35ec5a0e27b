"""What tests on the real Renode have in common."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from elftools.elf.elffile import ELFFile

from hil.backend.base import Backend, Transport
from hil.device import Device
from hil.wire.messages import DataForm

Image = tuple[str, Path]
WINDOWS = 8

#: Boots an image on a back end, which is closed at the end.
Opened = Callable[[Backend, Image], Transport]


def everything(device: Device, windows: list[bytes]) -> list[object]:
    """Ask what depends on the model or on counting; return the answers."""
    size = device.identity.input_size
    patterns = [bytes(size), bytes([0x7F]) * size, bytes(i * 37 & 0xFF for i in range(size))]
    answers: list[object] = [(r.output, r.input_crc) for r in device.infer(patterns, DataForm.INT8)]
    answers += [(r.output, r.input_crc) for r in device.infer(windows, DataForm.RAW)]
    answers += [device.tap(p, DataForm.INT8) for p in patterns]
    answers += [device.cycles(p, DataForm.INT8) for p in patterns]
    memory = device.memory()
    answers += [device.layers(), memory.flash_used, memory.ram_static, memory.arena]
    return answers


def function(elf: Path, name: str) -> int:
    with elf.open("rb") as file:
        (symbol,) = ELFFile(file).get_section_by_name(".symtab").get_symbol_by_name(name)
        return int(symbol["st_value"]) & ~1
