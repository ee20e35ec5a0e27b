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
from hil.reference.validation import known
from hil.run.changes import exchanged_axes, mounting_changes, moved, swapped_sensors, turned
from hil.run.steps import Options, prepare
from hil.vectors import load_vectors, save_vectors
from hil.verdict.diagnose import diagnose
from hil.verdict.findings import Finding

Change3 = Callable[[np.ndarray], np.ndarray]


def unchanged(raw: np.ndarray) -> np.ndarray:
    return raw


#: (labelled, limit) → the run of the windows as they are: several tests ask for the same.
CLEAN: dict[tuple[bool, int], Run] = {}


@pytest.fixture
def shifted(tmp_path: Path) -> Callable[..., Run]:
    """Return a function: change of the raw windows → a run without its device's part."""

    def make(change: Change3 = unchanged, labelled: bool = True, limit: int = 120) -> Run:
        if change is unchanged and (labelled, limit) in CLEAN:
            return CLEAN[labelled, limit]
        vectors = load_vectors(MODEL / "vectors.npz")
        raw = np.clip(np.rint(change(vectors.raw.astype(float))), -32768, 32767).astype(np.int16)
        label = vectors.label if labelled else np.full_like(vectors.label, -1)
        save_vectors(tmp_path / "v.npz", replace(vectors, raw=raw, label=label))
        job = prepare(
            Options(
                load_board("nano33"),
                "host",
                None,
                MODEL,
                tmp_path / "v.npz",
                limit,
                2.0,
                "",
                quiet=True,
            )
        )
        made = good_run(
            columns=tuple(job.reference.columns), windows=known(job.inputs.vectors),
            data_shift=job.shift, comparisons=(), device_layers=(),
            validation=job.reference.validation,
        )  # fmt: skip
        if change is unchanged:
            CLEAN[labelled, limit] = made
        return made

    return make


def data(run: Run) -> list[Finding]:
    """Return what is told of the data, but that it is in order and what that leads to."""
    told = [f for f in diagnose(run) if f.stage == "data" and f.severity != "ok"]
    return [f for f in told if f.cause != "predominance"]


def of(run: Run) -> DataShift:
    assert run.data_shift is not None
    return run.data_shift


def turned_by(degrees: float) -> Change3:
    """Turn both sensors about z."""
    angle = np.radians(degrees)
    matrix = np.eye(3)
    matrix[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    return turned(matrix).apply


#: What is planted → cause, location (None: any channels), and the change of the counts.
PLANTED: dict[str, tuple[str, str | None, Change3]] = {
    "g as m/s²": ("unit", "ax, ay, az", lambda x: x * np.array([9.80665] * 3 + [1] * 3)),
    "rad as degrees": ("unit", "wx, wy, wz", lambda x: x * np.array([1] * 3 + [57.29578] * 3)),
    "turned by 90°": (
        "rotated", None,
        lambda x: x[..., [1, 0, 2, 4, 3, 5]] * np.array([1, -1, 1, 1, -1, 1]),
    ),
    "turned by 50°": ("rotated", None, turned_by(50)),
    "sensors exchanged": (
        "swapped-sensors", "ax, ay, az, wx, wy, wz", lambda x: x[..., [3, 4, 5, 0, 1, 2]]
    ),
    "axes of one sensor exchanged": ("shift", "ay, az", lambda x: x[..., [0, 2, 1, 3, 4, 5]]),
    "twice the range": ("amplitude", "ax, ay, az", lambda x: x * np.array([2] * 3 + [1] * 3)),
    "four times the range": ("amplitude", "ax, ay, az", lambda x: x * np.array([4] * 3 + [1] * 3)),
    "radians for degrees": ("unit", "wx, wy, wz", lambda x: x * np.array([1] * 3 + [1 / 57.3] * 3)),
    "half the rate of turn": (
        "amplitude", "wx, wy, wz", lambda x: x * np.array([1] * 3 + [0.4] * 3)
    ),
    "half a g too much": ("shift", "az", lambda x: x + np.array([0, 0, 0.5 / 0.000244, 0, 0, 0])),
}  # fmt: skip


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_shift_is_named_with_its_channels(name: str, shifted: Callable[..., Run]) -> None:
    cause, location, change = PLANTED[name]
    run = shifted(change)
    (found,) = data(run)
    assert (found.cause, found.severity) == (cause, "problem")
    assert location in (None, found.location)
    assert found.effect is not None
    assert found.effect_high is not None
    assert found.effect < -0.03
    assert found.effect_high < 0  # surely a loss
    assert not any(f.stage == "quantization" and f.above_limit for f in diagnose(run))
    assert not any(f.stage == "training" for f in diagnose(run))


def test_both_arms_in_training_make_a_mirrored_set_harmless(shifted: Callable[..., Run]) -> None:
    assert data(shifted(lambda x: x * np.array([-1, 1, 1, 1, -1, -1]))) == []


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


def without_gravity(raw: np.ndarray) -> np.ndarray:
    """Linear acceleration, as phones make it: each window's mean is taken off."""
    made = raw.copy()
    made[..., :3] -= made[..., :3].mean(axis=1, keepdims=True)
    return made


@pytest.mark.parametrize("labelled", [True, False])
def test_acceleration_without_gravity_is_no_unit(
    labelled: bool, shifted: Callable[..., Run]
) -> None:
    run = shifted(without_gravity, labelled)
    (found, *rest) = data(run)
    assert (found.cause, found.location, found.severity) == ("shift", "ax, ay, az", "problem")
    assert "Gravity is missing" in found.headline
    assert [f.cause for f in rest] == ([] if labelled else ["no-labels"])


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


def half_wrong(run: Run) -> Run:
    """Every other answer of the first model wrong, and no correction tried."""
    label = np.array(run.windows.label)
    wrong = tuple(np.where(np.arange(len(label)) % 2, (label + 1) % 3, label).tolist())
    columns = (replace(run.columns[0], predicted=wrong), *run.columns[1:])
    return replace(run, columns=columns, data_shift=replace(of(run), corrections=()))


def test_new_people_are_told_by_their_loss_against_held_out_recordings(
    shifted: Callable[..., Run],
) -> None:
    (found,) = data(half_wrong(shifted()))
    assert (found.cause, found.severity) == ("shift", "problem")
    assert found.effect_high is not None
    assert found.effect_high < -0.2
    assert "still pose" in (found.remedy or "")
    text = " ".join(found.evidence)
    assert "whole recordings exchanged" in text
    assert "calibration error" in text


def test_without_held_out_recordings_training_windows_have_to_do(
    shifted: Callable[..., Run],
) -> None:
    (found,) = data(replace(half_wrong(shifted()), validation=None))
    assert (found.cause, found.severity) == ("shift", "note")
    assert found.effect_high is not None
    assert found.effect_high < -0.2


def test_held_out_and_tested_recordings_that_do_alike_are_in_order(
    shifted: Callable[..., Run],
) -> None:
    run = shifted()
    (found,) = [f for f in diagnose(run) if f.stage == "data"]
    assert (found.severity, found.effect is not None) == ("ok", True)
    assert run.validation is not None
    assert run.validation.column.name == "validation"
    assert run.validation.target == run.columns[0].name
    assert len(run.validation.windows.label) == 300
    assert set(run.validation.windows.subject) == {"6", "7"}


def test_effects_are_small_among_like_people_and_large_where_planted(
    shifted: Callable[..., Run],
) -> None:
    clean = of(shifted(limit=300))
    off = of(shifted(PLANTED["half a g too much"][2], limit=300))
    assert clean.matched
    assert all(abs(c.offset.subjects or 0) < 3 for c in clean.channels)
    assert off.channels[2].offset.value == pytest.approx(
        clean.channels[2].offset.value + 0.5, abs=1e-3
    )
    assert (off.channels[2].offset.subjects or 0) > 3
    assert all(c.similarity is not None for c in clean.channels)
    assert all(0 < (c.target_similarity or 0) <= 1 for c in clean.channels)


def test_without_labels_no_cells_are_matched(shifted: Callable[..., Run]) -> None:
    assert not of(shifted(labelled=False)).matched


def test_mountings_are_those_of_a_rigid_body() -> None:
    changes = mounting_changes()
    assert len(changes) == 23 + 4
    assert len({c.matrix.tobytes() for c in changes}) == len(changes)
    for c in changes:
        matrix = c.matrix[:3, :3]
        det = round(np.linalg.det(matrix))
        assert (det == -1) == (c.kind == "mirrored")
        # ω of a rotating vector: R(ω × r) = (det R · R ω) × (R r)
        w, r = np.array([1.0, 2.0, 3.0]), np.array([-2.0, 0.5, 1.0])
        both = c.apply(np.hstack([r, w])[None, None])
        moved_r, moved_w = both[0, 0, :3], both[0, 0, 3:]
        assert np.allclose(matrix @ np.cross(w, r), np.cross(moved_w, moved_r))


def test_exchanged_axes_leave_the_other_sensor_alone() -> None:
    for c in exchanged_axes():
        assert len(c.changed()) <= 3
        assert {i // 3 for i in c.changed()} in ({0}, {1})


def test_what_undoes_a_shift_is_said_by_channel() -> None:
    names = ("ax", "ay", "az", "wx", "wy", "wz")
    assert moved(2, 0.31).formulas(names)[2] == "az - 0.31"
    quarter = turned(np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]]))
    assert quarter.formulas(names) == ("-ay", "ax", "az", "-wy", "wx", "wz")
    part = turned(np.array([[0.6, -0.8, 0], [0.8, 0.6, 0], [0, 0, 1]]))
    assert part.formulas(names)[0] == "0.6 ax - 0.8 ay"


def test_exchanged_counts_are_exchanged_back() -> None:
    units = (0.000244,) * 3 + (0.00122,) * 3
    counts = np.arange(6.0)[None, None]
    wrong = counts[..., [3, 4, 5, 0, 1, 2]] * np.array(units)
    right = swapped_sensors(units)[1].apply(wrong)
    assert np.allclose(right, counts * np.array(units))
