"""Boards on USB, and a dfu-util, made up."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import pytest

from hil.board import load_board
from hil.ports import MAKER
from hil.upload import dfu

TILE = load_board("sensortile")
PROGRAM, _ROM = TILE.usb_ids
#: As ST's ROM writes it; the chip's flash is 512 pages of 2 KB.
FLASH = "@Internal Flash  /0x08000000/512*0002Kg"
#: Of another STM32: the F4's sectors.
OTHER = "@Internal Flash  /0x08000000/04*016Kg,01*064Kg,03*128Kg"
#: What dfu-util 0.11 says, on standard error and nowhere else, of a device that it may not open.
REFUSED = [
    f"dfu-util: Cannot open DFU device 0483:df11 found on devnum {n} (LIBUSB_ERROR_ACCESS)\n"
    for n in (12, 13)
]
UDEV = "(0483:df11 found on devnum 12 (LIBUSB_ERROR_ACCESS)): see `tinyhil doctor --udev`"


def rom(path: str, memory: str = FLASH, serial: str = "3677") -> str:
    """What `dfu-util -l` says of one chip: its memories in no order of use."""
    start = f'Found DFU: [0483:df11] ver=2200, devnum=5, cfg=1, intf=0, path="{path}", '
    option = f'{start}alt=1, name="@Option Bytes  /0x1FFF7800/01*040 e", serial="{serial}"\n'
    return f'{option}{start}alt=0, name="{memory}", serial="{serial}"\n'


@dataclass
class Bench:
    """Boards on USB, and a dfu-util whose n-th `-l` prints the n-th listing, the last one over and
    over. It ends with 7: where the board is still in DFU then, that is a failed upload.
    """

    folder: Path
    capsys: pytest.CaptureFixture[str]
    running: list[SimpleNamespace] = field(default_factory=list)
    touched: list[str] = field(default_factory=list)

    def plug(self, *devices: str, maker: str = MAKER) -> None:
        """Plug running boards in: /dev/a on the socket 1-0."""
        vid, pid = PROGRAM
        self.running = [
            SimpleNamespace(device=d, vid=vid, pid=pid, serial_number=d[-1].upper(),
                            location=f"1-{n}:1.0", description=None, manufacturer=maker)
            for n, d in enumerate(devices)
        ]  # fmt: skip

    def install(self, listing: str = "", upload: str = "exit 7") -> None:
        calls, folder = self.folder / "calls", self.folder
        script = folder / "dfu-util"
        script.write_text(
            f'#!/bin/sh\necho "$*" >> {calls}\ntest "$1" = -l || {{ {upload}; }}\n{listing}\n'
            f"n=$(grep -c -- ^-l {calls})\n"
            f"test -e {folder}/$n || n=last\ncat {folder}/$n.err >&2\ncat {folder}/$n\n"
        )
        script.chmod(0o755)

    def lists(self, *listings: list[str]) -> None:
        for n, lines in [*enumerate(listings, 1), ("last", listings[-1])]:
            found, refused = ([x for x in lines if (x in REFUSED) is r] for r in (False, True))
            (self.folder / str(n)).write_text("dfu-util 0.11\n\n" + "".join(found))
            (self.folder / f"{n}.err").write_text("".join(refused))

    def upload(self, port: str | None = None, *options: str) -> tuple[int, str]:
        """Upload; return the exit code and the only line on standard error."""
        named = ["--port", port] if port else []
        code = dfu.main([*named, *options, str(self.folder / "firmware.bin")])
        self.out, error = self.capsys.readouterr()
        assert error.count("\n") == (code != 0), error
        assert error.startswith("upload: ") or not error
        return code, error

    @property
    def uploads(self) -> list[str]:
        """The sockets that were uploaded to."""
        calls = self.folder / "calls"
        called = calls.read_text().splitlines() if calls.exists() else []
        return [c.split()[1] for c in called if not c.startswith("-l")]
