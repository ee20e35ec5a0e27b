"""The pytest plugin: options, fixtures and findings for `pytest hil/ --board …`.

It is loaded into every pytest run of the environment it is installed in, and plain option names
like --port belong to many projects. So the options are there only when the run is about this
package's suite (a path inside hil/, or --pyargs hil.suite); otherwise the plugin does nothing and
imports nothing heavy. A project that wants the options and fixtures for tests of its own calls
`add_options` from its conftest's pytest_addoption.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import pytest

from hil.backend.base import BACKENDS, choose
from hil.board import PROJECT_DIR, board_names, load_board
from hil.commands.baseline import BASELINE_HELP, MAX_DRIFT_HELP
from hil.errors import TinyhilError
from hil.links import CHOICES, words
from hil.record import DEFAULT_MAX_DROP

if TYPE_CHECKING:
    from hil.device import Device
    from hil.record import Run
    from hil.run.steps import Job, Options
    from hil.run.target import Target
    from hil.verdict.baseline import Drift
    from hil.verdict.findings import Finding

#: This package's folder.
PACKAGE: Final = Path(__file__).resolve().parent

T = TypeVar("T")

DEFAULT_MODEL: Final = PROJECT_DIR / "test_vectors" / "models" / "cnn"

#: Where the run is kept for the summaries, once there is one.
RUN_KEY: Final = pytest.StashKey["Run"]()

#: Where its drift from --baseline is kept, once there is one.
DRIFT_KEY: Final = pytest.StashKey["Drift"]()

#: The fixture that failed for a reason of the user's or the device's, and that reason.
BROKEN_KEY: Final = pytest.StashKey[tuple[str, str]]()


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    """Add the options where the run is about this package's suite."""
    config = pluginmanager.get_plugin("pytestconfig")
    invocation = config.invocation_params if config is not None else None
    if invocation is not None and _is_ours(invocation.args, invocation.dir):
        add_options(parser)


def _is_ours(arguments: Sequence[object], folder: Path) -> bool:
    """Return whether a command line, given in `folder`, names this package or something in it."""
    texts = [str(argument).partition("::")[0] for argument in arguments]
    if any(text.split(".")[:2] == ["hil", "suite"] or text == "hil" for text in texts):
        return True
    return any((folder / text).resolve().is_relative_to(PACKAGE) for text in ["", *texts])


def add_options(parser: pytest.Parser) -> None:
    """Add the options, in a group of their own."""
    add = partial(_add, parser.getgroup("tinyhil", "hardware in the loop (tinyhil)"))
    add("--board", choices=board_names(), help="board to test; without it, hil/ is skipped")
    add(
        "--backend",
        choices=["auto", *BACKENDS],
        default="auto",
        help="auto: a board given by --port, else the embedded emulator",
    )
    add("--port", help="serial port of a real board")
    add(
        "--via",
        choices=CHOICES,
        default="auto",
        help="the board's link: auto is what --port is, and the UART in emulation",
    )
    add("--model", type=Path, default=DEFAULT_MODEL, help="model folder")
    add("--vectors", type=Path, help="other windows (.npz) than the model's own")
    add("--record", type=Path, help="write the run record (JSON) here")
    add("--report", type=Path, help="write tinyhil's report (HTML) here")
    add(
        "--max-drop",
        type=float,
        default=DEFAULT_MAX_DROP,
        metavar="POINTS",
        help="fail when int8 surely loses more than this against float (default %(default)g)",
    )
    add("--limit", type=int, metavar="N", help="stream N windows (default: up to 300)")
    add("--baseline", type=Path, metavar="OLD.json", help=BASELINE_HELP)
    add("--max-drift", type=float, metavar="POINTS", help=MAX_DRIFT_HELP)


def _add(group: pytest.OptionGroup, name: str, **settings: Any) -> None:
    group.addoption(name, dest=_dest(name), **settings)


def _dest(name: str) -> str:
    return "tinyhil_" + name.removeprefix("--").replace("-", "_")


def _option(config: pytest.Config, name: str) -> Any:
    return config.getoption(_dest(name), default=None)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out the test of the drift where there is nothing to drift from."""
    ours = collection_path == PACKAGE / "suite" / "test_drift.py"
    return True if ours and _option(config, "--baseline") is None else None


def pytest_report_header(config: pytest.Config) -> str | None:
    """Say which board, back end and model are tested."""
    board = _option(config, "--board")
    if board is None:
        return None
    asked = _option(config, "--backend")
    try:
        taken = choose(asked, _option(config, "--port"))
    except TinyhilError as error:
        raise pytest.UsageError(f"tinyhil: {error}") from None
    how = " (chosen by auto)" if asked == "auto" else ""
    return f"tinyhil: board {board}, back end {taken}{how}, model {_option(config, '--model')}"


@pytest.fixture(scope="session")
def hil_options(request: pytest.FixtureRequest) -> Options:
    """What to run, from the command line; skips where no board was named."""
    config = request.config
    if _option(config, "--board") is None:
        pytest.skip("no board: name one, e.g. pytest hil/ --board nano33")
    from hil.run.steps import Options

    return Options(
        board=load_board(_option(config, "--board")),
        backend=_option(config, "--backend"),
        port=_option(config, "--port"),
        via=_option(config, "--via"),
        model=_option(config, "--model"),
        vectors=_option(config, "--vectors"),
        limit=_option(config, "--limit"),
        max_drop=_option(config, "--max-drop"),
        command=shlex.join(["pytest", *sys.argv[1:]]),
    )


@pytest.fixture(scope="session")
def hil_baseline(hil_options: Options, pytestconfig: pytest.Config) -> Run | None:
    """The older record that this run is compared with; read before anything long begins."""
    from hil.commands.baseline import load_baseline

    given = (_option(pytestconfig, name) for name in ("--baseline", "--max-drift"))
    return _or_fail("hil_baseline", pytestconfig, lambda: load_baseline(*given))


@pytest.fixture(scope="session")
def hil_job(hil_options: Options, hil_baseline: Run | None, pytestconfig: pytest.Config) -> Job:
    """Model, windows, and what the host models answer to them; an older record is read before."""
    from hil.run.steps import prepare

    return _or_fail("hil_job", pytestconfig, lambda: prepare(hil_options))


@pytest.fixture(scope="session")
def hil_target(hil_options: Options, hil_job: Job, pytestconfig: pytest.Config) -> Iterator[Target]:
    """The device under test, open for the whole session, with its back end."""
    from hil.run.target import Wanted, connect

    o = hil_options
    say = _sayer(pytestconfig)
    context = connect(o.board, Wanted(o.backend, o.port, o.via), hil_job.folder, say)
    yield _or_fail("hil_target", pytestconfig, context.__enter__)
    context.__exit__(None, None, None)


@pytest.fixture(scope="session")
def hil_device(hil_target: Target) -> Device:
    """The device under test as an object: one method per request of the protocol."""
    return hil_target.device


@pytest.fixture(scope="session")
def hil_run(
    hil_options: Options,
    hil_baseline: Run | None,
    hil_job: Job,
    hil_target: Target,
    pytestconfig: pytest.Config,
) -> Run:
    """Everything measured, once per session; written to --record and --report."""
    from hil.commands.run import writable, write
    from hil.run.steps import run_on
    from hil.verdict.baseline import compare

    record, report = _option(pytestconfig, "--record"), _option(pytestconfig, "--report")

    def measure() -> Run:
        for path in (record, report):
            if path is not None:
                writable(path)
        measured = run_on(hil_target, hil_options, hil_job)
        drift = None
        if hil_baseline is not None:
            drift = compare(hil_baseline, measured, _option(pytestconfig, "--max-drift"))
            pytestconfig.stash[DRIFT_KEY] = drift
        write(measured, record, report, drift)
        return measured

    with _uncaptured(pytestconfig):  # so that the progress bar is seen
        pytestconfig.stash[RUN_KEY] = _or_fail("hil_run", pytestconfig, measure)
    return pytestconfig.stash[RUN_KEY]


@pytest.fixture(scope="session")
def hil_drift(hil_run: Run, pytestconfig: pytest.Config) -> Drift | None:
    """The drift from --baseline to this run; None without one."""
    return pytestconfig.stash.get(DRIFT_KEY, None)


@pytest.fixture(scope="session")
def hil_findings(
    hil_run: Run, record_testsuite_property: Callable[[str, object], None]
) -> list[Finding]:
    """What `tinyhil run` would say of it; also written into JUnit's suite properties."""
    from hil.verdict.diagnose import diagnose

    findings = diagnose(hil_run)
    for name, value in suite_properties(hil_run, findings):
        record_testsuite_property(name, value)
    return findings


def suite_properties(run: Run, findings: list[Finding]) -> list[tuple[str, str]]:
    """Return what JUnit is told of the whole run: who, how accurate, and every finding."""
    from hil.verdict.drift import accuracy

    who = run.identity
    properties = [
        ("board", who.board),
        ("back end", who.backend_description),
        ("link", words(who.via)),
        ("model", f"{who.model_name} {who.model_hash}"),
        ("firmware", f"{who.firmware_version} {who.firmware_hash}"),
    ]
    for item in run.columns:
        if (value := accuracy(run, item)) is not None:
            properties.append((f"accuracy {item.name}", f"{value.value:.4f}"))
    if run.instructions_per_inference is not None:
        properties.append(("instructions", str(run.instructions_per_inference)))
    properties += [(f"finding {f.severity}", f.headline) for f in findings]
    return properties


def _or_fail(fixture: str, config: pytest.Config, action: Callable[[], T]) -> T:
    """Do it; a user's or a device's error fails the first test in one line, without a traceback.

    The other tests that need the fixture are skipped: twenty times the same says no more.
    """
    try:
        return action()
    except TinyhilError as error:
        config.stash[BROKEN_KEY] = fixture, f"tinyhil: {error}"
        raise pytest.fail.Exception(f"tinyhil: {error}", pytrace=False) from None


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what needs a fixture that has failed before."""
    fixture, reason = item.config.stash.get(BROKEN_KEY, ("", ""))
    if fixture and fixture in getattr(item, "fixturenames", ()):
        pytest.skip(reason)


def _uncaptured(config: pytest.Config) -> AbstractContextManager[None]:
    """Let what is printed in this context be seen."""
    capture = config.pluginmanager.get_plugin("capturemanager")
    shown: AbstractContextManager[None] = (
        nullcontext() if capture is None else capture.global_and_fixture_disabled()
    )
    return shown


def _sayer(config: pytest.Config) -> Callable[[str], None]:
    reporter = config.pluginmanager.get_plugin("terminalreporter")

    def say(text: str) -> None:
        if reporter is not None and config.get_verbosity() >= 0:
            with _uncaptured(config):
                reporter.ensure_newline()
                reporter.write_line(f"tinyhil: {text}")

    return say


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print the verdict as `tinyhil run` does."""
    run = config.stash.get(RUN_KEY, None)
    if run is None:
        return
    from hil.screen import screen
    from hil.verdict.diagnose import diagnose

    terminalreporter.section("tinyhil")
    terminalreporter.write_line(screen(run, diagnose(run)))
    if (drift := config.stash.get(DRIFT_KEY, None)) is not None:
        from hil.drift_screen import drift_screen

        terminalreporter.write_line(f"\n{drift_screen(drift)}")
    for name in ("--record", "--report"):
        if (path := _option(config, name)) is not None:
            terminalreporter.write_line(f"{name.removeprefix('--')}: {path}")


@pytest.hookimpl(optionalhook=True)
def pytest_html_results_summary(prefix: list[str], session: pytest.Session) -> None:
    """Put the verdict and the findings at the top of pytest-html's page."""
    run = session.config.stash.get(RUN_KEY, None)
    if run is None:
        return
    from hil.screen import screen
    from hil.verdict.diagnose import diagnose

    prefix.append(f"<h2>tinyhil</h2><pre>{escape(screen(run, diagnose(run)))}</pre>")
