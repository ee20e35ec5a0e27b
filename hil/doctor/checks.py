"""What each job needs of a machine, as one table of checks; `tinyhil doctor` prints it.

A check looks and says what it found and, where something is missing, the exact command that mends
it. Nothing is installed. What the project's packages are is not restated here: it is read from the
project's own metadata, extra by extra.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final, Literal

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from hil.backend.renode_process import OLDEST, PROGRAM, VARIABLE, WANTED, dotted, read_version
from hil.board import board_names, load_board
from hil.doctor.machine import Machine, Port
from hil.errors import clean

Status = Literal["ok", "missing", "optional"]

#: Installed size of the training packages (2.4 GB) with room for pip to unpack them.
TRAIN_BYTES: Final = 4 * 10**9

#: Has a check of its own: there are no wheels for some Pythons, and runs go on without it.
TFLM: Final = "tflite-micro"

#: How GCC is asked for the boards' C library: it answers with a full path where it has one.
NEWLIB_FLAGS: Final = ("-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16")


@dataclass(frozen=True)
class Result:
    """A check's outcome. optional: the job runs without it, as `found` says how."""

    name: str
    status: Status
    found: str
    mend: str | None = None


Check = Callable[[Machine], Result]


@dataclass(frozen=True)
class Job:
    """Something one may want to do here. main: `tinyhil doctor` fails where it cannot be done."""

    name: str
    title: str
    main: bool
    checks: tuple[Check, ...]

    @staticmethod
    def ready(results: list[Result]) -> bool:
        """Return whether the job can run, given what its checks found."""
        return all(r.status != "missing" for r in results)


def python(machine: Machine) -> Result:
    """Python in the range that the project supports."""
    version = ".".join(map(str, machine.python))
    wanted = SpecifierSet(machine.python_range())
    if wanted.contains(version):
        return Result("Python", "ok", f"{version} on {machine.system}")
    mend = apt(machine, "python3", "python3-venv")
    return Result("Python", "missing", f"{version}, must be {wanted}", mend)


def packages(extra: str, machine: Machine) -> Result:
    """The Python packages of one extra, "" for the harness itself."""
    name = f"packages: {extra or 'harness'}"
    wanted = _requirements(extra, machine)
    if not wanted:
        return Result(name, "missing", "tinyhil itself is not installed", pip(machine, "-e", "."))
    lacking = [r for r in wanted if r.name != TFLM and not _satisfied(r, machine)]
    if not lacking:
        listed = ", ".join(f"{r.name} {machine.version(r.name)}" for r in wanted if r.name != TFLM)
        return Result(name, "ok", listed)
    mend = pip(machine, "-e", f".[{extra}]" if extra else ".")  # as every message says it
    return Result(name, "missing", ", ".join(r.name for r in lacking), mend)


def _requirements(extra: str, machine: Machine) -> list[Requirement]:
    """Return the requirements that apply here because of `extra` (without it they would not)."""
    every = [Requirement(text) for text in machine.requirements()]
    version = ".".join(map(str, machine.python[:2]))
    applies = {"python_version": version}
    return [
        r
        for r in every
        if (r.marker is None or r.marker.evaluate({**applies, "extra": extra}))
        and (not extra or not (r.marker is None or r.marker.evaluate({**applies, "extra": ""})))
    ]


def _satisfied(requirement: Requirement, machine: Machine) -> bool:
    version = machine.version(requirement.name)
    return version is not None and requirement.specifier.contains(version, prereleases=True)


def tflm(machine: Machine) -> Result:
    """TensorFlow Lite Micro's own interpreter: wheels exist for some Pythons only."""
    name = "TFLM's reference interpreter"
    version = machine.version(TFLM)
    if version is not None:
        return Result(name, "ok", f"{TFLM} {version}")
    found = "missing: the project's own interpreter (tested equal) stands in, and says so"
    wheels = [r for r in _requirements("", machine) if r.name == TFLM]
    if wheels:
        return Result(name, "optional", found, pip(machine, f"{TFLM}{wheels[0].specifier}"))
    return Result(name, "optional", f"{found}; wheels exist for Python 3.11 and 3.12")


def cross_compiler(machine: Machine) -> Result:
    """GCC for the boards, with newlib."""
    mend = apt(machine, "gcc-arm-none-eabi", "libnewlib-arm-none-eabi")
    path = machine.tool("arm-none-eabi-gcc")
    if path is None:
        return Result("arm-none-eabi-gcc", "missing", "not on PATH", mend)
    library = machine.output(path, *NEWLIB_FLAGS, "-print-file-name=libc.a")
    if "/" not in library:
        return Result("arm-none-eabi-gcc", "missing", f"{path}, but no newlib for it", mend)
    version = machine.output(path, "-dumpfullversion")
    return Result("arm-none-eabi-gcc", "ok", f"{version} at {path}")


def host_compiler(machine: Machine) -> Result:
    """A C compiler for this machine: the emulator's counting hook, the host port, C tests."""
    path = machine.tool("cc")
    if path is not None:
        return Result("cc", "ok", path)
    found = "not on PATH: the emulator counts the same without it, but slower; no host back end"
    return Result("cc", "optional", found, apt(machine, "gcc", "libc6-dev"))


def renode(machine: Machine) -> Result:
    """Renode, on PATH or where its variable says."""
    mend = f"install {WANTED}, then: export {VARIABLE}=/where/it/is/{PROGRAM}"
    asked = machine.variable(VARIABLE)
    path = machine.tool(asked or PROGRAM)
    if path is None:
        where = f"{VARIABLE}={clean(asked)} is no program" if asked else "not on PATH"
        return Result("Renode", "missing", where, mend)
    numbers = read_version(machine.output(path, "--version"))
    if numbers is None:
        return Result("Renode", "missing", f"{path} does not say that it is Renode", mend)
    found = f"{dotted(numbers)} at {path}"
    if numbers < OLDEST:
        return Result("Renode", "missing", f"{found}, too old", mend)
    return Result("Renode", "ok", found)


def any_tool(tools: tuple[tuple[str, str], ...], machine: Machine) -> Result:
    """One of several programs, as (program, system package); the first is the one to install."""
    there = [path for program, _ in tools if (path := machine.tool(program))]
    if there:
        return Result("uploader", "ok", ", ".join(there))
    names = ", ".join(program for program, _ in tools)
    return Result("uploader", "missing", f"none of {names} on PATH", apt(machine, tools[0][1]))


def board_port(board: str, machine: Machine) -> Result:
    """A serial port that this user may open; by its USB ids the board's own, or else any."""
    name = "serial port"
    ports = machine.ports()
    own = [p for p in ports if p.usb_id in load_board(board).usb_ids]
    shut = [p for p in own or ports if not p.usable]
    if shut:
        return Result(name, "missing", f"no permission for {_names(shut)}", _join(machine, shut[0]))
    if own:
        shared = load_board(board).facts.usb_id_shared
        doubt = ", by a USB id of its vendor's for everybody: tinyhil boards" if shared else ""
        return Result(name, "ok", f"{_names(own)}{doubt}")
    if ports:
        return Result(name, "ok", f"{_names(ports)} (none is {board} by its USB ids)")
    return Result(name, "missing", "none", "connect the board, then: tinyhil boards")


def _names(ports: list[Port]) -> str:
    return ", ".join(p.device for p in ports)


def _join(machine: Machine, port: Port) -> str:
    command = ("usermod", "-aG", port.group, '"$USER"')
    group = " ".join((*_sudo(machine), *command)) + ", then log in again"
    return f"{group}; or, on Linux: tinyhil doctor --udev"


def disk(machine: Machine) -> Result:
    """Space for the training packages, while they are not there yet."""
    free = machine.free_bytes()
    found = f"{free / 1e9:.1f} GB free"
    if machine.version("tensorflow") is not None or free >= TRAIN_BYTES:
        return Result("disk space", "ok", found)
    needed = f"{found}, tensorflow's installation takes {TRAIN_BYTES / 1e9:.0f} GB"
    return Result("disk space", "missing", needed, "free some space, then run tinyhil doctor again")


def pip(machine: Machine, *arguments: str) -> str:
    """Return the command that installs Python packages for the Python that runs this."""
    return shlex.join([machine.executable, "-m", "pip", "install", *arguments])


def apt(machine: Machine, *names: str) -> str:
    """Return the command that installs system packages on Debian and its kin."""
    return " ".join((*_sudo(machine), "apt-get", "install", *names))


def _sudo(machine: Machine) -> tuple[str, ...]:
    return () if machine.root else ("sudo",)


#: What each board's uploader needs beside its port: (program, system package).
UPLOADERS: Final = {
    "nano33": (),
    "sensortile": (("openocd", "openocd"), ("st-flash", "stlink-tools"), ("dfu-util", "dfu-util")),
}


def _flash_job(board: str) -> Job:
    tools = UPLOADERS.get(board, ())
    uploader = (partial(any_tool, tools),) if tools else ()
    checks = (cross_compiler, partial(packages, "firmware"), *uploader, partial(board_port, board))
    return Job(f"flash-{board}", f"flash {board}", False, checks)


def jobs() -> tuple[Job, ...]:
    """Return the table: what can be done with this project and what each needs."""
    return (
        Job(
            "emulator",
            "run on the emulator",
            True,
            (python, partial(packages, ""), partial(packages, "emulator"), tflm, host_compiler),
        ),
        Job("firmware", "build firmware", True, (cross_compiler, partial(packages, "firmware"))),
        Job("renode", "run on Renode", False, (renode,)),
        Job("train", "train", False, (partial(packages, "train"), disk)),
        *(_flash_job(board) for board in board_names()),
    )


def examine(machine: Machine) -> list[tuple[Job, list[Result]]]:
    """Return every job with what its checks found."""
    return [(job, [check(machine) for check in job.checks]) for job in jobs()]
