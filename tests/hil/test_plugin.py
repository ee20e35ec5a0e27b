"""The pytest plugin: inert without --board; with it, tests, JUnit and HTML say the same."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from fake_device import FakeBackend

import hil
from hil import plugin
from hil.record import load_run, save_run

Fake = Callable[..., object]

#: 20 windows keep it short; every back end but the one in memory is tested elsewhere.
ARGUMENTS = ["--pyargs", "hil.suite", "--board", "nano33", "--backend", "fake", "--limit", "20",
             "-p", "no:cacheprovider"]  # fmt: skip


OPTIONS = ["--board", "--backend", "--port", "--model", "--vectors", "--record", "--report",
           "--max-drop", "--limit", "--baseline", "--max-drift"]  # fmt: skip


def properties(path: Path) -> list[tuple[str, str]]:
    found = ET.parse(path).getroot().iter("property")  # noqa: S314 - written by pytest just now
    return [(str(p.get("name")), str(p.get("value"))) for p in found]


def test_an_unrelated_project_is_not_touched(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_one(): pass")
    with_plugin = pytester.runpytest_subprocess("-q")
    without = pytester.runpytest_subprocess("-q", "-p", "no:tinyhil")
    with_plugin.assert_outcomes(passed=1)
    # The same but for the seconds.
    assert with_plugin.outlines[0] == without.outlines[0]
    assert "tinyhil" not in with_plugin.stdout.str().replace("tinyhil-0", "")


def test_nothing_heavy_is_imported(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import sys
        def test_imports():
            heavy = {"numpy", "scipy", "serial", "tqdm", "tflite_micro", "ai_edge_litert", "jinja2"}
            assert not heavy & set(sys.modules)
        """
    )
    pytester.runpytest_subprocess("-p", "no:html", "-p", "no:hypothesispytest").assert_outcomes(
        passed=1
    )


@pytest.mark.parametrize("place", ["conftest", "taker"])
def test_other_projects_may_have_options_of_these_names(
    pytester: pytest.Pytester, place: str
) -> None:
    options = "".join(f"    parser.addoption('{name}', default='theirs')\n" for name in OPTIONS)
    pytester.makepyfile(**{
        place: f"def pytest_addoption(parser):\n{options}",
        "test_it": "def test_port(request): assert request.config.getoption('--port') == '/dev/x'",
    })  # fmt: skip
    arguments = ["-p", "taker"] if place == "taker" else []
    pytester.runpytest_subprocess(*arguments, "--port", "/dev/x").assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("arguments", "ours"),
    [
        (["hil"], True),
        (["hil/"], True),
        (["-q", "hil/suite/test_device.py::test_link"], True),
        (["--pyargs", "hil.suite.test_device"], True),
        ([str(Path(hil.__file__).parent)], True),
        ([], False),
        (["tests", "--board", "nano33"], False),
        (["hilarious/"], False),
        (["hil.suites"], False),
    ],
)
def test_which_runs_are_about_the_suite(arguments: list[str], ours: bool) -> None:
    assert plugin._is_ours(arguments, plugin.PROJECT_DIR) is ours


def test_inside_the_package_no_argument_is_needed() -> None:
    assert plugin._is_ours([], plugin.PACKAGE / "suite")


def test_options_are_in_a_group_of_their_own(pytester: pytest.Pytester) -> None:
    text = pytester.runpytest("--help", "--pyargs", "hil.suite").stdout.str()
    group = text[text.index("hardware in the loop (tinyhil)") :]
    for name in OPTIONS:
        assert name in group
    assert "hardware in the loop" not in pytester.runpytest("--help").stdout.str()


def test_a_project_can_take_options_and_fixtures_for_its_own_tests(
    fake: Fake, pytester: pytest.Pytester
) -> None:
    fake()
    pytester.makeconftest("from hil.plugin import add_options as pytest_addoption")
    pytester.makepyfile("def test_mine(hil_device): assert hil_device.identity.layer_count > 3")
    result = pytester.runpytest("--board", "nano33", "--backend", "fake", "--limit", "1")
    result.assert_outcomes(passed=1)


def outcomes(result: pytest.RunResult) -> set[str]:
    """Return the kinds of outcome, warnings left out.

    pytest warns that hil was imported before its assertions could be rewritten: true of a run
    inside a run, and of no other.
    """
    return set(result.parseoutcomes()) - {"warnings"}


def test_without_a_board_everything_is_skipped_with_the_reason(pytester: pytest.Pytester) -> None:
    result = pytester.runpytest("--pyargs", "hil.suite", "-rs", "-p", "no:cacheprovider")
    assert outcomes(result) == {"skipped"}
    result.stdout.fnmatch_lines(["*pytest hil/ --board nano33*"])


def test_no_such_board_is_a_usage_error(pytester: pytest.Pytester) -> None:
    result = pytester.runpytest("--pyargs", "hil.suite", "--board", "arduino")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*invalid choice: 'arduino'*nano33*sensortile*"])


def test_a_port_that_would_be_passed_over_is_a_usage_error(pytester: pytest.Pytester) -> None:
    result = pytester.runpytest(
        "--pyargs", "hil.suite", "--board", "nano33", "--backend", "host", "--port", "/dev/ttyUSB0"
    )
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: tinyhil: --port /dev/ttyUSB0: the host back end*"])


def test_a_device_in_order_passes(fake: Fake, pytester: pytest.Pytester) -> None:
    fake()
    record, report = pytester.path / "out" / "run.json", pytester.path / "out" / "run.html"
    result = pytester.runpytest(
        *ARGUMENTS, "--junitxml", "j.xml", "--html", "h.html", "--record", str(record),
        "--report", str(report),
    )  # fmt: skip
    assert outcomes(result) == {"passed"}
    assert FakeBackend.last.kinds[-1] == "CLOSED" or FakeBackend.last.requests
    result.stdout.fnmatch_lines(["tinyhil: board nano33, back end fake, model *"])
    result.stdout.fnmatch_lines(["*Nothing was found wrong along float*"])
    known = properties(pytester.path / "j.xml")
    assert ("board", "nano33") in known
    assert any(n == "finding ok" and v.startswith("Nothing was found wrong") for n, v in known)
    assert "Nothing was found wrong along float" in (pytester.path / "h.html").read_text()
    assert len(load_run(record).windows.label) == 20
    assert report.read_text().startswith("<!")


def test_findings_fail_tests_and_are_in_junit_and_html_alike(
    fake: Fake, pytester: pytest.Pytester
) -> None:
    fake(wrong_layer=2, raw_offset=3)
    result = pytester.runpytest(*ARGUMENTS, "--junitxml", "j.xml", "--html", "h.html")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        [
            "*test_outputs_bit_for_bit*",
            "device: 20 of 20 outputs differ from int8's, by at most 1 steps",
            "*window 0 (PEN, FEL, ROW): expected*got*",
            "*test_every_layer_by_crc*",
            "Layer * computes wrong values on the device, even alone on right inputs",
            "*test_preprocessing_on_the_device*",
            "device-raw: 20 of 20 inputs differ from int8's, by at most 3 steps",
        ]
    )
    result.stdout.no_fnmatch_line("*Traceback*")
    problems = [v for n, v in properties(pytester.path / "j.xml") if n == "finding problem"]
    assert len(problems) >= 2
    page = (pytester.path / "h.html").read_text()
    for headline in problems:
        assert headline.replace("'", "&#x27;") in page


def test_a_port_that_vanishes_fails_and_keeps_the_record(
    fake: Fake, pytester: pytest.Pytester
) -> None:
    fake(gone_at=12)
    record = pytester.path / "run.json"
    # Only what needs the whole run, so that the port goes during it.
    result = pytester.runpytest(*ARGUMENTS, "--record", str(record), "-k", "complete or bit_for")
    result.assert_outcomes(failed=2, deselected=18)
    result.stdout.fnmatch_lines(["*The run ended early: /dev/fake: the port vanished*"])
    result.stdout.fnmatch_lines(["*only * of 20 windows were measured*"])
    assert load_run(record).incomplete == "/dev/fake: the port vanished"


@pytest.mark.parametrize(
    ("faults", "arguments", "words"),
    [
        ({"gone_at": 1}, [], "tinyhil: /dev/fake: the port vanished"),
        ({"others": {"model_hash": bytes(32)}}, [], "tinyhil flash --board nano33"),
        ({}, ["--model", "nowhere"], "nowhere: no such model folder"),
        ({}, ["--limit", "0"], "--limit 0: must be at least 1"),
        ({}, ["--record", "/"], "/: is a folder"),
    ],
)
def test_errors_are_one_line(
    fake: Fake, pytester: pytest.Pytester, faults: dict[str, object], arguments: list[str],
    words: str,
) -> None:  # fmt: skip
    fake(**faults)
    result = pytester.runpytest(*ARGUMENTS, *arguments, "-rN")
    assert "passed" not in result.parseoutcomes() or arguments == ["--record", "/"]
    result.stdout.fnmatch_lines([f"*{words}*"])
    outcomes = result.parseoutcomes()
    assert outcomes.get("errors", 0) == 1  # once; the others are skipped with this reason
    assert outcomes["skipped"] + outcomes.get("passed", 0) == 19
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert "Traceback" not in result.stdout.str()
    assert "During handling" not in result.stdout.str()
    assert "hil/" not in "".join(line for line in result.outlines if line.startswith("E "))


def test_a_model_without_preprocessing_skips_that_test(
    fake: Fake, pytester: pytest.Pytester
) -> None:
    fake(raw_size=0)
    result = pytester.runpytest(*ARGUMENTS, "-rs")
    assert result.parseoutcomes()["skipped"] == 1
    result.stdout.fnmatch_lines(["SKIPPED*came without preprocessing*"])


def test_a_limit_that_makes_no_sense(fake: Fake, pytester: pytest.Pytester) -> None:
    fake()
    result = pytester.runpytest(*ARGUMENTS, "--max-drop", "200")
    result.stdout.fnmatch_lines(["*--max-drop 200: must be from 0 to 100 points*"])


def test_drift_from_a_baseline_is_told_and_fails_above_its_limit(
    fake: Fake, pytester: pytest.Pytester
) -> None:
    fake()
    record = pytester.path / "old.json"
    first = pytester.runpytest(*ARGUMENTS, "--record", str(record), "-v")
    assert "test_no_stage_drifts" not in first.stdout.str()
    same = pytester.runpytest(*ARGUMENTS, "--baseline", str(record), "--max-drift", "0", "-v")
    same.stdout.fnmatch_lines(["*test_no_stage_drifts* PASSED*"])
    same.stdout.fnmatch_lines(["Drift: nothing changed between the runs"])
    # An older run in which everything was right, which this one is not.
    run = load_run(record)
    assert any(c.predicted != run.windows.label for c in run.columns)
    right = tuple(replace(c, predicted=run.windows.label) for c in run.columns)
    save_run(record, replace(run, columns=right))
    worse = pytester.runpytest(*ARGUMENTS, "--baseline", str(record), "--max-drift", "0", "-v")
    worse.stdout.fnmatch_lines(["*test_no_stage_drifts* FAILED*"])
    worse.stdout.fnmatch_lines(["*✗ above --max-drift 0 points*"])
    told = pytester.runpytest(*ARGUMENTS, "--baseline", str(record), "-v", "-rs")
    told.stdout.fnmatch_lines(["SKIPPED*no limit to keep to*"])


def test_a_baseline_that_cannot_be_read_is_told_once(fake: Fake, pytester: pytest.Pytester) -> None:
    fake()
    result = pytester.runpytest(*ARGUMENTS, "--baseline", "none.json", "-q")
    assert outcomes(result) == {"failed", "skipped"} or outcomes(result) == {"errors", "skipped"}
    result.stdout.fnmatch_lines(["*tinyhil: none.json: No such file*"])
