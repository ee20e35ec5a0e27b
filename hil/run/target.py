"""From a board's name to a device that answers and carries the right model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Final

from hil.backend.base import EMULATED_DEVICE_ID, Backend, choose, load
from hil.board import PROJECT_DIR, Board
from hil.device import Device
from hil.errors import DeviceError, IdentityError, LinkError, NoAnswerError, clean
from hil.firmware.build import build, source_hash, upload
from hil.identity import Identity
from hil.model_folder import ModelFolder
from hil.ports import find, lookalikes, running, told_of

#: The model whose C is committed: its firmware is built from that C, as `pio run` does.
REFERENCE_MODEL: Final = PROJECT_DIR / "test_vectors" / "models" / "cnn"

Say = Callable[[str], None]


@dataclass(frozen=True)
class Target:
    """A device that has said who it is. elf: the image it was booted from, None on hardware."""

    board: Board
    backend: Backend
    device: Device
    identity: Identity
    elf: Path | None

    @property
    def emulated(self) -> bool:
        """Whether time means nothing: an emulator, be it behind a serial port, or a process."""
        return self.backend.emulated or self.identity.device_id == EMULATED_DEVICE_ID

    @property
    def description(self) -> str:
        """What the record says about the back end."""
        behind = self.emulated and not self.backend.emulated
        return self.backend.description + (" (an emulator)" if behind else "")


@dataclass(frozen=True)
class Wanted:
    """How the device is to be reached: `--backend`, `--port` and `--via`."""

    backend: str
    port: str | None = None
    via: str = "auto"


def check_reachable(board: Board, wanted: Wanted) -> None:
    """Raise, in one line, what will surely keep `connect` from a device; nothing is touched."""
    name = choose(wanted.backend, wanted.port, board)
    load(name, wanted.via).check(board, wanted.port)


@contextmanager
def connect(
    board: Board,
    wanted: Wanted,
    folder: ModelFolder,
    say: Say,
    prepare: Callable[[Backend], None] = lambda _backend: None,
) -> Iterator[Target]:
    """Build, boot or find the device, check who it is, and close it at the end.

    prepare: what is done with the back end before it is opened. Raises DeviceError, ToolError or
    InputError in one line.
    """
    name = choose(wanted.backend, wanted.port, board)
    backend = load(name, wanted.via)
    chosen = "chosen by --backend auto" if wanted.backend == "auto" else "as asked"
    prepare(backend)  # first: what this back end cannot do is no matter of what is installed
    backend.check(board, wanted.port)
    passed_over = "" if name == "hardware" else told_of(lookalikes(board))
    say(f"back end: {backend.description} ({chosen}){passed_over}")
    try:
        if name == "hardware":
            yield _hardware(board, backend, wanted.port, folder, say)
        else:
            yield _booted(board, backend, folder, say)
    finally:
        backend.close()


def _booted(board: Board, backend: Backend, folder: ModelFolder, say: Say) -> Target:
    say(f"building {board.name} with model {clean(folder.manifest.name, 40)}, and booting it")
    elf = _image(board, backend, folder)
    device = Device(backend.open(board, elf, None))
    try:
        identity = _identify(device, board, folder)
    except DeviceError as error:
        crash = backend.crash_report()
        if crash is None:
            raise
        raise DeviceError(f"{error}; {clean(crash, 400)}") from None
    return Target(board, backend, device, identity, elf)


def _image(board: Board, backend: Backend, folder: ModelFolder) -> Path:
    model = None if folder.path.resolve() == REFERENCE_MODEL else folder.path
    if backend.name == "host":
        image: Path = import_module("hil.backend.host").build_host(board, model)
        return image
    return build(board, model)


def _identify(device: Device, board: Board, folder: ModelFolder) -> Identity:
    return device.identify(
        expect_board=board.name,
        expect_model_hash=bytes.fromhex(folder.model_hash),
        expect_firmware_hash=source_hash(),
        model=str(folder.path),
    )


def _own_port(board: Board, port: str, identity: Identity) -> str | None:
    """Return the USB port by which this very board can be uploaded to; None: it cannot be known.

    A board on an adapter has one where its chip's number is there as a USB serial number. Which
    board hangs on a debug probe nobody says: another's firmware might be written over.
    """
    if board.uploader != "sam-ba":
        return None
    mine = (
        p.device
        for p in running(board)
        if p.device == port or p.serial_number.upper() == f"{identity.device_id:016X}"
    )
    return next(mine, None)


def _hardware(
    board: Board, backend: Backend, port: str | None, folder: ModelFolder, say: Say
) -> Target:
    device = Device(backend.open(board, None, port))
    try:
        # Another board is never flashed over, nor somebody's own sketch.
        found = device.identify(expect_board=board.name)
    except NoAnswerError as error:
        where = clean(find(board, port))
        named = "" if where in str(error) else f" on {where}"  # one that takes no bytes is named
        raise LinkError(
            f"{error}{named}: is it the board's? One that does not carry this "
            f"firmware yet: `tinyhil flash --board {board.name} --model {folder.path}`"
        ) from None
    try:
        identity = _identify(device, board, folder)
    except IdentityError as error:
        own = _own_port(board, find(board, port), found)
        if found.is_sketch or own is None:
            raise
        say(f"{error}; doing so now")
        device.close()
        model = None if folder.path.resolve() == REFERENCE_MODEL else folder.path
        upload(board, model, own)
        device = Device(backend.open(board, None, port))
        identity = _identify(device, board, folder)
    else:
        say("the board carries this model already")
    return Target(board, backend, device, identity, None)
