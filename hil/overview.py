"""Several run records on one screen: a row per board and model. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from hil.record import Run
from hil.screen import MARKS
from hil.verdict.diagnose import diagnose, failed
from hil.verdict.drift import accuracy, column

#: Columns of the table whose cell is an accuracy in percent.
STAGES = ("float", "pruned", "int8", "device", "device-raw")
HEADINGS = ("board", "model", *STAGES, "bit for bit", "instructions", "flash", "RAM", "verdict")


def overview(runs: Sequence[Run]) -> str:
    """Return a table of the runs and, below it, each distinct headline of their findings."""
    rows = [HEADINGS, *(_row(run) for run in runs)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEADINGS))]
    lines = ["  ".join(_pad(row[i], widths[i], i) for i in range(len(widths))) for row in rows]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:], "", *_headlines(runs)])


def _pad(cell: str, width: int, index: int) -> str:
    text_column = index < 2 or index == len(HEADINGS) - 1
    return cell.ljust(width) if text_column else cell.rjust(width)


def _row(run: Run) -> tuple[str, ...]:
    memory = run.memory
    return (
        run.identity.board,
        run.identity.model_name,
        *(_percent(run, stage) for stage in STAGES),
        _exact(run),
        f"{run.instructions_per_inference:,}" if run.instructions_per_inference else "–",
        f"{memory.flash_used / 1024:.1f} KB" if memory else "–",
        f"{memory.ram_static / 1024:.1f} KB" if memory else "–",
        _verdict(run),
    )


def _percent(run: Run, stage: str) -> str:
    item = column(run, stage)
    interval = accuracy(run, item) if item else None
    return f"{100 * interval.value:.1f} %" if interval else "–"


def _exact(run: Run) -> str:
    """Return how many windows have the definition's bytes, over every comparison made."""
    # Not the side branches: other runtimes on the computer may differ.
    made = [c for c in run.comparisons if c.actual.startswith("device")]
    if not made:
        return "–"
    compared = min(c.compared for c in made)
    differing = set().union(*(c.differing for c in made))
    return f"{compared - len(differing)}/{compared}"


def _verdict(run: Run) -> str:
    if run.incomplete:
        return "incomplete"
    return "FAILED" if failed(diagnose(run)) else "ok"


def _headlines(runs: Sequence[Run]) -> list[str]:
    """Return one line per distinct headline, with the runs it is about where not all of them."""
    about: dict[tuple[str, str], list[str]] = {}
    for run in runs:
        for finding in diagnose(run):
            where = f"{run.identity.board} {run.identity.model_name}"
            about.setdefault((MARKS[finding.severity], finding.headline), []).append(where)
    return [
        f"{mark} {headline}" + (f"  ({', '.join(where)})" if len(where) < len(runs) else "")
        for (mark, headline), where in about.items()
    ]
