"""The preprocessing against exact rational arithmetic, bit for bit."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.preprocess import Preprocessing

MEANS = st.floats(-20000, 20000, width=32)
STDS = st.floats(0.125, 20000, width=32)
SCALES = st.floats(2**-10, 1, width=32)
ZEROS = st.integers(-128, 127)
COUNTS = st.lists(st.integers(-32768, 32767), min_size=1, max_size=30)


def nearest_float32(value: Fraction) -> Fraction:
    """Return the float32 nearest to an exact number, ties to even (IEEE 754-2008, 4.3.1)."""
    if value == 0:
        return value
    magnitude = abs(value)
    exponent = magnitude.numerator.bit_length() - magnitude.denominator.bit_length()
    while Fraction(2) ** exponent > magnitude:
        exponent -= 1
    while Fraction(2) ** (exponent + 1) <= magnitude:
        exponent += 1
    step = Fraction(2) ** (max(exponent, -126) - 23)
    return round(value / step) * step  # Fraction rounds half to even


def exact_code(count: int, mean: float, gain: np.float32, zero: int) -> int:
    """Return the code by the documented rule: two float32 operations, then integers."""
    difference = nearest_float32(Fraction(count) - Fraction(mean))
    product = nearest_float32(difference * Fraction(float(gain)))
    magnitude = int(abs(product) + Fraction(1, 2))  # half away from zero
    code = zero + (magnitude if product > 0 else -magnitude)
    return max(-128, min(127, code))


@given(COUNTS, MEANS, STDS, SCALES, ZEROS)
def test_codes_are_exact(
    counts: list[int], mean: float, std: float, scale: float, zero: int
) -> None:
    preprocessing = Preprocessing((mean,), (std,))
    raw = np.asarray(counts, np.int16)[:, None]
    codes = preprocessing.quantize(raw, scale, zero)
    gain = preprocessing.gains(scale)[0]
    assert codes.dtype == np.int8
    assert codes[:, 0].tolist() == [exact_code(c, mean, gain, zero) for c in counts]


@given(st.integers(-200, 200), ZEROS)
def test_halves_round_away_from_zero(half: int, zero: int) -> None:
    """Counts at exact halves of a code: 2 counts a code, so an odd count is a tie."""
    preprocessing = Preprocessing((0.0,), (2.0,))
    raw = np.asarray([[2 * half + 1]], np.int16)
    away = half + 1 if half >= 0 else half
    expected = max(-128, min(127, away + zero))
    assert preprocessing.quantize(raw, 1.0, zero).tolist() == [[expected]]


@given(COUNTS, STDS, SCALES)
def test_codes_rise_with_counts(counts: list[int], std: float, scale: float) -> None:
    raw = np.sort(np.asarray(counts, np.int16))[:, None]
    codes = Preprocessing((0.0,), (std,)).quantize(raw, scale, 0)[:, 0].astype(int)
    assert (np.diff(codes) >= 0).all()


@given(STDS, SCALES)
def test_gains_are_rounded_once(std: float, scale: float) -> None:
    exact = 1 / (Fraction(float(np.float32(std))) * Fraction(scale))
    gain = Fraction(float(Preprocessing((0.0,), (std,)).gains(scale)[0]))
    # float64 keeps 29 more bits than float32: only a tie within 2^-50 could differ.
    assert abs(gain - exact) / exact <= Fraction(1, 2**24) + Fraction(1, 2**50)


def test_channels_use_their_own_constants() -> None:
    preprocessing = Preprocessing((0.0, 100.0), (1.0, 10.0))
    raw = np.asarray([[3, 100], [-3, 120]], np.int16)
    assert preprocessing.quantize(raw, 0.5, 1).tolist() == [[7, 1], [-5, 5]]
    assert preprocessing.normalise(raw).tolist() == [[3.0, 0.0], [-3.0, 2.0]]


def test_the_normalised_window_and_the_code_agree_to_half_a_step() -> None:
    """The float model and the int8 model are fed the same window, up to quantization."""
    preprocessing = Preprocessing((12.5, -7.25), (431.0, 27.0))
    raw = np.arange(-100, 100, dtype=np.int16).reshape(-1, 2)
    scale, zero = 0.0625, -3
    real = (preprocessing.quantize(raw, scale, zero).astype(np.float64) - zero) * scale
    assert np.abs(real - preprocessing.normalise(raw)).max() <= scale / 2 * (1 + 1e-5)
