"""Faults end to end: planted in the C, measured through the protocol, and named from the record."""

from __future__ import annotations

from pathlib import Path

import pytest

from hil.zoo.collection import collect, specimens
from hil.zoo.score import found
from hil.zoo.specimen import Specimen, concluded, measured


@pytest.mark.parametrize(
    ("arch", "fault", "severity", "cause", "location"),
    [
        ("dense", "device-stale-layer", 1, "stale-weights", "dense2"),
        ("dense", "device-input-zero-point", 0, "zero-point", "dense2"),
        ("cnn", "device-overlapping-buffers", 2, "overwritten", "conv2"),
        ("cnn", "device-race", 0, "not-repeatable", "conv2"),
        ("lstm", "device-state-not-reset", 1, "left-over-state", "unidirectional_sequence_lstm_0"),
        ("dense", "preprocessing-smoothing", 1, "filter", None),
    ],
)
def test_a_fault_is_named(
    arch: str, fault: str, severity: int, cause: str, location: str | None
) -> None:
    made = measured(Specimen(arch, "nano33", ((fault, severity),)))
    assert made.run is not None
    assert made.run.incomplete is None  # an unsteady device is measured to the end as well
    told = found(concluded(made))
    assert (told.cause, told.location) == (cause, location)


def test_other_weights_are_told_from_the_layer_s_answers() -> None:
    made = measured(Specimen("dense", "nano33", (("device-stale-channels", 1),)))
    assert made.run is not None
    (evidence,) = made.run.layer_evidence
    assert evidence.explained is None
    constants = evidence.constants
    assert constants is not None
    assert constants.affine == constants.told  # its arithmetic is right
    assert 0 < constants.other_rows <= 4  # a fifth of 16 channels was planted
    assert 0 < constants.other_weights <= constants.weights * 0.25


def test_what_was_run_is_kept_and_not_run_again(tmp_path: Path) -> None:
    wanted = [s for s in specimens(True, "build-other-model") if s.faults]
    wanted += [Specimen("dense", "nano33", (("preprocessing-gain", 1),))]
    first = collect(wanted, tmp_path, jobs=2, quiet=True)
    files = {p: p.stat().st_mtime_ns for p in (tmp_path / "runs").iterdir()}
    assert len(files) == len(wanted)
    assert collect(wanted, tmp_path, jobs=2, quiet=True) == first
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "runs").iterdir()} == files
    cut_short = next(iter(files))
    cut_short.write_bytes(cut_short.read_bytes()[:100])
    assert [o.findings for o in collect(wanted, tmp_path, jobs=2, quiet=True)] == [
        o.findings for o in first
    ]
    assert cut_short.stat().st_mtime_ns != files[cut_short]
