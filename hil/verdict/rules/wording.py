"""Building findings, and the words and numbers that they share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from hil.errors import clean
from hil.record import Column, Run
from hil.verdict.causes import known
from hil.verdict.drift import usable
from hil.verdict.findings import Finding
from hil.verdict.stats import Interval


def problem(  # noqa: PLR0913 - the fields of a finding
    stage: str,
    cause: str,
    headline: str,
    *,
    location: str | None = None,
    evidence: Sequence[str] = (),
    remedy: str | None = None,
    effect: Interval | None = None,
) -> Finding:
    """Return a finding that fails the run. `effect` is a change of accuracy: negative, a loss."""
    return _finding("problem", stage, location, cause, headline, evidence, remedy, effect)


def note(  # noqa: PLR0913 - the fields of a finding
    stage: str,
    cause: str,
    headline: str,
    *,
    location: str | None = None,
    evidence: Sequence[str] = (),
    remedy: str | None = None,
    effect: Interval | None = None,
) -> Finding:
    """Return a finding worth knowing that does not fail the run."""
    return _finding("note", stage, location, cause, headline, evidence, remedy, effect)


def fine(
    stage: str,
    cause: str,
    headline: str,
    *,
    evidence: Sequence[str] = (),
    effect: Interval | None = None,
) -> Finding:
    """Return the finding that something was looked at and is in order."""
    return _finding("ok", stage, None, cause, headline, evidence, None, effect)


def _finding(  # noqa: PLR0913, PLR0917 - the fields of a finding
    severity: Literal["ok", "note", "problem"],
    stage: str,
    location: str | None,
    cause: str,
    headline: str,
    evidence: Sequence[str],
    remedy: str | None,
    effect: Interval | None,
) -> Finding:
    """Only what hil/verdict/causes.py lists: readers of findings rely on it."""
    assert known(stage, cause), f"{stage}/{cause} is not in hil/verdict/causes.py"
    return Finding(
        severity=severity,
        stage=stage,
        location=location,
        cause=cause,
        headline=headline,
        evidence=tuple(evidence),
        remedy=remedy,
        effect=effect.value if effect else None,
        effect_low=effect.low if effect else None,
        effect_high=effect.high if effect else None,
        above_limit=severity == "problem",
    )


def points(share: float) -> str:
    """Return a share of 1 in percentage points, one digit: 0.0312 → "3.1", −0.0312 → "−3.1"."""
    return f"{share * 100:.1f}".replace("-0.0", "0.0").replace("-", "−")


def percent(share: float) -> str:
    """Return a share of 1 in per cent, one digit."""
    return f"{points(share)} %"


def plural(count: int, thing: str) -> str:
    """Return "1 window", "300 windows"."""
    return f"{count:,} {thing}" + ("" if count == 1 else "s")


def layer_title(name: str, op: str) -> str:
    """Return a layer as people know it; its name came from a file or a device."""
    return f"{clean(name, 60)} ({clean(op, 40)})"


def listed(windows: Sequence[int], most: int = 8) -> str:
    """Return window numbers, the first `most` of them."""
    shown = ", ".join(str(w) for w in windows[:most])
    return shown + (f" and {len(windows) - most} more" if len(windows) > most else "")


def sample(run: Run, *columns: Column) -> str:
    """Return where the judged windows come from, and what intervals make of that."""
    index = usable(run, *columns).nonzero()[0]
    people = {run.windows.subject[i] for i in index}
    recordings = {(run.windows.subject[i], run.windows.recording[i]) for i in index}
    who = "1 person" if len(people) == 1 else f"{len(people)} people"
    text = f"{plural(len(index), 'window')} of {plural(len(recordings), 'recording')} of {who}"
    if len(recordings) == len(index):
        return text
    if len(recordings) == 1:
        return f"{text}; windows of one recording are alike, so the true uncertainty is larger"
    return f"{text}; intervals hold for other recordings of their kind"
