"""Does the device compute the int8 definition, byte for byte, at every layer?"""

from __future__ import annotations

import pytest

from hil.record import ByteComparison, Run
from hil.suite.failures import differing_windows, none_of
from hil.verdict.findings import Finding


def compared(run: Run, actual: str, what: str) -> ByteComparison:
    """Return a comparison; fail where it was not made for every window."""
    item = next((c for c in run.comparisons if (c.actual, c.what) == (actual, what)), None)
    windows = len(run.windows.label)
    if item is None or item.compared < windows:
        count = item.compared if item else 0
        pytest.fail(
            f"only {count} of {windows} windows were measured: {run.incomplete}", pytrace=False
        )
    return item


def test_inputs_arrive_unchanged(hil_run: Run) -> None:
    """The model on the device got the bytes that were sent."""
    item = compared(hil_run, "device", "input")
    if item.differing:
        pytest.fail(differing_windows(hil_run, item), pytrace=False)


def test_outputs_bit_for_bit(hil_run: Run, hil_findings: list[Finding]) -> None:
    """Every output equals the int8 definition's."""
    item = compared(hil_run, "device", "output")
    if item.differing:
        pytest.fail(differing_windows(hil_run, item), pytrace=False)
    none_of(hil_findings, "device", "output")


def test_every_layer_by_crc(hil_run: Run, hil_findings: list[Finding]) -> None:
    """Every layer's output has the definition's checksum (CRC-32), on every window tapped."""
    if not hil_run.device_layers:
        pytest.fail(f"no layer was looked at: {hil_run.incomplete}", pytrace=False)
    for cause in ("kernel", "overwritten", "layer"):
        none_of(hil_findings, "device", cause)
    assert all(layer.compared > 0 and not layer.differing for layer in hil_run.device_layers)


def test_preprocessing_on_the_device(hil_run: Run, hil_findings: list[Finding]) -> None:
    """Raw samples give the model the same input on the device as on the computer."""
    if not any(c.name == "device-raw" for c in hil_run.columns):
        pytest.skip("this model came without preprocessing: the device takes int8 inputs only")
    item = compared(hil_run, "device-raw", "input")
    if item.differing:
        pytest.fail(differing_windows(hil_run, item), pytrace=False)
    for cause in ("inputs-differ", "outputs-differ"):
        none_of(hil_findings, "preprocessing", cause)
