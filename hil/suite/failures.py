"""What a failed test of the suite says: the finding, or which windows differ and how."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from hil.errors import clean
from hil.record import ByteComparison, Run
from hil.verdict.drift import column
from hil.verdict.findings import Finding
from hil.verdict.rules.wording import listed


def none_of(findings: Sequence[Finding], stage: str, cause: str) -> None:
    """Fail with every finding above the limits of this stage and cause."""
    found = [f for f in findings if f.above_limit and (f.stage, f.cause) == (stage, cause)]
    if found:
        pytest.fail("\n".join(_text(f) for f in found), pytrace=False)


def _text(finding: Finding) -> str:
    lines = [finding.headline, *(f"  {text}" for text in finding.evidence)]
    return "\n".join(lines + ([f"  → {finding.remedy}"] if finding.remedy else []))


def differing_windows(run: Run, item: ByteComparison) -> str:
    """Return which windows differ; of the first, what was expected and what came."""
    lines = [
        f"{item.actual}: {len(item.differing)} of {item.compared} {item.what}s differ from "
        f"{item.expected}'s, by at most {item.max_difference_lsb} steps",
        f"  windows {listed(item.differing)}",
    ]
    first = item.differing[0]
    expected, actual = column(run, item.expected), column(run, item.actual)
    if item.what == "output" and expected and actual:
        classes = ", ".join(clean(c, 20) for c in run.windows.classes)
        lines += [
            f"  window {first} ({classes}): expected {list(expected.scores[first])}, "
            f"got {list(actual.scores[first])}"
        ]
    return "\n".join(lines)
