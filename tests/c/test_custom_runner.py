"""Reads the C tests' output (check.c) for `pio test`: counts tests and names failures."""

from __future__ import annotations

import re

import click
from platformio.test.exception import UnitTestSuiteError
from platformio.test.result import TestCase, TestCaseSource, TestStatus
from platformio.test.runners.base import TestRunnerBase

LINE = re.compile(
    r"(?P<file>[^:]+):(?P<line>\d+):(?P<name>\w+):(?P<verdict>PASS|FAIL)(:(?P<why>.*))?"
)


class CustomTestRunner(TestRunnerBase):
    """PlatformIO finds the class by this name."""

    def setup(self):
        """Refuse boards: what runs there is tested by `pytest hil/ --board`."""
        if self.platform.is_embedded():
            raise UnitTestSuiteError("the C tests run on this machine: pio test -e native")

    def on_testing_line_output(self, line):
        """Turn a verdict into a test case; print anything else as it is."""
        match = LINE.fullmatch(line.strip())
        if not match:
            click.echo(line, nl=False)
            return
        passed = match["verdict"] == "PASS"
        case = TestCase(
            name=match["name"],
            status=TestStatus.PASSED if passed else TestStatus.FAILED,
            message=match["why"],
            source=TestCaseSource(match["file"], int(match["line"])),
        )
        self.test_suite.add_case(case)
        click.secho(line.strip(), fg="green" if passed else "red")
