"""`pio test -e native`: counts the C tests, and fails for each way in which one can."""

from __future__ import annotations

import re

import pytest
from project_copy import Project

from hil.firmware.build import run_platformio

#: Built once; what goes wrong is chosen when it runs.
BROKEN = """
#include <stdlib.h>
#include <string.h>
#include "check.h"
static bool chosen(const char *what) { return strcmp(getenv("BREAK"), what) == 0; }
TEST(good) { CHECK(true); }
TEST(bad) {
    volatile int number = 2147483647;
    volatile char *volatile memory = malloc(4);
    CHECK(!chosen("condition"));
    CHECK_EQUAL(3, chosen("value") ? 4 : 3);
    free((void *)memory);
    if (chosen("address")) *memory = 1;
    if (chosen("overflow")) number = number + 1;
    if (chosen("signal")) abort();
}
"""

TOLD = {
    "condition": r"bad:FAIL:!chosen",
    "value": r"bad:FAIL:.* is 4, not 3",
    "address": "heap-use-after-free",
    "overflow": "signed integer overflow",
    "signal": "SIGABRT",
}


def test_the_c_tests_pass() -> None:
    result = run_platformio(["test", "-e", "native"])
    assert result.returncode == 0, result.stdout
    found = re.search(r"(\d+) tests, 0 failed", result.stdout)
    assert found
    assert int(found[1]) >= 2
    assert f"{found[1]} test cases: {found[1]} succeeded" in result.stdout


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project(tmp_path_factory.mktemp("native") / "project")
    for old in (project.root / "tests" / "c").glob("test_*.c"):
        old.unlink()
    (project.root / "tests" / "c" / "test_broken.c").write_text(BROKEN)
    return project


def test_all_is_well_when_nothing_is_broken(broken: Project) -> None:
    result = broken.pio("test", "-e", "native", BREAK="nothing")
    assert result.returncode == 0, result.stdout
    assert "2 test cases: 2 succeeded" in result.stdout


@pytest.mark.parametrize("what", TOLD)
def test_a_failure_is_shown_and_counted(broken: Project, what: str) -> None:
    result = broken.pio("test", "-e", "native", BREAK=what)
    assert result.returncode != 0
    assert re.search(TOLD[what], result.stdout), result.stdout
    assert "good:PASS" in result.stdout
    assert "1 succeeded" in result.stdout


def test_boards_are_refused(broken: Project) -> None:
    result = broken.pio("test", "-e", "nano33", BREAK="nothing")
    assert result.returncode != 0
    assert "pio test -e native" in result.stdout
    assert "Compiling" not in result.stdout
