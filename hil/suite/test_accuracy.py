"""Where along the chain is accuracy lost, and is it more than --max-drop?"""

from __future__ import annotations

import pytest

from hil.record import Run
from hil.suite.failures import none_of
from hil.verdict.findings import Finding

#: Every (stage, cause) that a test of this suite looks for by name.
TESTED = {
    ("link", "damaged-frames"), ("link", "incomplete"), ("device", "fault"),
    ("device", "memory"), ("device", "output"), ("device", "kernel"), ("device", "layer"),
    ("device", "overwritten"),
    ("preprocessing", "inputs-differ"), ("preprocessing", "outputs-differ"),
    *((stage, cause) for stage in ("pruning", "quantization", "device", "preprocessing", "chain")
      for cause in ("loss", "predominance")), ("training", "predominance"),
}  # fmt: skip


@pytest.mark.parametrize("stage", ["pruning", "quantization", "device", "preprocessing", "chain"])
def test_loss_within_limit(stage: str, hil_run: Run, hil_findings: list[Finding]) -> None:
    """A step of the chain (chain: all together) surely loses no more than --max-drop points."""
    if all(label < 0 for label in hil_run.windows.label):
        pytest.skip("the windows carry no labels: accuracy cannot be told")
    none_of(hil_findings, stage, "loss")


def test_no_class_predominates(hil_findings: list[Finding]) -> None:
    """No class is predicted far more often than it occurs."""
    for stage in ("training", "pruning", "quantization", "device", "preprocessing"):
        none_of(hil_findings, stage, "predominance")


def test_nothing_else_is_above_the_limits(hil_findings: list[Finding]) -> None:
    """No finding that fails `tinyhil run` is missed here."""
    for finding in hil_findings:
        if (finding.stage, finding.cause) not in TESTED:
            none_of(hil_findings, finding.stage, finding.cause)
