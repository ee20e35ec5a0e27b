"""Effects, similarity, rotation and spectra on windows whose answer is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hil.run.alike import frequencies, similarities, spectrum
from hil.run.changes import both
from hil.run.spread import (
    angle_deg,
    everything,
    gravity,
    offsets,
    pairing,
    physical,
    rail_share,
    rotation,
)
from hil.vectors import FORMAT, VERSION, VectorManifest, Vectors

UNITS = (0.001,) * 6


def windows(values: np.ndarray, label: np.ndarray, subject: np.ndarray) -> Vectors:
    """Return windows [N, T, 6] in g and rad/s; every subject and class is one recording."""
    count = len(values)
    manifest = VectorManifest(
        FORMAT, VERSION, ("a", "b"), tuple("123456"), ("ax", "ay", "az", "wx", "wy", "wz"),
        ("g", "g", "g", "rad/s", "rad/s", "rad/s"), UNITS, 100.0, None, "all", "", "", "", "",
    )  # fmt: skip
    return Vectors(
        manifest, np.rint(values / np.array(UNITS)).astype(np.int16), label.astype(np.int16),
        subject.astype(np.int16), (subject * 10 + label).astype(np.int32),
        np.full(count, -1, np.int8), np.arange(count, dtype=np.int32),
    )  # fmt: skip


def people(count: int, seed: int, off: float = 0.0) -> Vectors:
    """Two classes whose gravity points elsewhere, and people who hold it a little otherwise."""
    random = np.random.default_rng(seed)
    label, subject = np.tile([0, 1], count * 10), np.repeat(np.arange(count), 20)
    values = random.normal(0, 0.05, (len(label), 30, 6))
    values[..., 0] += np.where(label, 0.9, -0.3)[:, None]
    values[..., 1] += 0.3
    values += random.normal(0, 0.02, (count, 1, 6))[subject]
    values[..., 2] += off
    return windows(values, label, subject)


def test_an_offset_is_stated_in_what_people_differ_in() -> None:
    pairs = pairing(people(5, 1), people(3, 2, off=0.4))
    assert pairs.matched
    effects = pairs.effects(offsets)
    assert effects[2].value == pytest.approx(0.4, abs=0.05)
    assert effects[2].subjects is not None
    assert effects[2].subjects > 6
    assert all(abs(e.subjects or 0) < 6 for i, e in enumerate(effects) if i != 2)


def test_another_mix_of_classes_is_no_offset_where_labels_match_them() -> None:
    training, target = people(5, 1), people(3, 2)
    ones = target.take(np.flatnonzero(target.label == 1))
    assert abs(pairing(training, ones).effects(offsets)[0].value) < 0.05
    unlabelled = replace(ones, label=np.full_like(ones.label, -1))
    pairs = pairing(training, unlabelled)
    assert not pairs.matched
    assert pairs.effects(offsets)[0].value > 0.5


def test_fewer_than_three_people_have_no_spread() -> None:
    (first, *_) = pairing(people(2, 1), people(2, 2)).effects(offsets)
    assert first.subjects is None
    assert first.recordings is not None


def test_gravity_twice_as_long_is_a_ratio_of_two() -> None:
    training, target = people(5, 1), people(5, 3)
    double = replace(target, raw=target.raw * np.array([2, 2, 2, 1, 1, 1], np.int16))
    (effect,) = everything(training, double).effects(gravity)
    assert np.exp(effect.value) == pytest.approx(2, rel=0.1)


@pytest.mark.parametrize("degrees", [10.0, 90.0, 170.0])
def test_a_rotation_is_estimated_from_gravity(degrees: float) -> None:
    training = people(5, 1)
    angle = np.radians(degrees)
    matrix = np.eye(3)
    matrix[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    moved = both("rotated", matrix, matrix).apply(physical(training))
    pairs = pairing(training, windows(moved, training.label, training.subject))
    assert angle_deg(rotation(pairs)) == pytest.approx(degrees, abs=1)
    assert rotation(pairs) @ matrix == pytest.approx(np.eye(3), abs=0.02)


def test_without_labels_only_the_direction_of_gravity_is_brought_back() -> None:
    training = people(5, 1)
    upside = both("rotated", np.diag([1.0, -1, -1]), np.eye(3)).apply(physical(training))
    target = windows(upside, np.full(len(upside), -1), training.subject)
    pairs = pairing(training, target)
    turned = physical(target)[..., :3].mean(axis=(0, 1)) @ rotation(pairs).T
    wanted = physical(training)[..., :3].mean(axis=(0, 1))
    assert turned / np.linalg.norm(turned) == pytest.approx(
        wanted / np.linalg.norm(wanted), abs=1e-6
    )


def test_similarity_is_one_for_the_same_shapes_whenever_they_begin() -> None:
    time = np.arange(50) / 50
    begin = np.random.default_rng(0).random((60, 1))
    waves = np.repeat(np.sin(2 * np.pi * (2 * time + begin))[..., None], 6, axis=2)
    noise = np.random.default_rng(1).normal(0, 1, waves.shape)
    subject, label = np.repeat(np.arange(3), 20), np.tile([0, 1], 30)
    training = windows(waves, label, subject)
    (alike, *_) = similarities(pairing(training, windows(waves, label, subject)))
    (other, *_) = similarities(pairing(training, windows(noise, label, subject)))
    assert alike is not None
    assert other is not None
    assert alike[0] > 0.9
    assert alike[1] == pytest.approx(alike[0], abs=0.02)
    assert other[1] < 0.7
    assert other[2].value == pytest.approx(other[1] - other[0], abs=1e-5)


def test_a_spectrum_has_its_power_where_the_movement_is() -> None:
    time = np.arange(100) / 100
    wave = np.tile(2 * np.sin(2 * np.pi * 10 * time), (4, 1))
    density = np.array(spectrum(wave, 100.0))
    lines = np.fft.rfftfreq(100, 0.01)
    assert lines[density.argmax()] == 10
    assert density.sum() * (lines[1] - lines[0]) == pytest.approx(2.0, rel=0.02)  # amplitude² / 2
    assert len(frequencies(people(3, 1))) == 16


def test_samples_at_the_end_of_a_range_are_those_that_repeat_its_extremes() -> None:
    free = np.arange(-500, 500, dtype=np.int16)
    assert rail_share(free) == pytest.approx(0.002)
    assert rail_share(np.clip(free, -400, 500)) == pytest.approx(0.102)
