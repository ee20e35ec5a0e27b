"""A finding: one thing that `diagnose.py` concluded from a run record, with its evidence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Finding:
    """One conclusion.

    stage: the step it belongs to, e.g. "quantization", "device", "preprocessing", "link", "data".
    location: layer or channel, None for the whole stage. effect: change of accuracy (negative is
    a loss) with its 95 % interval, None where it is not about accuracy. above_limit: it fails the
    run. headline and remedy are one line each; evidence is the measurements behind it.
    """

    severity: Literal["ok", "note", "problem"]
    stage: str
    location: str | None
    cause: str
    headline: str
    evidence: tuple[str, ...]
    remedy: str | None
    effect: float | None
    effect_low: float | None
    effect_high: float | None
    above_limit: bool
