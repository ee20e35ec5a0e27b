"""The doctor on machines that lack one thing or another; none of them is this one."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from hil.board import board_names, load_board
from hil.cli import main
from hil.doctor import checks as doctor
from hil.doctor.checks import Result
from hil.doctor.machine import Machine, Port
from hil.doctor.udev import udev_rules

REQUIREMENTS = [
    "numpy>=1.26",
    "tflite-micro>=0.dev20260601; python_version >= '3.11' and python_version < '3.13'",
    "unicorn<2.2,>=2.1.4; extra == 'emulator'",
    "platformio>=6.1.18; extra == 'firmware'",
    "tensorflow>=2.18; extra == 'train'",
]
VERSIONS = {
    "numpy": "2.4.0",
    "tflite-micro": "0.dev20261023182759",
    "unicorn": "2.1.4",
    "platformio": "6.2.0",
    "tensorflow": "2.21.0",
}
TOOLS = frozenset({"arm-none-eabi-gcc", "cc", "openocd", "renode"})
NANO = Port("/dev/ttyACM0", (0x2341, 0x805A), "dialout", usable=True)


@dataclass(frozen=True)
class Fake(Machine):
    """A machine made up of what a test says; complete unless it says otherwise."""

    python: tuple[int, ...] = (3, 11, 2)  # type: ignore[assignment]
    executable: str = "/venv/bin/python"
    root: bool = False
    tools: frozenset[str] = TOOLS
    versions: dict[str, str] = field(default_factory=lambda: dict(VERSIONS))
    asked: tuple[str, ...] = tuple(REQUIREMENTS)
    serial: tuple[Port, ...] = (NANO,)
    newlib: str = "/usr/lib/arm-none-eabi/libc.a"
    free: int = 10**12
    renode: str = "Renode v1.16.1.31410"
    variables: dict[str, str] = field(default_factory=dict)

    def tool(self, name: str) -> str | None:
        return f"/usr/bin/{name}" if name in self.tools else None

    def variable(self, name: str) -> str | None:
        return self.variables.get(name)

    def output(self, *command: str) -> str:
        if "--version" in command:
            return self.renode
        return self.newlib if "-print-file-name=libc.a" in command else "12.2.1"

    def version(self, package: str) -> str | None:
        return self.versions.get(package)

    def requirements(self) -> list[str]:
        return list(self.asked)

    def python_range(self) -> str:
        return "<3.14,>=3.10"

    def ports(self) -> list[Port]:
        return list(self.serial)

    def free_bytes(self) -> int:
        return self.free


def without(*names: str) -> Fake:
    return Fake(versions={k: v for k, v in VERSIONS.items() if k not in names})


def test_a_complete_machine_lacks_nothing() -> None:
    for job, results in doctor.examine(Fake()):
        assert all(r.status == "ok" and r.mend is None for r in results), job.name


SYSTEM_GCC = "sudo apt-get install gcc-arm-none-eabi libnewlib-arm-none-eabi"
PIP = "/venv/bin/python -m pip install "


@pytest.mark.parametrize(
    ("machine", "job", "check", "status", "found", "mend"),
    [
        (Fake(python=(3, 9, 1)), "emulator", "Python", "missing", "3.9.1, must be <3.14,>=3.10",
         "sudo apt-get install python3 python3-venv"),
        (Fake(python=(3, 14, 0)), "emulator", "Python", "missing", "3.14.0", "python3-venv"),
        (without("numpy"), "emulator", "packages: harness", "missing", "numpy",
         PIP + "-e ."),
        (without("unicorn"), "emulator", "packages: emulator", "missing", "unicorn",
         PIP + "-e '.[emulator]'"),
        (Fake(versions={**VERSIONS, "unicorn": "2.2.0"}), "emulator", "packages: emulator",
         "missing", "unicorn", "-e '.[emulator]'"),
        (Fake(asked=()), "emulator", "packages: harness", "missing", "not installed",
         PIP + "-e ."),
        (replace(without("tflite-micro"), python=(3, 13, 0)), "emulator",
         "TFLM's reference interpreter", "optional", "Python 3.11 and 3.12", None),
        (without("tflite-micro"), "emulator", "TFLM's reference interpreter", "optional",
         "stands in", PIP + "'tflite-micro>=0.dev20260601'"),
        (Fake(tools=TOOLS - {"cc"}), "emulator", "cc", "optional", "slower",
         "sudo apt-get install gcc libc6-dev"),
        (Fake(tools=TOOLS - {"arm-none-eabi-gcc"}), "firmware", "arm-none-eabi-gcc", "missing",
         "not on PATH", SYSTEM_GCC),
        (Fake(newlib="libc.a"), "firmware", "arm-none-eabi-gcc", "missing", "no newlib",
         SYSTEM_GCC),
        (Fake(newlib=""), "firmware", "arm-none-eabi-gcc", "missing", "no newlib", SYSTEM_GCC),
        (Fake(tools=TOOLS - {"renode"}), "renode", "Renode", "missing", "not on PATH",
         "install its portable package, 1.15 or later, then: export RENODE=/where/it/is/renode"),
        (Fake(variables={"RENODE": "/opt/\x1bx"}), "renode", "Renode", "missing",
         "RENODE=/opt/�x is no program", "export RENODE="),
        (Fake(renode="Renode v1.14.0.1"), "renode", "Renode", "missing",
         "1.14.0 at /usr/bin/renode, too old", "1.15 or later"),
        (Fake(renode="hello"), "renode", "Renode", "missing",
         "/usr/bin/renode does not say that it is Renode", "1.15 or later"),
        (Fake(), "renode", "Renode", "ok", "1.16.1 at /usr/bin/renode", None),
        (without("platformio"), "firmware", "packages: firmware", "missing", "platformio",
         PIP + "-e '.[firmware]'"),
        (without("tensorflow"), "train", "packages: train", "missing", "tensorflow",
         PIP + "-e '.[train]'"),
        (replace(without("tensorflow"), free=10**9), "train", "disk space", "missing",
         "1.0 GB free", "free some space"),
        (Fake(free=10**9), "train", "disk space", "ok", "1.0 GB free", None),
        (Fake(serial=()), "flash-nano33", "serial port", "missing", "none", "tinyhil boards"),
        (Fake(serial=(replace(NANO, usable=False),)), "flash-nano33", "serial port", "missing",
         "no permission for /dev/ttyACM0",
         'sudo usermod -aG dialout "$USER", then log in again; '
         'or, on Linux: tinyhil doctor --udev'),
        (Fake(serial=(replace(NANO, usb_id=None),)), "flash-nano33", "serial port", "ok",
         "none is nano33", None),
        (Fake(tools=TOOLS - {"openocd"}), "flash-sensortile", "uploader", "missing",
         "none of openocd, st-flash, dfu-util", "sudo apt-get install openocd"),
        (Fake(tools=TOOLS - {"openocd"} | {"dfu-util"}), "flash-sensortile", "uploader", "ok",
         "/usr/bin/dfu-util", None),
    ],
)  # fmt: skip
def test_each_lack_is_named_with_what_mends_it(  # noqa: PLR0917 - a row of the table
    machine: Fake, job: str, check: str, status: str, found: str, mend: str | None
) -> None:
    ((entry, results),) = [(j, r) for j, r in doctor.examine(machine) if j.name == job]
    (result,) = [r for r in results if r.name == check]
    assert result.status == status
    assert found in result.found
    assert (result.mend is None) if mend is None else (mend in (result.mend or ""))
    assert entry.ready(results) == (status != "missing")


def test_root_needs_no_sudo() -> None:
    assert doctor.apt(Fake(root=True), "x") == "apt-get install x"


def test_a_port_of_another_board_does_not_hide_this_boards() -> None:
    other = Port("/dev/ttyUSB7", (1, 2), "dialout", usable=False)
    result = doctor.board_port("nano33", Fake(serial=(other, NANO)))
    assert (result.status, result.found) == ("ok", "/dev/ttyACM0")


def test_an_id_of_everybodys_is_no_certain_board() -> None:
    port = replace(NANO, usb_id=load_board("sensortile").usb_ids[0])
    result = doctor.board_port("sensortile", Fake(serial=(port,)))
    assert (result.status, result.found.partition(",")[0]) == ("ok", "/dev/ttyACM0")
    assert "USB id of its vendor's for everybody" in result.found


def test_the_emulator_needs_no_training_packages_no_renode_and_no_board() -> None:
    machine = replace(without("tensorflow"), serial=(), tools=TOOLS - {"openocd", "renode"})
    states = {job.name: job.ready(results) for job, results in doctor.examine(machine)}
    assert states == {
        "emulator": True, "firmware": True, "renode": False, "train": False,
        "flash-nano33": False, "flash-sensortile": False,
    }  # fmt: skip


Faked = Callable[[Fake], None]


@pytest.fixture
def on(monkeypatch: pytest.MonkeyPatch) -> Faked:
    return lambda machine: monkeypatch.setattr("hil.doctor.machine.Machine", lambda: machine)


@pytest.mark.parametrize(
    ("machine", "code", "words"),
    [
        (Fake(), 0, "This machine can run models on the emulated boards."),
        (without("tensorflow"), 0, PIP + "-e '.[train]'"),
        (without("unicorn"), 1, "This machine cannot run models on the emulated boards yet."),
        (Fake(tools=frozenset({"cc"})), 1, "To build firmware:\n  " + SYSTEM_GCC),
        (Fake(tools=TOOLS - {"cc"}), 0, "Better with:\n  sudo apt-get install gcc libc6-dev"),
    ],
)
def test_the_exit_code_says_whether_the_main_job_can_run(
    on: Faked, machine: Fake, code: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    on(machine)
    assert main(["doctor"]) == code
    assert words in capsys.readouterr().out


def test_json_carries_every_check(on: Faked, capsys: pytest.CaptureFixture[str]) -> None:
    on(without("unicorn"))
    assert main(["doctor", "--json"]) == 1
    data = json.loads(capsys.readouterr().out)
    assert data["ready"] is False
    assert [job["name"] for job in data["jobs"]] == [job.name for job in doctor.jobs()]
    lacking = [c for job in data["jobs"] for c in job["checks"] if c["status"] != "ok"]
    assert [c["name"] for c in lacking] == ["packages: emulator"]


def test_names_from_ports_cannot_write_to_the_terminal(
    on: Faked, capsys: pytest.CaptureFixture[str]
) -> None:
    on(Fake(serial=(replace(NANO, device="/dev/\x1b[2Jtty"),)))
    main(["doctor"])
    assert "\x1b" not in capsys.readouterr().out


def test_a_machine_without_even_the_doctors_packages_gets_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "packaging.requirements", None)
    monkeypatch.delitem(sys.modules, "hil.doctor.checks")
    assert main(["doctor"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "pip install -e" in error


def test_this_machine_can_be_looked_at() -> None:
    for _, results in doctor.examine(Machine()):
        assert all(isinstance(r, Result) and r.found for r in results)


def test_udev_rules_name_every_board_and_probe(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--udev"]) == 0
    rules = [line for line in capsys.readouterr().out.splitlines() if line and line[0] != "#"]
    term = r'[A-Z]+(\{\w+\})?(==|=|\+=)"[^"]*"'  # udev(7): key, operator, value in quotes
    assert all(re.fullmatch(rf"{term}(, {term})*", rule) for rule in rules)
    for board in map(load_board, board_names()):
        for vendor, product in board.usb_ids:
            ids = (f'idVendor}}=="{vendor:04x}"', f'idProduct}}=="{product:04x}"')
            # Once for the port, once for the device.
            assert sum(all(i in rule for i in ids) for rule in rules) == 2


#: openocd's interface/stlink.cfg, less ST-LINK/V1 (3744) and a loader (374d), and Arm's DAPLink;
#: contrib/60-openocd.rules there grants tty and hidraw too.
ST_LINKS = ("3748", "374b", "374e", "374f", "3752", "3753", "3754", "3755", "3757")
PROBES = {*(f"0483:{product}" for product in ST_LINKS), "0d28:0204"}


def test_udev_rules_grant_every_probe_to_who_sits_there() -> None:
    rules = [r for r in udev_rules().splitlines() if r and r[0] != "#"]
    assert all('TAG+="uaccess"' in rule for rule in rules)
    granted: dict[str, set[str]] = {}
    for rule in rules:
        ids = re.search(r'idVendor\}=="(\w{4})".*idProduct\}=="(\w{4})"', rule)
        subsystem = re.match(r'SUBSYSTEM=="(\w+)"', rule)
        assert subsystem is not None
        granted.setdefault(":".join(ids.groups()) if ids else "by name", set()).add(subsystem[1])
    boards = {f"{v:04x}:{p:04x}" for b in board_names() for v, p in load_board(b).usb_ids}
    assert set(granted) == PROBES | boards | {"by name"}
    assert all({"usb", "tty"} <= granted[probe] for probe in PROBES)
    assert granted["0d28:0204"] == {"usb", "tty", "hidraw"}, "CMSIS-DAP v1 is a HID device"
    assert granted["by name"] == {"usb", "hidraw"}
    by_name = [r for r in rules if "idVendor" not in r]
    for name in ("product", "interface"):  # both are taken for a probe's: upload/debug_probes.py
        assert any(f'"hidraw", ATTRS{{{name}}}=="*CMSIS-DAP*"' in r for r in by_name)
    assert any('"usb", ATTR{product}=="*CMSIS-DAP*"' in r for r in by_name)


def test_the_udev_rules_program_knows_a_probe_by_its_interfaces_name(tmp_path: Path) -> None:
    (program,) = re.findall(r'PROGRAM=="([^"]*)"', udev_rules())
    for device, name in ("1-1", "CMSIS-DAP v2"), ("1-2", "CDC"):
        interface = tmp_path / "usb1" / device / f"{device}:1.0"
        interface.mkdir(parents=True)
        (interface / "interface").write_text(name + "\n")
    known = []
    for device in ("usb1", "usb1/1-1", "usb1/1-2"):
        command = shlex.split(program.replace("/sys%p", f"{tmp_path}/{device}"))
        known += [device] * (subprocess.run(command, check=False).returncode == 0)
    assert known == ["usb1/1-1"], "neither another device, nor the hub above the probe"
