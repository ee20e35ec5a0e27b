"""Which of the registry's packages are asked for, by what is on PATH: no network is used here."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from platformio.project.config import ProjectConfig
from project_copy import Project, may_unshare

from hil.board import PROJECT_DIR

PLATFORM_DIR = PROJECT_DIR / "firmware" / "platform"
BOARD_OPTIONS = {"board": "sensortile"}


def needed(platform) -> set[str]:
    return {n for n, o in platform.packages.items() if not o.get("optional")} - {"tool-scons"}


@pytest.fixture
def platform(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(PROJECT_DIR)
    spec = importlib.util.spec_from_file_location("tinyhil_platform", PLATFORM_DIR / "platform.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    ProjectConfig.get_instance(str(PROJECT_DIR / "platformio.ini"))
    made = module.TinyhilPlatform(str(PLATFORM_DIR / "platform.json"))
    monkeypatch.setattr(made, "get_package", lambda name, spec=None: None)
    made.module = module
    return made


@pytest.fixture
def programs(platform, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Say which programs are on PATH."""

    def on_path(*names: str) -> None:
        found = {name: f"/usr/bin/{name}" for name in names}
        monkeypatch.setattr(platform.module.shutil, "which", found.get)

    return on_path


def test_nothing_is_fetched_where_the_compiler_is(platform, programs) -> None:
    programs("arm-none-eabi-gcc")
    platform.configure_default_packages(dict(BOARD_OPTIONS), [])
    assert needed(platform) == set()


def test_the_compiler_is_asked_for_where_it_is_not(platform, programs, capsys) -> None:
    programs()
    platform.configure_default_packages(dict(BOARD_OPTIONS), [])
    assert needed(platform) == {"toolchain-gccarmnoneeabi"}
    told = capsys.readouterr().err
    assert "arm-none-eabi-gcc is not on PATH" in told
    assert "apt-get install gcc-arm-none-eabi" in told


@pytest.mark.parametrize(
    ("options", "package"),
    [({}, "tool-openocd"), ({"upload_protocol": "dfu"}, "tool-dfuutil"),
     ({"upload_protocol": "stflash"}, None)],
)  # fmt: skip
def test_upload_tools_are_asked_for_by_protocol(platform, programs, options, package) -> None:
    programs("arm-none-eabi-gcc")
    platform.configure_default_packages({**BOARD_OPTIONS, **options}, ["upload"])
    assert needed(platform) == ({package} if package else set())


def test_the_nano_needs_no_upload_tool(platform, programs) -> None:
    programs("arm-none-eabi-gcc")
    platform.configure_default_packages({"board": "nano33"}, ["upload"])
    assert needed(platform) == set()


def test_a_build_needs_no_upload_tool(platform, programs) -> None:
    programs("arm-none-eabi-gcc")
    platform.configure_default_packages(dict(BOARD_OPTIONS), ["size"])
    assert needed(platform) == set()


def test_native_needs_no_cross_compiler(platform, programs) -> None:
    programs()
    platform.configure_default_packages({}, ["__test"])
    assert needed(platform) == set()


def test_pips_scons_stands_in_for_the_registrys(platform, programs) -> None:
    programs("arm-none-eabi-gcc")
    platform.configure_default_packages(dict(BOARD_OPTIONS), [])
    version = platform.packages["tool-scons"]["version"]
    assert version.startswith("symlink://")
    assert (Path(version.removeprefix("symlink://")) / "scons.py").is_file()


def test_without_pips_scons_the_registrys_is_left_to_platformio(
    platform, programs, monkeypatch
) -> None:
    programs("arm-none-eabi-gcc")
    monkeypatch.setattr(platform.module.importlib.util, "find_spec", lambda name: None)
    platform.configure_default_packages(dict(BOARD_OPTIONS), [])
    assert "tool-scons" not in platform.packages


@pytest.mark.parametrize(("environment", "embedded"), [("nano33", True), ("native", False)])
def test_only_boards_are_embedded(platform, environment: str, embedded: bool) -> None:
    platform.project_env = environment
    assert platform.is_embedded() is embedded


def test_a_missing_compiler_without_network_is_told_in_one_line(project: Project) -> None:
    if not may_unshare():
        pytest.skip("this machine does not permit network namespaces")
    unshare = (shutil.which("unshare"), "-rn")
    result = project.pio("run", "-e", "nano33", prefix=unshare, PATH="/nowhere")
    assert result.returncode != 0
    (line,) = [line for line in result.stdout.splitlines() if "out of reach" in line]
    assert "arm-none-eabi-gcc is not on PATH" in line
    assert "apt-get install gcc-arm-none-eabi" in line
    assert line.startswith("Error: ")
    assert "Traceback" not in result.stdout
