"""The project's own PlatformIO platform: the system's tools, and the registry's where they lack.

The stock platforms cannot be built without PlatformIO's registry. This one needs it only for what
is missing on this machine, and says what that is and how else it could be had.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import socket
import sys
from pathlib import Path

import click
import platformio
from platformio.compat import is_proxy_set
from platformio.dependencies import get_core_dependencies
from platformio.exception import UserSideException
from platformio.http import HTTPClientError, InternetConnectionError
from platformio.platform.base import PlatformBase

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from hil.errors import TinyhilError
from hil.files import write_file
from hil.firmware.recipe import (
    BAUD_VARIABLE,
    MODEL_VARIABLE,
    WORKSPACE_DIR,
    build_dir,
    chosen_model,
)

#: Package → the program it brings and the system's package that also does.
TOOLS = {
    "toolchain-gccarmnoneeabi": (
        "arm-none-eabi-gcc",
        "apt-get install gcc-arm-none-eabi libnewlib-arm-none-eabi",
    ),
    "tool-openocd": ("openocd", "apt-get install openocd"),
    "tool-dfuutil": ("dfu-util", "apt-get install dfu-util"),
}

#: What an upload needs, by protocol. sam-ba is hil/upload; pyocd is from
#: pip; st-flash is not in the registry.
UPLOAD_PACKAGES = {
    "stlink": "tool-openocd",
    "cmsis-dap": "tool-openocd",
    "dfu": "tool-dfuutil",
}

#: Seconds to look for the registry: PlatformIO itself tries for a minute, then gives no reason.
REGISTRY_TIMEOUT_S = 3.0

#: PlatformIO starts SCons by this path, from a package that pip's SCons can stand in for.
SCONS_PY = "from SCons.Script.Main import main\nmain()\n"


class Error(UserSideException):
    """PlatformIO prints an exception's class before its text, so it is named for people."""


def registry_reachable():
    """Return whether any of the registry's servers takes a connection; a proxy is believed."""
    if is_proxy_set():
        return True
    for host in platformio.__registry_mirror_hosts__:
        try:
            socket.create_connection((f"api.{host}", 443), REGISTRY_TIMEOUT_S).close()
        except OSError:
            continue
        return True
    return False


class TinyhilPlatform(PlatformBase):
    """Chooses packages by what is on PATH; see the module's docstring."""

    def configure_default_packages(self, options, targets):
        """Require a registry package only where its program is missing here."""
        board = options.get("board")
        self._use_own_build_dir()
        self._use_installed_scons()
        for name in self._needed(board, options, targets):
            program, command = TOOLS[name]
            if shutil.which(program):
                continue
            self.packages[name]["optional"] = False
            if not self.get_package(name):
                told = f"{program} is not on PATH: asking the registry (the system's: {command})"
                click.secho(told, fg="yellow", err=True)

    def install_package(self, name, spec=None, force=False):
        """Install a package, or say in one line why not and where else its program comes from."""
        if name not in TOOLS or self.get_package(name):
            return super().install_package(name, spec, force)
        program, command = TOOLS[name]
        missing = f"{program} is not on PATH and PlatformIO's registry is out of reach: {command}"
        if not registry_reachable():
            raise Error(missing)
        try:
            return super().install_package(name, spec, force)
        except (HTTPClientError, InternetConnectionError):
            raise Error(missing) from None

    def _needed(self, board, options, targets):
        if board is None:
            return []
        packages = ["toolchain-gccarmnoneeabi"]
        if "upload" in targets:
            protocol = options.get("upload_protocol") or self.board_config(board).get(
                "upload.protocol"
            )
            packages += [UPLOAD_PACKAGES[protocol]] if protocol in UPLOAD_PACKAGES else []
        return packages

    def _use_own_build_dir(self):
        """Give another model or baud rate another directory, through SCons's environment."""
        if not os.environ.get(MODEL_VARIABLE) and not os.environ.get(BAUD_VARIABLE):
            return
        try:
            baud = os.environ.get(BAUD_VARIABLE)
            path = build_dir(chosen_model(), int(baud) if baud and baud.isdecimal() else None)
        except TinyhilError as error:
            raise Error(str(error)) from None
        os.environ["PLATFORMIO_BUILD_DIR"] = str(path)

    def _use_installed_scons(self):
        """Let pip's SCons stand in for the registry's package, in the version core asks for."""
        if importlib.util.find_spec("SCons") is None:
            return
        version = re.search(r"\d+(\.\d+)*", get_core_dependencies()["tool-scons"])
        package = WORKSPACE_DIR / "tool-scons"
        package.mkdir(parents=True, exist_ok=True)
        manifest = {"name": "tool-scons", "version": version.group(), "description": "pip's SCons"}
        # Replaced whole: another `pio` may be reading them at this moment.
        write_file(package / "scons.py", SCONS_PY)
        write_file(package / "package.json", json.dumps(manifest))
        self.packages["tool-scons"] = {
            "owner": "platformio",
            "version": f"symlink://{package}",
            "optional": False,
        }

    def is_embedded(self):
        """Return whether the environment has a board: `native` has none to upload to."""
        section = f"env:{self.project_env}"
        return bool(self.project_env and self.config.get(section, "board", None))
