"""The `tinyhil` command: every error is one line and has its exit code."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
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


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_cancelled_job_and_a_closed_terminal_end_it_as_ctrl_c_does(
    command: ModuleType, capsys: pytest.CaptureFixture[str], number: signal.Signals
) -> None:
    cleaned = []

    def told_to_end(args: argparse.Namespace) -> int:
        try:
            signal.raise_signal(number)
        finally:
            cleaned.append(number)
        return 0

    command.execute = told_to_end  # type: ignore[attr-defined]
    assert cli.main(["probe"]) == 128 + number
    assert (cleaned, capsys.readouterr().err) == ([number], "tinyhil: interrupted\n")
    assert signal.getsignal(number) is signal.SIG_DFL


def test_a_signal_that_nohup_ignores_stays_so(command: ModuleType) -> None:
    def told_to_end(args: argparse.Namespace) -> int:
        signal.raise_signal(signal.SIGHUP)
        return 0

    command.execute = told_to_end  # type: ignore[attr-defined]
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert cli.main(["probe"]) == 0
    finally:
        signal.signal(signal.SIGHUP, before)


def test_without_a_command_every_command_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([]) == 2
    out, error = capsys.readouterr()
    assert out == ""
    lines = error.splitlines()
    for name, (_module, does) in cli.COMMANDS.items():
        assert sum(line.split(maxsplit=1) == [name, does] for line in lines) == 1
    assert max(map(len, lines)) <= 80


def test_help_leads_with_what_to_do_first(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_info:
        cli.main(["--help"])
    assert exit_info.value.code == 0
    told = [x.split()[1] for x in capsys.readouterr().out.splitlines() if x.startswith("  tinyhil")]
    assert told == ["doctor", "run", "import", "run", "flash", "run"]
    assert set(told) <= set(cli.COMMANDS)


@pytest.mark.parametrize("arguments", [["nonsense"], ["--bogus"]])
def test_wrong_use_exits_with_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as exit_info:
        cli.main(arguments)
    assert exit_info.value.code == 2


def test_what_the_system_refuses_is_one_line(
    command: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    def write(args: argparse.Namespace) -> int:
        open("/nonexistent/file", "w").close()
        return 0

    command.execute = write  # type: ignore[attr-defined]
    assert cli.main(["probe"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("tinyhil: /nonexistent/file: ")


def test_a_package_that_is_missing_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cli, "COMMANDS", {"probe": ("no_such_package.part", "a probe")})
    assert cli.main(["probe"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("tinyhil: no_such_package is not installed; `tinyhil doctor`")


def test_a_terminal_without_the_characters_shows_question_marks() -> None:
    code = (
        "import sys, types; from hil import cli; m = types.ModuleType('m')\n"
        "m.add_arguments = lambda p: None; m.execute = lambda a: print('\u2713 \u22123.1') or 0\n"
        "sys.modules['m'] = m; cli.COMMANDS = {'probe': ('m', '')}; sys.exit(cli.main(['probe']))"
    )
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, env=environment, capture_output=True, check=False)
    assert (result.returncode, result.stdout, result.stderr) == (0, b"? ?3.1\n", b"")
