"""The uploader against Renode's model of the Nano's bootloader. Skipped where there is no Renode.

That model takes less than the bootloader does (tests/firmware/fake_bootloader.py): it has no
checksum (Z), appends page after page wherever they are to go, and wants a command and its data in
packets of their own. So the commands are sent here in ascending order of pages, and what arrived is
compared byte by byte in the machine's flash; then the application that was uploaded is started.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from hil.backend.base import Transport
from hil.backend.renode import RenodeBackend
from hil.board import PROJECT_DIR, load_board
from hil.device import Device
from hil.firmware.build import build
from hil.model_folder import load_model_folder
from hil.upload.image import read_image
from hil.upload.sam_ba import PAGE, Bootloader

LOADER = Path(__file__).with_name("arduino_loader.py")
MODEL = PROJECT_DIR / "test_vectors" / "models" / "dense"
NANO = load_board("nano33")


class LoaderTransport:
    """The model's two bulk endpoints; a packet holds a command, or data."""

    def __init__(self, backend: RenodeBackend) -> None:
        self._link = backend.link

    def read(self, timeout: float) -> bytes:
        return bytes.fromhex(self._link.monitor("loader_read"))

    def write(self, data: bytes) -> None:
        command, end, rest = data.partition(b"#")
        for packet in (command + end, *(rest[i : i + 512] for i in range(0, len(rest), 512))):
            self._link.monitor(f'loader_write "{packet.hex()}"')

    def close(self) -> None:
        """Nothing: the loader ends with Renode."""


@dataclass(frozen=True)
class Bench:
    """A machine that runs the committed model, and the bootloader that is plugged into it."""

    backend: RenodeBackend
    uart: Transport
    loader: Bootloader


@pytest.fixture
def bench(installed: str, renode: RenodeBackend) -> Bench:
    uart = renode.open(NANO, build(NANO, None), None)
    renode.link.monitor(f"include @{LOADER}")
    renode.link.monitor(f"loader_open {NANO.facts.flash_origin}")
    return Bench(renode, uart, Bootloader(LoaderTransport(renode)))


def memory(backend: RenodeBackend, address: int, size: int) -> bytes:
    text = backend.link.monitor(f"sysbus ReadBytes {address} {size}")
    return bytes(int(b, 16) for b in re.findall(r"\b0x([0-9A-F]{2})\b", text))


def test_the_model_is_the_bootloader_of_the_nano(bench: Bench) -> None:
    assert bench.loader.identify() == "Arduino Bootloader (SAM-BA extended) 2.0 [Arduino:IKXYZ]"


def test_an_upload_arrives_and_starts(bench: Bench) -> None:
    folder = load_model_folder(MODEL)
    image = read_image(build(NANO, MODEL).with_suffix(".bin"), NANO)
    padded = image + b"\xff" * (-len(image) % PAGE)
    bench.loader.identify()
    for offset in range(0, len(padded), PAGE):
        bench.loader.write_page(offset, padded[offset : offset + PAGE])
    bench.loader.reset()
    said = bench.backend.link.monitor("loader_start")
    assert said == f"Binary of size {len(padded)} bytes loaded at 0x{NANO.facts.flash_origin:X}"
    assert memory(bench.backend, NANO.facts.flash_origin, len(padded)) == padded
    bench.backend.link.monitor("machine Reset")
    identity = Device(bench.uart).identify(expect_board="nano33")
    assert identity.model_hash.hex() == folder.model_hash
