"""A score as text for people: what was missed first, then the rates and the matrix."""

from __future__ import annotations

from collections.abc import Iterator

from hil.zoo.faults import SEVERITIES
from hil.zoo.score import Rate, Score


def table(score: Score) -> str:
    """Return the score as lines."""
    return "\n".join(
        [
            _size(score),
            *_misses(score),
            "",
            *_matrix(score),
            "",
            *_faults(score),
            "",
            *_rates(score),
        ]
    )


def _size(score: Score) -> str:
    return (
        f"{len(score.runs)} runs with one fault, {score.pairs.total} with two, "
        f"{score.clean_alarms.total} with none; measured in {score.seconds / 60:.0f} minutes of "
        "one process"
    )


def _misses(score: Score) -> Iterator[str]:
    missed = [r for r in score.runs if r.detectable and not (r.location and r.cause)]
    yield f"{len(missed)} runs named wrongly" if missed else "every run named rightly"
    for r in missed:
        what = ", ".join(w for w in ("stage", "location", "cause") if not getattr(r, w))
        where = f" at {r.found_location}" if r.found_location else ""
        yield (
            f"  {r.fault}, {SEVERITIES[r.severity]}, {r.arch}, {r.board}: wrong {what}: "
            f"{r.found}{where}"
        )


def _matrix(score: Score) -> Iterator[str]:
    yield "expected → found (runs)"
    for cause, row in score.matrix.items():
        others = ", ".join(f"{name} {n}" for name, n in row.items() if name != cause)
        yield f"  {cause:32} {row.get(cause, 0):4}{'   else ' + others if others else ''}"


def _faults(score: Score) -> Iterator[str]:
    yield f"{score.faults} faults by the majority of their detectable runs:"
    for what in ("stage", "location", "cause"):
        wrong = getattr(score, f"wrong_{what}")
        yield f"  wrong {what}: {len(wrong)}{': ' + ', '.join(wrong) if wrong else ''}"
    hidden = score.undetectable
    yield f"  never detectable: {len(hidden)}{': ' + ', '.join(hidden) if hidden else ''}"


def _rates(score: Score) -> Iterator[str]:
    for what, rate in score.per_run.items():
        yield f"runs with the right {what}: {rate_text(rate)}"
    yield f"pairs with both stages named: {rate_text(score.pairs)}"
    yield f"clean runs with a false alarm: {rate_text(score.clean_alarms)}"
    yield from (f"  {line}" for line in score.alarms)


def rate_text(rate: Rate) -> str:
    """Return "9 of 10 (60 to 98 %)"."""
    if rate.interval is None:
        return "none"
    low, high = 100 * rate.interval.low, 100 * rate.interval.high
    return f"{rate.right} of {rate.total} ({low:.1f} to {high:.1f} %)"
