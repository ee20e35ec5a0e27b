"""The `tinyhil` command: every error is one line and has its exit code."""

from __future__ import annotations

import argparse
import sys
from types import ModuleType

import pytest

from hil import cli
from hil.errors import DeviceError, InputError, TinyhilError


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A command `probe`, whose `execute` a test replaces."""
    module = ModuleType("probe_command")
    module.add_arguments = lambda parser: parser.add_argument("--x")  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "probe_command", module)
    monkeypatch.setattr(cli, "COMMANDS", {"probe": ("probe_command", "a probe")})
    return module


@pytest.mark.parametrize(("error", "code"), [(InputError, 2), (DeviceError, 3)])
def test_an_error_is_one_line_with_its_exit_code(
    command: ModuleType, capsys: pytest.CaptureFixture[str], error: type[TinyhilError], code: int
) -> None:
    def fail(args: argparse.Namespace) -> int:
        raise error("the thing: the reason; the mend")

    command.execute = fail  # type: ignore[attr-defined]
    assert cli.main(["probe"]) == code
    assert capsys.readouterr().err == "tinyhil: the thing: the reason; the mend\n"


def test_options_reach_the_command(command: ModuleType) -> None:
    seen: list[argparse.Namespace] = []
    command.execute = lambda args: seen.append(args) or 1  # type: ignore[attr-defined]
    assert cli.main(["probe", "--x", "7", "--json"]) == 1
    assert (seen[0].x, seen[0].json) == ("7", True)


def test_an_interrupt_ends_without_a_traceback(
    command: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(args: argparse.Namespace) -> int:
        raise KeyboardInterrupt

    command.execute = interrupt  # type: ignore[attr-defined]
    assert cli.main(["probe"]) == 130
    assert capsys.readouterr().err == "tinyhil: interrupted\n"


@pytest.mark.parametrize("arguments", [[], ["nonsense"], ["--bogus"]])
def test_wrong_use_exits_with_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as exit_info:
        cli.main(arguments)
    assert exit_info.value.code == 2
