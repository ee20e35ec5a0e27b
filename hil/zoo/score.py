"""Counts how often the diagnosis was right. Pure: observations in, a score out.

Fixed before anything was scored:

- Found is the first problem of the verdict; without one, the first note about the link (a line that
  was disturbed and healed is no problem); without that, nothing.
- Detectable: of an exact fault, one byte that differs from what it must be, a frame that was
  damaged, or a refusal. Of a statistical one, NET_FLIPS windows that are wrong in the fault's own
  column and were right without it, less those the other way round.
- A fault's stage, location or cause is right when it is in most of its detectable runs. A cause or
  a location in a wrong stage is wrong.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from hil.verdict.stats import Interval, wilson
from hil.zoo.expected import IDENTITY, expected, place
from hil.zoo.faults import FAULTS
from hil.zoo.specimen import Found, Observation

NET_FLIPS: Final = 8
NOTHING: Final = Found("ok", "chain", None, "nothing-wrong")

#: Which refusal a device's identity met, by what hil/identity.py's messages have in common.
REFUSALS: Final = {
    "this is board": "other-board",
    "built from other sources": "stale-firmware",
    "carries model": "other-model",
}
#: Stage of the answer → the first column that a statistical fault there can change.
COLUMNS: Final = {"data": "float", "training": "float", "pruning": "pruned", "quantization": "int8"}


@dataclass(frozen=True)
class Judged:
    """One run with one fault. detectable: see above; the others say what was right."""

    fault: str
    arch: str
    board: str
    severity: int
    detectable: bool
    stage: bool
    location: bool
    cause: bool
    expected: str
    found: str
    found_location: str | None


@dataclass(frozen=True)
class Rate:
    """right of total, with Wilson's 95 % interval; None where there is nothing to count."""

    right: int
    total: int
    interval: Interval | None


@dataclass(frozen=True)
class Score:
    """The whole result. wrong_*: the faults whose majority is wrong. matrix: expected → found.

    seconds: that the runs took one after the other, a fault's planting and building included.
    """

    runs: tuple[Judged, ...]
    undetectable: tuple[str, ...]
    wrong_stage: tuple[str, ...]
    wrong_location: tuple[str, ...]
    wrong_cause: tuple[str, ...]
    faults: int
    per_run: dict[str, Rate]
    pairs: Rate
    clean_alarms: Rate
    alarms: tuple[str, ...]
    matrix: dict[str, dict[str, int]]
    seconds: float


def found(observation: Observation) -> Found:
    """Return what a reader of the verdict is told."""
    if observation.refused is not None:
        kind, text = observation.refused
        cause = next((c for mark, c in REFUSALS.items() if mark in text), "other")
        return Found("problem", IDENTITY if kind == "IdentityError" else "link", None, cause)
    problems = [f for f in observation.findings if f.severity == "problem"]
    healed = [f for f in observation.findings if f.severity == "note" and f.stage == "link"]
    return (problems or healed or [NOTHING])[0]


def score(observations: Iterable[Observation]) -> Score:
    """Judge all observations; those without a fault are the clean runs."""
    everything = list(observations)
    clean = {(o.specimen.arch, len(_column(o, "float"))): o for o in everything if _is_clean(o)}
    runs = tuple(_judge(o, clean) for o in everything if len(o.specimen.faults) == 1)
    seen = [r for r in runs if r.detectable]
    names = sorted({r.fault for r in runs})
    shown = sorted({r.fault for r in seen})
    return Score(
        runs=runs,
        undetectable=tuple(n for n in names if n not in shown),
        wrong_stage=tuple(n for n in shown if not _most(seen, n, "stage")),
        wrong_location=tuple(n for n in shown if not _most(seen, n, "location")),
        wrong_cause=tuple(n for n in shown if not _most(seen, n, "cause")),
        faults=len(shown),
        per_run={what: _rate(getattr(r, what) for r in seen) for what in WHAT},
        pairs=_rate(_both_named(o) for o in everything if len(o.specimen.faults) == 2),
        clean_alarms=_rate(_alarmed(o) for o in everything if _is_clean(o)),
        alarms=tuple(
            f"{o.specimen.key}: {label(found(o))}"
            for o in everything
            if _is_clean(o) and _alarmed(o)
        ),
        matrix=_matrix(seen),
        seconds=round(sum(o.seconds for o in everything), 1),
    )


WHAT: Final = ("stage", "location", "cause")


def label(item: Found) -> str:
    """Return a cause's name in the matrix."""
    return f"{item.stage}/{item.cause}"


def _is_clean(observation: Observation) -> bool:
    return not observation.specimen.faults


def _alarmed(observation: Observation) -> bool:
    return observation.refused is not None or any(
        f.severity == "problem" for f in observation.findings
    )


def _column(observation: Observation, name: str) -> str:
    return observation.right.get(name, "")


def _judge(observation: Observation, clean: dict[tuple[str, int], Observation]) -> Judged:
    specimen = observation.specimen
    ((name, severity),) = specimen.faults
    answer, got = expected(name, specimen.arch, severity), found(observation)
    stage = got.stage == answer.stage
    return Judged(
        fault=name,
        arch=specimen.arch,
        board=specimen.board,
        severity=severity,
        detectable=_detectable(observation, name, answer.stage, clean),
        stage=stage,
        location=stage and place(got.location) in answer.places,
        cause=stage and got.cause == answer.cause,
        expected=f"{answer.stage}/{answer.cause}",
        found=label(got),
        found_location=got.location,
    )


def _detectable(
    observation: Observation, name: str, stage: str, clean: dict[tuple[str, int], Observation]
) -> bool:
    if observation.refused is not None:
        return True
    if FAULTS[name].exact:
        kinds = observation.differing
        if FAULTS[name].plane == "wire":
            # A session that ends early has no counts of the line.
            return bool(kinds.get("link") or kinds["incomplete"])
        return any(count for kind, count in kinds.items() if kind != "link")
    column = _column(observation, COLUMNS[stage])
    without = clean.get((observation.specimen.arch, len(column)))
    if without is None:
        return False
    before = _column(without, COLUMNS[stage])
    return before.count("1") - column.count("1") >= NET_FLIPS


def _most(runs: Sequence[Judged], name: str, what: str) -> bool:
    votes = [bool(getattr(r, what)) for r in runs if r.fault == name]
    return sum(votes) * 2 > len(votes)


def _rate(outcomes: Iterable[bool]) -> Rate:
    made = list(outcomes)
    return Rate(sum(made), len(made), wilson(sum(made), len(made)) if made else None)


def _both_named(observation: Observation) -> bool:
    """Whether both faults' stages are among the problems, or the notes about the link."""
    named = {
        f.stage
        for f in observation.findings
        if f.severity == "problem" or (f.severity == "note" and f.stage == "link")
    }
    specimen = observation.specimen
    return all(expected(n, specimen.arch, s).stage in named for n, s in specimen.faults)


def _matrix(runs: Sequence[Judged]) -> dict[str, dict[str, int]]:
    rows: dict[str, Counter[str]] = {}
    for run in runs:
        rows.setdefault(run.expected, Counter())[run.found] += 1
    return {name: dict(sorted(rows[name].items())) for name in sorted(rows)}


def worse(now: dict[str, dict[str, int]], before: dict[str, dict[str, int]]) -> list[str]:
    """Return the causes named right less often than before, as lines; none: not worse."""
    lines = []
    for cause, row in sorted(before.items()):
        right, was = now.get(cause, {}).get(cause, 0), row.get(cause, 0)
        if right < was:
            lines.append(f"{cause}: {right} right, {was} before")
    return lines
