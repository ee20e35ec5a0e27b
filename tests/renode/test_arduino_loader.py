"""The uploader against Renode's model of the Nano's bootloader. Skipped where there is no Renode.

That model takes less than the bootloader does (tests/firmware/fake_bootloader.py): it claims
checksums (Z) and does not answer when asked for one, and appends page after page wherever they are
to go. A whole upload runs against it all the same, unverified, and what arrived is compared byte by
byte in the machine's flash, in the order in which it was sent: the first page erased, and written
last. To start an application there, its pages are sent once more in ascending order.
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
from hil.upload import sam_ba
from hil.upload.image import read_image
from hil.upload.sam_ba import ERASED_PAGE, PAGE, Bootloader, pages_written, write_image

PACKET = 512
LOADER = Path(__file__).with_name("arduino_loader.py")
MODEL = PROJECT_DIR / "test_vectors" / "models" / "dense"
NANO = load_board("nano33")


class LoaderTransport:
    """The model's two bulk endpoints; every write begins a packet."""

    def __init__(self, backend: RenodeBackend) -> None:
        self._link = backend.link

    def read(self, timeout: float) -> bytes:
        return bytes.fromhex(self._link.monitor("loader_read"))

    def write(self, data: bytes) -> None:
        for i in range(0, len(data), PACKET):
            self._link.monitor(f'loader_write "{data[i : i + PACKET].hex()}"')

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


def test_a_whole_upload_arrives_in_its_order(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sam_ba, "ANSWER_TIMEOUT_S", 0.5)  # the model answers at once, or never
    image = read_image(build(NANO, MODEL).with_suffix(".bin"), NANO)
    padded, told = image + b"\xff" * (-len(image) % PAGE), list[int]()
    assert not write_image(bench.loader, image, told.append), "unverified, and told so"
    assert len(told) == pages_written(len(image))
    sent = ERASED_PAGE + padded[PAGE:] + padded[:PAGE]
    said = bench.backend.link.monitor("loader_start")
    assert said == f"Binary of size {len(sent)} bytes loaded at 0x{NANO.facts.flash_origin:X}"
    assert memory(bench.backend, NANO.facts.flash_origin, len(sent)) == sent


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
