"""From a run record to findings: every rule is asked, the gravest come first. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from hil.record import Run
from hil.verdict.drift import chain
from hil.verdict.findings import Finding
from hil.verdict.rules.accuracy import (
    saturated_input,
    step_losses,
    total_loss,
    unlabelled,
)
from hil.verdict.rules.coarse_weights import coarse_weights
from hil.verdict.rules.consequences import without_consequences
from hil.verdict.rules.conversion import conversion
from hil.verdict.rules.exactness import (
    comparison,
    device_differs,
    preprocessing_differs,
)
from hil.verdict.rules.predominance import predominance, predominance_unlabelled
from hil.verdict.rules.runtimes import runtimes_differ
from hil.verdict.rules.session import fault, incomplete, link_trouble, memory
from hil.verdict.rules.shift import data_shift
from hil.verdict.rules.training import training
from hil.verdict.rules.wording import fine, plural

#: In the order in which one would mend things: a broken line or a crash explains much of the rest.
RULES: Final[tuple[Callable[[Run], list[Finding]], ...]] = (
    incomplete,
    link_trouble,  # a device that was given up on a bad line may not have hung at all
    fault,
    memory,
    data_shift,
    training,
    device_differs,
    preprocessing_differs,
    saturated_input,
    step_losses,
    coarse_weights,
    total_loss,
    predominance,
    predominance_unlabelled,
    unlabelled,
    conversion,
    runtimes_differ,
)

_ORDER: Final = {"problem": 0, "note": 2, "ok": 3}


def diagnose(run: Run) -> list[Finding]:
    """Return the findings of a run, problems first; at least one ("nothing is wrong")."""
    findings = without_consequences(run, [f for rule in RULES for f in rule(run)])
    if not any(f.severity == "problem" for f in findings):
        unclear = any(f.cause == "too-few-windows" for f in findings)
        findings.insert(0, _nothing_wrong(run, unclear))
    return sorted(findings, key=_rank)


def _rank(finding: Finding) -> tuple[int, float]:
    """Problems by what they cost, those that have no cost of their own (a bad line) first.

    That one class is predicted too often is what the others lead to: it comes after them.
    """
    if finding.cause == "nothing-wrong":
        return 1, 0.0
    if finding.severity != "problem":
        return _ORDER[finding.severity], 0.0
    if finding.cause == "predominance":
        return 0, 1.0
    return 0, -1.0 if finding.effect is None else finding.effect


def _nothing_wrong(run: Run, unclear: bool) -> Finding:
    """No rule found a problem; says what was looked at, for absence is only worth that much."""
    evidence = []
    output = comparison(run, "device", "output")
    if output is not None:
        evidence.append(f"the device's outputs equal the int8 model's in {output.compared} windows")
    if run.device_layers:
        windows = min(layer.compared for layer in run.device_layers)
        layers = plural(len(run.device_layers), "layer")
        evidence.append(
            f"{layers} agree in {plural(windows, 'window')}, by a checksum of each one's output"
        )
    inputs = comparison(run, "device-raw", "input")
    if inputs is not None:
        evidence.append(f"preprocessing on the device agrees in {inputs.compared} windows")
    steps = " → ".join(c.name for c in chain(run))
    headline = f"Nothing is wrong along {steps}" if steps else "Nothing was found wrong"
    if unclear:
        headline = f"Nothing was found wrong along {steps}, as far as these windows can tell"
    return fine("chain", "nothing-wrong", headline, evidence=evidence)


def failed(findings: Sequence[Finding]) -> bool:
    """Return whether a finding is above the limits (exit code 1)."""
    return any(f.above_limit for f in findings)
