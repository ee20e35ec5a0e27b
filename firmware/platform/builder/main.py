"""Builds one environment: a board's image with the cross compiler, or `native` with the host's."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path

from SCons.Script import COMMAND_LINE_TARGETS, AlwaysBuild, Default, DefaultEnvironment

env = DefaultEnvironment()
sys.path.insert(0, env.subst("$PROJECT_DIR"))

from hil.board import load_board  # noqa: E402
from hil.errors import TinyhilError  # noqa: E402
from hil.firmware.recipe import (  # noqa: E402
    BOARD_LIBRARIES,
    C_FLAGS,
    CPU_FLAGS,
    LIBRARIES,
    LIBRARY_DIR,
    REFERENCE_MODEL_DIR,
    SANITIZER_FLAGS,
    SOURCE_DIR,
    build_info,
    chip_dirs,
    chosen_baud,
    chosen_model,
    memory_script,
    write_if_changed,
)

BUILD_DIR = Path(env.subst("$BUILD_DIR"))
GENERATED_DIR = BUILD_DIR / "generated"


def refuse(error):
    """End the build with one line."""
    sys.stderr.write(f"Error: {error}\n")
    env.Exit(2)


def model_dir():
    """Return the folder of the model's C: the committed one, or emitted from TINYHIL_MODEL."""
    model = chosen_model()
    if model is None:
        return REFERENCE_MODEL_DIR
    out = BUILD_DIR / "model"
    out.mkdir(parents=True, exist_ok=True)
    try:
        import_module("pipeline.emit_c").emit(model, "model", out, kernels=False)
    except ImportError as error:
        refuse(f"{error}; TINYHIL_MODEL needs tinyhil's own Python environment: pip install -e .")
    return out


def add_libraries(model, names):
    """Compile the libraries of firmware/lib and the model for the program."""
    folders = {name: LIBRARY_DIR / name for name in names} | {"model": model}
    env.Append(CPPPATH=[str(GENERATED_DIR), *map(str, folders.values()), str(SOURCE_DIR)])
    for name, folder in folders.items():
        env.Prepend(LIBS=[env.BuildLibrary(str(BUILD_DIR / "lib" / name), str(folder), ["+<*.c>"])])


def set_up_board(board):
    """Prepare the environment for a board's image."""
    write_if_changed(GENERATED_DIR / "build_info.h", build_info(board, chosen_baud(board)))
    write_if_changed(GENERATED_DIR / "memory.ld", memory_script(board))
    for tool, program in (("CC", "gcc"), ("AS", "as"), ("AR", "gcc-ar"), ("RANLIB", "gcc-ranlib")):
        env[tool] = f"arm-none-eabi-{program}"
    env.Replace(
        LINK="$CC",
        OBJCOPY="arm-none-eabi-objcopy",
        SIZETOOL="arm-none-eabi-size",
        PROGNAME="firmware",
        PROGSUFFIX=".elf",
        SRC_FILTER=["+<*.c>", *(f"+<port/{name}/>" for name in chip_dirs(board))],
    )
    env.Append(
        CCFLAGS=[*CPU_FLAGS, *C_FLAGS],
        CPPPATH=[str(SOURCE_DIR / "port" / name) for name in chip_dirs(board)],
        LIBPATH=[str(GENERATED_DIR)],
        LINKFLAGS=[
            *CPU_FLAGS,
            "-nostartfiles",
            "-Wl,--gc-sections",
            "-Wl,--fatal-warnings",
            "-Wl,-Map=" + str(BUILD_DIR / "firmware.map"),
        ],
    )


def set_up_native():
    """Prepare the environment for a program that runs here, with sanitizers."""
    board = load_board("nano33")
    write_if_changed(GENERATED_DIR / "build_info.h", build_info(board, board.facts.baud))
    env.Replace(CC="cc", LINK="cc", PROGNAME="program", SRC_FILTER=["+<*.c>", "+<port/host/>"])
    env.Append(CCFLAGS=[*C_FLAGS, *SANITIZER_FLAGS], LINKFLAGS=list(SANITIZER_FLAGS))


def openocd_scripts():
    """Return the option that says where the registry's openocd has its scripts."""
    package = env.PioPlatform().get_package_dir("tool-openocd")
    return ["--scripts", f"{package}/openocd/scripts"] if package else []


def upload_command():
    """Return the module of hil/upload that puts the image onto the board, and its arguments."""
    upload = env.BoardConfig().get("upload")
    protocol = env.subst("$UPLOAD_PROTOCOL")
    binary = str(BUILD_DIR / "firmware.bin")
    if protocol not in upload["protocols"]:
        refuse(f"upload_protocol = {protocol}: choose one of {', '.join(upload['protocols'])}")
    port = ["--port", env["UPLOAD_PORT"]] if env.get("UPLOAD_PORT") else []
    how = {
        "sam-ba": ["hil.upload", *port, binary],
        "dfu": ["hil.upload.dfu", *port, binary],
    }
    which = ["--board", env.subst("$BOARD"), "--protocol", protocol, *openocd_scripts()]
    by_probe = ["hil.upload.by_probe", *which, *port, str(BUILD_DIR)]
    return [env["PYTHONEXE"], "-m", *how.get(protocol, by_probe)]


def run_uploader(command, env):
    """Run an uploader. Not as SCons runs commands, through a shell: names stay names."""
    # Python's output, progress bars included, comes as it is made, not when a buffer is full.
    env["ENV"]["PYTHONUNBUFFERED"] = "1"
    return subprocess.run(command, env=env["ENV"], check=False).returncode


def add_board_targets(program):
    """Add the .bin, and the targets `size` and `upload`."""
    image = env.Command(
        "$BUILD_DIR/firmware.bin",
        program,
        env.VerboseAction("$OBJCOPY -O binary $SOURCE $TARGET", "Building $TARGET"),
    )
    size = env.Alias("size", program, env.VerboseAction("$SIZETOOL -A -d $SOURCE", "Sizes"))
    command = upload_command()
    if "upload" in COMMAND_LINE_TARGETS:  # nobody waits for a build to hear that no board is there
        code = run_uploader([*command, "--check"], env)
        if code:
            env.Exit(code)
    env.AddPlatformTarget(
        "upload",
        image,
        env.VerboseAction(lambda target, source, env: run_uploader(command, env), "Uploading"),
        "Upload",
    )
    AlwaysBuild(size)
    Default([program, image])


def build():
    """Build what PlatformIO was asked for."""
    board = load_board(env.subst("$BOARD")) if "BOARD" in env else None
    if board:
        set_up_board(board)
    else:
        set_up_native()
    add_libraries(model_dir(), BOARD_LIBRARIES if board else LIBRARIES)
    program = env.BuildProgram()
    if board:
        add_board_targets(program)
    else:
        Default(program)


try:
    build()
except TinyhilError as error:
    refuse(error)
