"""The mirror image obeys mechanics; the jitter keeps shape, type and repeatability."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pipeline.train.augment import MIRROR, jitter, mirror

VECTORS = arrays(np.int64, 3, elements=st.integers(-1000, 1000))


@given(VECTORS, VECTORS)
def test_the_mirror_keeps_the_law_of_rotation(turn: np.ndarray, arm: np.ndarray) -> None:
    """v = ω × r holds after the reflection: ω is reflected as a gyroscope's axes, v and r as an
    accelerometer's."""
    linear, angular = MIRROR[:3], MIRROR[3:]
    velocity = np.cross(turn, arm)
    assert np.array_equal(np.cross(turn * angular, arm * linear), velocity * linear)
    assert linear.prod() == -1, "a reflection, not a rotation"


@given(arrays(np.int16, (2, 5, 6)))
def test_mirroring_twice_is_nothing_but_at_the_rail(raw: np.ndarray) -> None:
    """−32768 has no positive twin in int16 and stops at 32767."""
    twice = mirror(mirror(raw))
    assert np.array_equal(twice, np.where((raw == -32768) & (MIRROR == -1), -32767, raw))


def test_jitter_moves_each_window_and_channel_as_a_whole() -> None:
    windows = np.arange(2 * 50 * 6, dtype=np.float32).reshape(2, 50, 6)
    moved = jitter(windows, np.random.default_rng(1))
    assert (moved.shape, moved.dtype) == (windows.shape, np.float32)
    gain = (moved[:, -1] - moved[:, 0]) / (windows[:, -1] - windows[:, 0])
    offset = moved[:, 0] - gain * windows[:, 0]
    assert np.allclose(moved, windows * gain[:, None] + offset[:, None], atol=1e-3)
    assert len(np.unique(gain.round(4))) == gain.size
    assert np.array_equal(moved, jitter(windows, np.random.default_rng(1)))
