"""The firmware's USB core, built for this machine with sanitizers."""

from __future__ import annotations

import ctypes
import shutil

import pytest
from core_port import SOURCES, CorePort, bind, compile_c, finish

from hil.emulator.usb_host import UsbHost


@pytest.fixture(scope="session")
def compiler() -> str:
    for name in ("gcc", "clang"):
        if path := shutil.which(name):
            return path
    pytest.skip("no C compiler here: install gcc or clang")


@pytest.fixture(scope="session")
def library(compiler: str, tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    out = tmp_path_factory.mktemp("usb") / "usb.so"
    compile_c(compiler, out, SOURCES, "-fsanitize=undefined", "-shared", "-fPIC")
    return bind(ctypes.CDLL(str(out)))


@pytest.fixture
def port(library: ctypes.CDLL) -> CorePort:
    return CorePort(library)


@pytest.fixture
def host(port: CorePort) -> UsbHost:
    """A host that has enumerated the device and opened its port."""
    made = UsbHost(port)
    finish(made.plug_in())
    return made
