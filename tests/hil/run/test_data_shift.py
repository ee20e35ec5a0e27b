"""Shifts planted into real windows: told with their channels, and nothing told of clean ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fake_device import MODEL
from records import good_run

from hil.board import load_board
from hil.record import DataShift, Run
from hil.run.assemble import _windows
from hil.run.shift import Change, mounting_changes, swapped_sensors
from hil.run.steps import Options, prepare
from hil.vectors import load_vectors, save_vectors
from hil.verdict.diagnose import diagnose
from hil.verdict.findings import Finding

Change3 = Callable[[np.ndarray], np.ndarray]


@pytest.fixture
def shifted(tmp_path: Path) -> Callable[..., Run]:
    """Return a function: change of the raw windows → a run without its device's part."""

    def make(change: Change3 = lambda x: x, labelled: bool = True) -> Run:
        vectors = load_vectors(MODEL / "vectors.npz")
        raw = np.clip(np.rint(change(vectors.raw.astype(float))), -32768, 32767).astype(np.int16)
        label = vectors.label if labelled else np.full_like(vectors.label, -1)
        save_vectors(tmp_path / "v.npz", replace(vectors, raw=raw, label=label))
        job = prepare(
            Options(
                load_board("nano33"), "host", None, MODEL, tmp_path / "v.npz", 120, 2.0, "", True
            )
        )
        return good_run(
            columns=tuple(job.reference.columns), windows=_windows(job.inputs),
            data_shift=job.shift, comparisons=(), device_layers=(),
        )  # fmt: skip

    return make


def data(run: Run) -> list[Finding]:
    return [f for f in diagnose(run) if f.stage == "data" and f.cause != "predominance"]


def of(run: Run) -> DataShift:
    assert run.data_shift is not None
    return run.data_shift


PLANTED: dict[str, tuple[str, str, Change3]] = {
    "other arm": ("mirrored", "ax, wy, wz", lambda x: x * np.array([-1, 1, 1, 1, -1, -1])),
    "g as m/s²": ("unit", "ax, ay, az", lambda x: x * np.array([9.80665] * 3 + [1] * 3)),
    "rad as degrees": ("unit", "wx, wy, wz", lambda x: x * np.array([1] * 3 + [57.29578] * 3)),
    "turned by 90°": (
        "rotated", "ax, ay, wx, wy",
        lambda x: x[..., [1, 0, 2, 4, 3, 5]] * np.array([1, -1, 1, 1, -1, 1]),
    ),
    "sensors exchanged": (
        "swapped-sensors", "ax, ay, az, wx, wy, wz", lambda x: x[..., [3, 4, 5, 0, 1, 2]]
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", [n for n in PLANTED if n != "other arm"])
def test_a_planted_shift_is_named_with_its_channels(name: str, shifted: Callable[..., Run]) -> None:
    cause, location, change = PLANTED[name]
    run = shifted(change)
    (found,) = data(run)
    assert (found.cause, found.location, found.severity) == (cause, location, "problem")
    assert found.effect is not None
    assert found.effect < -0.1
    assert not any(f.stage == "quantization" and f.above_limit for f in diagnose(run))
    assert not any(f.stage == "training" for f in diagnose(run))


def test_both_arms_in_training_make_a_mirrored_set_harmless(shifted: Callable[..., Run]) -> None:
    assert data(shifted(PLANTED["other arm"][2])) == []


def test_clean_windows_say_nothing(shifted: Callable[..., Run]) -> None:
    run = shifted()
    assert data(run) == []
    assert of(run).p_value > 0.01
    assert of(run).gravity_norm == pytest.approx((1.07, 1.05), abs=0.05)


def test_without_labels_impossible_values_are_told_all_the_same(
    shifted: Callable[..., Run],
) -> None:
    found = data(shifted(PLANTED["g as m/s²"][2], False))
    assert [(f.cause, f.location, f.effect) for f in found] == [
        ("unit", "ax, ay, az", None), ("no-labels", None, None),
    ]  # fmt: skip


def test_clipped_samples_are_told(shifted: Callable[..., Run]) -> None:
    run = shifted()
    channels = list(of(run).channels)
    channels[4] = replace(channels[4], target_rail=0.03)
    run = replace(run, data_shift=replace(of(run), channels=tuple(channels)))
    (found,) = data(run)
    assert (found.cause, found.location) == ("clipped", "wy")


def test_a_mounting_is_blamed_only_where_labels_agree(shifted: Callable[..., Run]) -> None:
    """A change that brings nothing back is not blamed, however near it comes to training."""
    run = shifted()
    near = [replace(c, distance=0.0) for c in of(run).corrections]
    assert data(replace(run, data_shift=replace(of(run), corrections=tuple(near)))) == []


def test_new_people_are_told_as_such(shifted: Callable[..., Run]) -> None:
    """Half of the answers wrong, and no change of mounting helps."""
    run = shifted()
    label = np.array(run.windows.label)
    wrong = tuple(np.where(np.arange(len(label)) % 2, (label + 1) % 3, label).tolist())
    columns = (replace(run.columns[0], predicted=wrong), *run.columns[1:])
    shift = replace(of(run), corrections=())
    (found,) = data(replace(run, columns=columns, data_shift=shift))
    assert (found.cause, found.severity) == ("shift", "note")
    assert found.effect_high is not None
    assert found.effect_high < -0.2


def test_mountings_are_those_of_a_rigid_body() -> None:
    changes = mounting_changes()
    assert len(changes) == 23 + 4
    assert len({(c.source, c.sign) for c in changes}) == len(changes)
    for c in changes:
        matrix = np.zeros((3, 3))
        for i in range(3):
            matrix[i, c.source[i]] = c.sign[i]
        det = round(np.linalg.det(matrix))
        assert (det == -1) == (c.kind == "mirrored")
        # ω of a rotating vector: R(ω × r) = (det R · R ω) × (R r)
        w, r = np.array([1.0, 2.0, 3.0]), np.array([-2.0, 0.5, 1.0])
        both = Change(c.kind, c.source, c.sign, c.factor).apply(np.hstack([r, w])[None, None])
        moved_r, moved_w = both[0, 0, :3], both[0, 0, 3:]
        assert np.allclose(matrix @ np.cross(w, r), np.cross(moved_w, moved_r))


def test_exchanged_counts_are_exchanged_back() -> None:
    units = (0.000244,) * 3 + (0.00122,) * 3
    counts = np.arange(6.0)[None, None]
    wrong = counts[..., [3, 4, 5, 0, 1, 2]] * np.array(units)
    right = swapped_sensors(units)[1].apply(wrong)
    assert np.allclose(right, counts * np.array(units))
