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

from hil.backend.base import choose
from hil.board import PROJECT_DIR, board_names, load_board
from hil.commands.baseline import BASELINE_HELP, MAX_DRIFT_HELP
from hil.device_options import add_device_options
from hil.errors import TinyhilError
from hil.links import words
from hil.record import DEFAULT_MAX_DROP
from hil.several import (
    WORKER_KEY,
    file_of,
    pack,
    ports_of,
    scheduler,
    unpack,
)

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

#: Where each board's run is kept for the summaries, once there is one.
RUNS_KEY: Final = pytest.StashKey["dict[str, Run]"]()

#: Board → the fixture that failed for a reason of the user's or the device's, and that reason.
BROKEN_KEY: Final = pytest.StashKey[dict[str, tuple[str, str]]]()


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
    add(
        "--board",
        action="append",
        choices=board_names(),
        help="board to test, may be repeated; without it, hil/ is skipped",
    )
    add_device_options(add, several=True)
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


def _boards(config: pytest.Config) -> list[str]:
    return list(dict.fromkeys(_option(config, "--board") or []))


def _ports(config: pytest.Config) -> dict[str, str | None]:
    try:
        return ports_of(_boards(config), _option(config, "--port") or [])
    except TinyhilError as error:
        raise pytest.UsageError(f"tinyhil: {error}") from None


def pytest_configure(config: pytest.Config) -> None:
    """Begin with no runs."""
    config.stash[RUNS_KEY], config.stash[BROKEN_KEY] = {}, {}


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Keep a board's tests together where xdist deals tests out in its usual way."""
    usual = config.getoption("dist") == "load"
    return scheduler(config, log) if usual and _boards(config) else None


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Say which boards, back ends and model are tested."""
    asked, lines = _option(config, "--backend"), []
    for name, port in _ports(config).items() if _boards(config) else ():
        try:
            taken = choose(asked, port, load_board(name))
        except TinyhilError as error:
            raise pytest.UsageError(f"tinyhil: {error}") from None
        how = " (chosen by auto)" if asked == "auto" else ""
        model = _option(config, "--model")
        lines.append(f"tinyhil: board {name}, back end {taken}{how}, model {model}")
    return lines


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Repeat what needs a board for every board."""
    if "hil_board" in metafunc.fixturenames:
        boards = _boards(metafunc.config)
        metafunc.parametrize(
            "hil_board",
            boards or [None],
            indirect=True,
            ids=boards or ["no-board"],
            scope="session",
        )


@pytest.fixture(scope="session")
def hil_board(request: pytest.FixtureRequest) -> str:
    """The name of the board under test; skips where none was named."""
    if request.param is None:
        pytest.skip("no board: name one, e.g. pytest hil/ --board nano33")
    return str(request.param)


@pytest.fixture(scope="session")
def hil_options(hil_board: str, request: pytest.FixtureRequest) -> Options:
    """What to run on this board, from the command line."""
    config = request.config
    from hil.run.steps import Options

    return Options(
        board=load_board(hil_board),
        backend=_option(config, "--backend"),
        port=_ports(config)[hil_board],
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

    board = hil_options.board.name
    older = file_of(_option(pytestconfig, "--baseline"), board, _boards(pytestconfig))
    limit = _option(pytestconfig, "--max-drift")
    return _or_fail("hil_baseline", board, pytestconfig, lambda: load_baseline(older, limit))


@pytest.fixture(scope="session")
def hil_job(hil_options: Options, hil_baseline: Run | None, pytestconfig: pytest.Config) -> Job:
    """Model, windows, and what the host models answer to them; an older record is read before."""
    from hil.run.steps import prepare

    board = hil_options.board.name
    return _or_fail("hil_job", board, pytestconfig, lambda: prepare(hil_options))


@pytest.fixture(scope="session")
def hil_target(hil_options: Options, hil_job: Job, pytestconfig: pytest.Config) -> Iterator[Target]:
    """The device under test, open for the whole session, with its back end."""
    from hil.run.target import connect

    o = hil_options
    say = _sayer(pytestconfig)
    context = connect(o.board, o.wanted, hil_job.folder, say)
    yield _or_fail("hil_target", o.board.name, pytestconfig, context.__enter__)
    context.__exit__(None, None, None)


@pytest.fixture(scope="session")
def hil_device(hil_target: Target) -> Device:
    """The device under test as an object: one method per request of the protocol."""
    return hil_target.device


@pytest.fixture(scope="session")
def hil_run(
    hil_options: Options,
    hil_job: Job,
    hil_target: Target,
    pytestconfig: pytest.Config,
) -> Run:
    """Everything measured, once per session; written to --record and --report."""
    from hil.commands.run import writable, write
    from hil.run.steps import run_on

    board, boards = hil_options.board.name, _boards(pytestconfig)
    record = file_of(_option(pytestconfig, "--record"), board, boards)
    report = file_of(_option(pytestconfig, "--report"), board, boards)

    def measure() -> Run:
        for path in (record, report):
            if path is not None:
                writable(path)
        measured = run_on(hil_target, hil_options, hil_job, _sayer(pytestconfig))
        write(measured, record, report, _drift(pytestconfig, measured))
        return measured

    with _uncaptured(pytestconfig):  # so that the progress bar is seen
        run = _or_fail("hil_run", board, pytestconfig, measure)
    pytestconfig.stash[RUNS_KEY][board] = run
    return run


@pytest.fixture(scope="session")
def hil_drift(hil_run: Run, pytestconfig: pytest.Config) -> Drift | None:
    """The drift from --baseline to this run; None without one."""
    return _drift(pytestconfig, hil_run)


def _drift(config: pytest.Config, run: Run) -> Drift | None:
    from hil.commands.baseline import drift_from

    older = file_of(_option(config, "--baseline"), run.identity.board, _boards(config))
    return drift_from(older, _option(config, "--max-drift"), run)


@pytest.fixture(scope="session")
def hil_findings(
    hil_run: Run,
    record_testsuite_property: Callable[[str, object], None],
    pytestconfig: pytest.Config,
) -> list[Finding]:
    """What `tinyhil run` would say of it; also written into JUnit's suite properties."""
    from hil.verdict.diagnose import diagnose

    findings = diagnose(hil_run)
    several = len(_boards(pytestconfig)) > 1
    for name, value in suite_properties(hil_run, findings):
        record_testsuite_property(f"{hil_run.identity.board} {name}" if several else name, value)
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


def _or_fail(fixture: str, board: str, config: pytest.Config, action: Callable[[], T]) -> T:
    """Do it; a user's or a device's error fails the first test in one line, without a traceback.

    The other tests that need the fixture are skipped: twenty times the same says no more.
    """
    try:
        return action()
    except TinyhilError as error:
        config.stash[BROKEN_KEY].setdefault(board, (fixture, f"tinyhil: {error}"))
        raise pytest.fail.Exception(f"tinyhil: {error}", pytrace=False) from None


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what needs a fixture that has failed before."""
    board = getattr(getattr(item, "callspec", None), "params", {}).get("hil_board")
    fixture, reason = item.config.stash[BROKEN_KEY].get(str(board), ("", ""))
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


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """In an xdist worker: send the runs to the controlling process."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None and session.config.stash[RUNS_KEY]:
        output[WORKER_KEY] = pack(session.config.stash[RUNS_KEY])


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """In the controlling process: take a worker's runs."""
    text = getattr(node, "workeroutput", {}).get(WORKER_KEY)
    if text is not None:
        node.config.stash[RUNS_KEY].update(unpack(text))


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print each board's verdict as `tinyhil run` does."""
    for board, text in _verdicts(config).items():
        terminalreporter.section("tinyhil")
        terminalreporter.write_line(text)
        for name in ("--record", "--report"):
            if (path := file_of(_option(config, name), board, _boards(config))) is not None:
                terminalreporter.write_line(f"{name.removeprefix('--')}: {path}")


@pytest.hookimpl(optionalhook=True)
def pytest_html_results_summary(prefix: list[str], session: pytest.Session) -> None:
    """Put the verdicts and the findings at the top of pytest-html's page."""
    for text in _verdicts(session.config).values():
        prefix.append(f"<h2>tinyhil</h2><pre>{escape(text)}</pre>")


def _verdicts(config: pytest.Config) -> dict[str, str]:
    runs = config.stash.get(RUNS_KEY, {})
    if not runs:
        return {}
    return {board: _verdict(config, runs[board]) for board in sorted(runs)}


def _verdict(config: pytest.Config, run: Run) -> str:
    from hil.drift_screen import drift_screen
    from hil.screen import screen
    from hil.verdict.diagnose import diagnose

    drift = _drift(config, run)
    return screen(run, diagnose(run)) + (f"\n\n{drift_screen(drift)}" if drift else "")
