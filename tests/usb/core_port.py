"""The firmware's USB core behind controller.c, as a port that `UsbHost` can drive."""

from __future__ import annotations

import ctypes
import subprocess
from ctypes import POINTER, c_char_p, c_int, c_size_t, c_uint8, c_uint16, c_uint64
from pathlib import Path

from hil.emulator.usb_host import Data, Nak, Silence, Stall, Task, UsbHost

ROOT = Path(__file__).resolve().parents[2]
CORE = ROOT / "firmware" / "lib" / "usb"
SOURCES = [*sorted(CORE.glob("*.c")), Path(__file__).parent / "controller.c"]
FLAGS = [
    "-std=c11", "-O1", "-g", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror",
    "-fno-sanitize-recover=all", f"-I{CORE}", f"-I{Path(__file__).parent}",
]  # fmt: skip

ANSWERS = {-1: Nak, -2: Stall, -3: Silence}
QUEUE = 65536


def compile_c(compiler: str, out: Path, sources: list[Path], *options: str) -> Path:
    command = [compiler, *FLAGS, *options, *map(str, sources), "-o", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return out


def bind(library: ctypes.CDLL) -> ctypes.CDLL:
    """Declare the functions of controller.h."""
    library.controller_start.argtypes = [c_uint16, c_uint16, c_uint64, c_size_t]
    library.controller_setup.argtypes = [c_uint8, c_char_p]
    library.controller_in.argtypes = [c_uint8, c_uint8, POINTER(c_uint8 * 64), POINTER(c_int)]
    library.controller_out.argtypes = [c_uint8, c_uint8, c_char_p, c_size_t, c_int]
    library.user_send.argtypes = [c_char_p, c_size_t]
    library.user_received.argtypes = [POINTER(c_uint8 * QUEUE)]
    library.user_received.restype = c_size_t
    library.user_make_room.argtypes = [c_size_t]
    return library


class CorePort:
    """See `hil.emulator.usb_host.Port`. The core answers at once: nothing is ever waited for."""

    attached = True

    def __init__(self, library: ctypes.CDLL, room: int = QUEUE) -> None:
        self.core = library
        library.controller_start(0x2341, 0x805A, 0x0123456789ABCDEF, room)

    def bus_reset(self) -> None:
        self.core.controller_reset()

    def setup(self, address: int, packet: bytes) -> bool:
        self.core.controller_setup(address, packet)
        return True

    def token_in(self, address: int, endpoint: int) -> Data | type[Nak | Stall | Silence]:
        data, toggle = (c_uint8 * 64)(), c_int()
        size = self.core.controller_in(address, endpoint, data, toggle)
        return ANSWERS[size] if size < 0 else Data(toggle.value, bytes(data[:size]))

    def token_out(
        self, address: int, endpoint: int, toggle: int, data: bytes
    ) -> type[Nak | Stall | Silence] | None:
        return ANSWERS.get(self.core.controller_out(address, endpoint, data, len(data), toggle))

    def suspend(self, on: bool) -> None:
        self.core.controller_suspend(on)

    def send(self, data: bytes) -> None:
        """Give the firmware's user something to send."""
        self.core.user_send(data, len(data))

    @property
    def received(self) -> bytes:
        """What the firmware's user has been given."""
        data = (c_uint8 * QUEUE)()
        return bytes(data[: self.core.user_received(data)])


def finish(task: Task) -> bytes:
    """Run a task that waits for recovery times alone; return its result."""
    try:
        for _ in range(10):
            next(task)
    except StopIteration as end:
        return end.value or b""
    raise AssertionError("the device does not answer")


def pump(host: UsbHost) -> None:
    """Exchange all that can be exchanged."""
    while host.step():
        pass
