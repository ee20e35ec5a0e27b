"""Machines that run small firmware, with both hooks."""

from __future__ import annotations

import shutil

import pytest
from small_firmware import COMPILER, Boot, Build, make

from hil.emulator import native
from hil.emulator.image import load_image
from hil.emulator.machine import Machine, Options, chip_memory


@pytest.fixture(scope="session")
def build(tmp_path_factory: pytest.TempPathFactory) -> Build:
    """Make an ELF of assembly or C."""
    if shutil.which(COMPILER) is None:
        pytest.skip(f"no {COMPILER}: apt-get install gcc-arm-none-eabi")
    folder = tmp_path_factory.mktemp("images")
    return lambda source, chip="nrf52840", suffix=".S": make(folder, source, chip, suffix)


@pytest.fixture(params=["compiled", "portable"])
def hook(request: pytest.FixtureRequest) -> str:
    """Every test of the core runs with both hooks: that is what keeps the twins alike."""
    if request.param == "compiled" and native.load() is None:
        pytest.skip("no C compiler (cc): apt-get install gcc libc6-dev")
    return str(request.param)


@pytest.fixture
def boot(build: Build, hook: str) -> Boot:
    """Return a machine with firmware made of `source`, not run yet."""

    def boot_(
        source: str, chip: str = "nrf52840", after_bootloader: bool = False, suffix: str = ".S"
    ) -> Machine:
        memories, table = chip_memory(chip)
        image = load_image(build(source, chip, suffix), memories, table)
        options = Options(hook == "compiled", after_bootloader=after_bootloader, seed=1)
        return Machine(chip, image, options)

    return boot_
