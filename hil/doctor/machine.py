"""What is to be known of the machine this runs on, behind one small class that tests replace."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from serial.tools import list_ports

from hil.board import PROJECT_DIR


@dataclass(frozen=True)
class Port:
    """A serial port: its device, USB ids where it has them, its group, whether we may use it."""

    device: str
    usb_id: tuple[int, int] | None
    group: str
    usable: bool


class Machine:
    """This machine. Every method looks and changes nothing."""

    root = hasattr(os, "geteuid") and os.geteuid() == 0
    python = sys.version_info[:3]
    executable = sys.executable
    system = f"{platform.system()} {platform.machine()}"

    def tool(self, name: str) -> str | None:
        """Return the path of a program on PATH, or None."""
        return shutil.which(name)

    def variable(self, name: str) -> str | None:
        """Return an environment variable, None where it is unset or empty."""
        return os.environ.get(name) or None

    def output(self, *command: str) -> str:
        """Return the first line that a program prints, "" where it fails."""
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
        except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
            return ""
        return done.stdout.strip().partition("\n")[0]

    def version(self, package: str) -> str | None:
        """Return the version of an installed Python package, or None."""
        try:
            return metadata.version(package)
        except metadata.PackageNotFoundError:
            return None

    def requirements(self) -> list[str]:
        """Return what the project's own metadata asks for, as requirement strings."""
        try:
            return metadata.requires("tinyhil") or []
        except metadata.PackageNotFoundError:
            return []

    def python_range(self) -> str:
        """Return the Python versions that the project's own metadata allows."""
        try:
            return metadata.metadata("tinyhil")["Requires-Python"]
        except metadata.PackageNotFoundError:
            return ""

    def ports(self) -> list[Port]:
        """Return the serial ports that there are, USB or not a mere placeholder."""
        return [_port(p.device, p.vid, p.pid) for p in list_ports.comports() if p.hwid != "n/a"]

    def free_bytes(self) -> int:
        """Return the free space where .venv is, or would be."""
        return shutil.disk_usage(PROJECT_DIR).free


def _port(device: str, vid: int | None, pid: int | None) -> Port:
    usb_id = None if vid is None or pid is None else (vid, pid)
    return Port(device, usb_id, _group(device), os.access(device, os.R_OK | os.W_OK))


def _group(device: str) -> str:
    try:
        return Path(device).group()
    except (OSError, KeyError, NotImplementedError):
        return "dialout"
