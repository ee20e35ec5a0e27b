"""What the firmware is made of: sources, compiler flags, and the two files written per board.

PlatformIO's builder (firmware/platform) and the host port's (`hil.backend.host`) build from this
one description. It needs nothing but the standard library: PlatformIO may run it from an
environment of its own.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Final

from hil import __version__
from hil.board import PROJECT_DIR, Board
from hil.errors import InputError

FIRMWARE_DIR: Final = PROJECT_DIR / "firmware"
SOURCE_DIR: Final = FIRMWARE_DIR / "src"
LIBRARY_DIR: Final = FIRMWARE_DIR / "lib"
REFERENCE_MODEL_DIR: Final = LIBRARY_DIR / "model"
WORKSPACE_DIR: Final = PROJECT_DIR / ".pio"

#: Libraries, without the model.
LIBRARIES: Final = ("nn", "sensor", "wire")
#: The same, for an image of a board: a process on this machine has no USB controller to drive.
BOARD_LIBRARIES: Final = (*LIBRARIES, "usb")

#: Environment variables that change what `pio run` builds.
MODEL_VARIABLE: Final = "TINYHIL_MODEL"
BAUD_VARIABLE: Final = "TINYHIL_BAUD"

#: For every target. -ffp-contract=off: the preprocessing must round as numpy does, so a multiply
#: and an addition are never fused.
C_FLAGS: Final = (
    "-std=c11",
    "-O2",
    "-g",
    "-ffp-contract=off",
    "-fno-common",
    "-ffunction-sections",
    "-fdata-sections",
    "-Wall",
    "-Wextra",
    "-Wconversion",
    "-Wdouble-promotion",
    "-Wshadow",
    "-Werror",
    f"-ffile-prefix-map={PROJECT_DIR}/=",
    f"-fdebug-prefix-map={PROJECT_DIR}=.",
)
CPU_FLAGS: Final = ("-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16")
SANITIZER_FLAGS: Final = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")

#: Bytes. The deepest path is a request of a few nested calls and one interrupt; MEMORY tells the
#: peak, and a test holds it against half of this.
STACK_SIZE: Final = 4096
#: Bytes of RAM that survive a reset, and the bytes above them, left to a bootloader's stack: the
#: Nano's is taken to have it at the very top. Where that is wrong, the record's check voids it.
RETAINED_SIZE: Final = 256
BOOTLOADER_STACK_SIZE: Final = 1024

#: What the firmware's identity is made from: all that decides the image, but the model, whose own
#: hash tells it. The emitter is part of it, for it writes the model's C.
IDENTITY_GLOBS: Final = (
    "platformio.ini",
    "firmware/src/**/*.[ch]",
    "firmware/lib/nn/*.[ch]",
    "firmware/lib/sensor/*.[ch]",
    "firmware/lib/usb/*.[ch]",
    "firmware/lib/wire/*.[ch]",
    "firmware/platform/**/*.json",
    "firmware/platform/**/*.ld",
    "firmware/platform/**/*.py",
    "hil/firmware/recipe.py",
    "pipeline/emit_c/**/*.py",
    "pipeline/ops/**/*.py",
    "pipeline/*.py",
    "pipeline/ops/*.py",
)


def source_hash() -> bytes:
    """Return the 8 bytes that HELLO.firmware_hash must be for firmware built from this tree."""
    digest = hashlib.sha256()
    for path in sorted({p for glob in IDENTITY_GLOBS for p in PROJECT_DIR.glob(glob)}):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(PROJECT_DIR).as_posix()} {len(content)}\n".encode())
        digest.update(content)
    return digest.digest()[:8]


def build_info(board: Board, baud: int) -> str:
    """Return build_info.h: who this image is. `baud` in bits per second."""
    vendor, product = board.usb_ids[0]
    firmware_hash = ", ".join(f"0x{byte:02X}" for byte in source_hash())
    return (
        "/* Written by hil/firmware/recipe.py from the board's manifest. */\n"
        "#ifndef BUILD_INFO_H\n#define BUILD_INFO_H\n\n"
        f'#define BUILD_BOARD "{board.name}"\n'
        f'#define BUILD_VERSION "{__version__}"\n'
        f"#define BUILD_BAUD {baud}\n"
        f"#define BUILD_USB_VENDOR 0x{vendor:04X}\n"
        f"#define BUILD_USB_PRODUCT 0x{product:04X}\n"
        f'#define BUILD_USB_NAME "{board.title}"\n'
        f"#define BUILD_FIRMWARE_HASH {{{firmware_hash}}}\n\n#endif\n"
    )


def memory_script(board: Board) -> str:
    """Return memory.ld: the board's memory, for ldscripts/firmware.ld."""
    facts = board.facts
    ram_size = facts.ram_size - RETAINED_SIZE - BOOTLOADER_STACK_SIZE
    retained = facts.ram_origin + ram_size
    return (
        "/* Written by hil/firmware/recipe.py from the board's manifest. */\n"
        f"stack_size = {STACK_SIZE};\n"
        "MEMORY\n{\n"
        f"    FLASH (rx) : ORIGIN = {facts.flash_origin:#x}, LENGTH = {facts.flash_size:#x}\n"
        f"    RAM (rw) : ORIGIN = {facts.ram_origin:#x}, LENGTH = {ram_size:#x}\n"
        f"    RETAINED (rw) : ORIGIN = {retained:#x}, LENGTH = {RETAINED_SIZE:#x}\n"
        "}\n"
    )


def chip_dirs(board: Board) -> tuple[str, ...]:
    """Return the folders of firmware/src/port that a board's image is built from."""
    return ("cortex_m", board.facts.chip)


def chosen_baud(board: Board) -> int:
    """Return the baud rate asked for by the environment, else the board's own."""
    text = os.environ.get(BAUD_VARIABLE)
    if not text:
        return board.facts.baud
    if not text.isdecimal() or not 1200 <= int(text) <= 1_000_000:
        raise InputError(f"{BAUD_VARIABLE}={text!r}: must be a baud rate from 1200 to 1000000")
    return int(text)


def chosen_model() -> Path | None:
    """Return the model folder asked for by the environment; None: the committed model."""
    text = os.environ.get(MODEL_VARIABLE)
    return Path(text).resolve() if text else None


def build_dir(model: Path | None, baud: int | None) -> Path:
    """Return where a variant is built: by content, so that no two share a directory.

    `baud` None: the board's own. Raises InputError when `model` has no int8.tflite.
    """
    if model is None and baud is None:
        return WORKSPACE_DIR / "build"
    name = "reference" if model is None else _model_key(model)
    return WORKSPACE_DIR / "variants" / (name if baud is None else f"{name}-{baud}")


def _model_key(model: Path) -> str:
    digest = hashlib.sha256()
    for file in ("int8.tflite", "manifest.json"):
        try:
            digest.update(hashlib.sha256((model / file).read_bytes()).digest())
        except OSError as error:
            raise InputError(f"{model / file}: {error.strerror}") from None
    return digest.hexdigest()[:12]


def write_if_changed(path: Path, text: str) -> None:
    """Write a generated file; an unchanged one keeps its time stamp, so nothing is built again."""
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
