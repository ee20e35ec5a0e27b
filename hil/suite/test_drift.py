"""What changed since an older run (--baseline), and is it more than --max-drift?"""

from __future__ import annotations

import pytest

from hil.drift_screen import drift_screen
from hil.verdict.baseline import Drift


def test_no_stage_drifts(hil_drift: Drift | None) -> None:
    """No stage of the chain loses more against the older run than --max-drift points."""
    assert hil_drift is not None, "collected with --baseline only"
    if hil_drift.max_drift is None:
        pytest.skip("no limit to keep to: --max-drift POINTS; the summary tells the drift")
    if hil_drift.failed:
        pytest.fail(drift_screen(hil_drift), pytrace=False)
