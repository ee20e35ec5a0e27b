"""`python -m hil.upload.by_probe --board B --protocol P [--port SERIAL] FOLDER`: by a debug probe.

FOLDER has firmware.elf and firmware.bin; the programs that drive probes do the rest. Where several
probes are plugged in, one is named to the program, or nothing is done: the first that it finds may
hold another board. Then the firmware's hello is awaited where there is a port for it (hello.py).
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from hil import ports
from hil.board import BOARDS_DIR, Board, board_names, load_board
from hil.errors import InputError, ToolError, clean
from hil.firmware.recipe import chosen_baud
from hil.strict_json import read_json
from hil.upload.debug_probes import CMSIS_DAP, ST_LINK, choose, probes
from hil.upload.hello import Listener, Written
from hil.upload.image import read_image
from hil.upload.outcome import CHECK_HELP, failed, outcome, run_tool

#: What a serial number may have to be put on a command line, and into openocd's script. Some old
#: ST-LINK/V2 have other bytes in theirs; their firmware's update mends that.
PLAIN: Final = re.compile(r"[\w.:-]{1,80}", re.ASCII)

#: After a failure: a probe needs nothing of what is in flash.
AGAIN: Final = "look at the probe's wires and the board's power, then upload again"


@dataclass(frozen=True)
class Upload:
    """What is to be uploaded. manifest: the board's. serial: the probe's, None for the only one."""

    manifest: dict[str, Any]
    folder: Path
    scripts: str | None
    serial: str | None

    @property
    def address(self) -> str:
        """Where the image begins in flash."""
        return str(self.manifest["upload"]["offset_address"])

    def openocd(self, interface: str, older: str) -> list[str]:
        """Return openocd's command. older: how 0.11 and before it names a probe."""
        scripts = ["-s", self.scripts] if self.scripts else []
        name = f"if {{[catch {{adapter serial {self.serial}}}]}} {{{older} {self.serial}}}"
        probe = ["-c", name] if self.serial else []
        target = f"target/{self.manifest['debug']['openocd_target']}"
        program = f"program {{{self.folder / 'firmware.elf'}}} verify reset exit"
        interface = f"interface/{interface}.cfg"
        return ["openocd", *scripts, "-f", interface, *probe, "-f", target, "-c", program]

    def pyocd(self) -> list[str]:
        """Return pyocd's command."""
        probe = ["--probe", self.serial] if self.serial else []
        target = self.manifest["debug"]["pyocd_target"]
        return ["pyocd", "flash", "--target", target, *probe, str(self.folder / "firmware.elf")]

    def st_flash(self) -> list[str]:
        """Return st-flash's command."""
        probe = ["--serial", self.serial] if self.serial else []
        image = str(self.folder / "firmware.bin")
        return ["st-flash", *probe, "--reset", "write", image, self.address]


@dataclass(frozen=True)
class Protocol:
    """A way to upload: the kinds of probe it drives, and the command it runs.

    verifies: whether that reads back what it wrote; openocd is told to, st-flash always does.
    """

    kinds: tuple[str, ...]
    command: Callable[[Upload], list[str]]
    verifies: bool = True


PROTOCOLS: Final = {
    "stlink": Protocol((ST_LINK,), lambda u: u.openocd("stlink", "hla_serial")),
    "cmsis-dap": Protocol((CMSIS_DAP,), lambda u: u.openocd("cmsis-dap", "cmsis_dap_serial")),
    "pyocd": Protocol((ST_LINK, CMSIS_DAP), Upload.pyocd, verifies=False),
    "stflash": Protocol((ST_LINK,), Upload.st_flash),
}


def command(
    board: str, protocol: str, folder: Path, asked: str | None, scripts: str | None = None
) -> list[str]:
    """Return the command that uploads, its program as a path. asked: as `choose` takes it."""
    way = PROTOCOLS[protocol]
    serial = choose(probes(way.kinds), asked, " or ".join(way.kinds))
    if serial is not None and not PLAIN.fullmatch(serial):
        raise InputError(
            f"a probe's serial number cannot be named to a program: {clean(serial)!r}; unplug the "
            "others, or update the probe's firmware"
        )
    manifest = read_json(BOARDS_DIR / f"{board}.json")
    program, *arguments = way.command(Upload(manifest, folder, scripts, serial))
    path = shutil.which(program)
    if path is None:
        raise ToolError(f"{program} is not on PATH; upload_protocol in platformio.ini chooses")
    return [path, *arguments]


def main(argv: list[str] | None = None) -> int:
    """Choose the probe, run its program, return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m hil.upload.by_probe", description=__doc__)
    parser.add_argument("--board", required=True, choices=board_names())
    parser.add_argument("--protocol", required=True, choices=PROTOCOLS)
    parser.add_argument("--port", "--upload-port", help="the probe's serial number, or its port")
    parser.add_argument("--scripts", help="where openocd's scripts are")
    parser.add_argument("--check", action="store_true", help=CHECK_HELP)
    parser.add_argument("folder", type=Path, help="of firmware.elf and firmware.bin")
    a = parser.parse_args(argv)

    def act() -> int:
        program = command(a.board, a.protocol, a.folder, a.port, a.scripts)
        return 0 if a.check else upload(load_board(a.board), a.protocol, program, a.folder, a.port)

    return outcome(act)


def upload(board: Board, protocol: str, program: list[str], folder: Path, asked: str | None) -> int:
    """Run the program, tell whether the firmware then says hello; return the exit code.

    asked: --port, which is also listened to where it is a port's name: the probe may bring it, and
    the board's UART be wired to it.
    """
    image = read_image(folder / "firmware.bin", board)
    named = ports.resolve([], asked or "")
    known = any(p.device == named for p in ports.serial_ports())
    listener = Listener(board, chosen_baud(board), named if known else None)
    code = run_tool(program, AGAIN)
    if code:
        return failed(program[0], code, AGAIN)
    done = "written and verified" if PROTOCOLS[protocol].verifies else "written"
    how = f"{done} by {Path(program[0]).name}"
    print(f"{how}; looking for the firmware's hello", flush=True)
    print(listener.hear(Written(board, image, how, chosen_baud(board))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
