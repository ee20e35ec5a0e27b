"""One screen stays one: long evidence is cut and the rest is said to be elsewhere."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from records import good_run

from hil.screen import EVIDENCE, as_data, screen
from hil.verdict.rules.wording import note, problem


@pytest.mark.parametrize(("make", "severity"), [(problem, "problem"), (note, "note")])
def test_the_first_lines_of_evidence_are_shown_and_the_rest_counted(
    make: Any, severity: str
) -> None:
    room = EVIDENCE[severity]
    evidence = [f"line {i}" for i in range(room + 2)]
    run, finding = good_run(6), make("device", "kernel", "It differs", evidence=evidence)
    text = screen(run, [finding])
    assert f"line {room - 1}\n" in text
    assert f"line {room}\n" not in text
    assert "… 2 more in the report and in --json" in text
    assert as_data(run, [finding])["findings"][0]["evidence"] == evidence


def test_short_evidence_is_whole() -> None:
    finding = problem("device", "kernel", "It differs", evidence=["one", "two"])
    assert "more in the report" not in screen(good_run(6), [finding])


def test_what_is_given_to_the_device_is_said_where_there_is_a_choice() -> None:
    run = good_run(6)
    assert "device-raw: given raw sensor counts" in screen(run, [])
    without = tuple(c for c in run.columns if c.name != "device-raw")
    assert "given raw sensor counts" not in screen(replace(run, columns=without), [])
