"""The vocabulary of findings is closed, and every word of it is used."""

from __future__ import annotations

import pytest

from hil.verdict.causes import CAUSES, LOCATIONS, known
from hil.verdict.rules.wording import note


def test_every_stage_says_what_its_locations_are() -> None:
    assert set(CAUSES) == set(LOCATIONS)


def test_a_finding_outside_the_vocabulary_cannot_be_built() -> None:
    assert note("device", "rounding", "x").cause == "rounding"
    assert not known("device", "gremlins")
    with pytest.raises(AssertionError, match="device/gremlins"):
        note("device", "gremlins", "x")
    with pytest.raises(AssertionError, match="nowhere"):
        note("nowhere", "loss", "x")
