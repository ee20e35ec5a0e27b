"""The integer arithmetic of quantized inference: the one definition, as TFLM's reference kernels
compute it (gemmlowp's double rounding), held against the `tflite-micro` wheel by tests/engine.

A real multiplier M is kept as m · 2^(shift − 31) with m in [2^30, 2^31). A product is rounded
twice: to its high half, halves up (`high_mul`), and by the remaining power of two, halves away
from zero (`divide_by_pot`). LiteRT's kernels round once in places; results differ.

Sources: TensorFlow Lite 8-bit quantization specification
(https://ai.google.dev/edge/litert/models/quantization_spec); gemmlowp's doc/quantization.md and
fixedpoint.md. The C twin is firmware/lib/nn/nn_quant.h; test_vectors/requant binds the two.

Functions on arrays take and return int64 arrays that hold int32 values unless said otherwise.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.options import Activation

I64 = NDArray[np.int64]

INT32_MAX: Final = 2**31 - 1
INT32_MIN: Final = -(2**31)

#: Largest left shift of an int32 by a multiplier; more would say that M ≥ 2^30.
MAX_LEFT_SHIFT: Final = 30


def quantize_multiplier(real: float) -> tuple[int, int]:
    """Return (m, shift) with real ≈ m · 2^(shift − 31). `real` ≥ 0; tiny ones become (0, 0)."""
    if real == 0.0:
        return 0, 0
    fraction, shift = math.frexp(real)
    m = round_half_away(fraction * 2.0**31)
    if m == 2**31:
        m, shift = 2**30, shift + 1
    return (0, 0) if shift < -31 else (m, shift)


def quantize_multipliers(reals: NDArray[np.float64]) -> tuple[I64, I64]:
    """Return (m, shift) of many reals [n], as `quantize_multiplier` of each."""
    fraction, shift = np.frexp(reals)
    m = np.floor(fraction * 2.0**31 + 0.5).astype(np.int64)  # exact in float64; none is negative
    m, shift = np.where(m == 2**31, 2**30, m), shift.astype(np.int64) + (m == 2**31)
    gone = (shift < -31) | (m == 0)
    return np.where(gone, 0, m), np.where(gone, 0, shift)


def round_half_away(value: float) -> int:
    """Return the nearest integer, halves away from zero (C's `round`)."""
    return int(math.copysign(math.floor(abs(value) + 0.5), value))


def wrap32(x: I64) -> I64:
    """Return x modulo 2^32 as int32 values: what a 32-bit register holds."""
    wrapped: I64 = (x + 2**31) % 2**32 - 2**31
    return wrapped


def high_mul(a: I64, b: I64 | int) -> I64:
    """Return round(a · b / 2^31), halves up: gemmlowp's SaturatingRoundingDoublingHighMul.

    gemmlowp adds a nudge that depends on the sign and truncates towards zero; for both signs that
    is floor((ab + 2^30) / 2^31). The one product that would overflow, INT32_MIN², saturates.
    """
    product: I64 = np.minimum((a * b + 2**30) >> 31, INT32_MAX)
    return product


def divide_by_pot(x: I64, exponent: I64 | int) -> I64:
    """Return x / 2^exponent rounded, halves away from zero; 0 ≤ exponent ≤ 31."""
    half = (np.int64(1) << np.asarray(exponent, np.int64)) >> 1
    # floor((x + half) / 2^e) rounds halves up; one less moves negative halves down.
    nudge = half - ((x < 0) & (half > 0))
    return (x + nudge) >> exponent


def requantize(x: I64, multiplier: I64 | int, shift: I64 | int) -> I64:
    """Return x · multiplier · 2^(shift − 31), rounded twice; x << shift wraps as in 32 bits."""
    left = np.maximum(shift, 0)
    right = np.maximum(np.negative(shift), 0)
    return divide_by_pot(high_mul(wrap32(x << left), multiplier), right)


def activation_range(activation: int, scale: np.float32, zero_point: int) -> tuple[int, int]:
    """Return the int8 codes a fused activation clamps to. The division is float32, as in TFLM."""

    def code(real: float) -> int:
        with np.errstate(over="ignore"):
            steps = float(np.float32(real) / scale)
        # Beyond any code all the same; keeps an infinite quotient out of the rounding.
        return zero_point + round_half_away(max(-1e6, min(steps, 1e6)))

    low, high = {
        Activation.NONE: (-128, 127),
        Activation.RELU: (code(0.0), 127),
        Activation.RELU6: (code(0.0), code(6.0)),
        Activation.RELU_N1_TO_1: (code(-1.0), code(1.0)),
    }[Activation(activation)]
    return max(low, -128), min(high, 127)


# SOFTMAX: exp and 1/x in fixed point. Qa.b is an int32 with a integer and b fraction bits.

#: Integer bits of the scaled difference to the maximum (Q5.26) and of the sum of exps (Q12.19).
DIFF_INTEGER_BITS: Final = 5
SUM_INTEGER_BITS: Final = 12
#: TFLM aborts where the sum of exps needs a shift of more than 31, at 2^9 in Q12.19.
MAX_CLASSES: Final = 2**9 - 1

#: exp(−2^e) in Q0.31 for e from −2 to 4: round(exp(−2^e) · 2^31).
EXP_POWERS: Final = tuple(round_half_away(math.exp(-(2.0**e)) * 2**31) for e in range(-2, 5))
#: exp(−1/8), 1/3 in Q0.31; 48/17, −32/17 in Q2.29.
EXP_EIGHTH: Final = round_half_away(math.exp(-1 / 8) * 2**31)
ONE_THIRD: Final = round_half_away(2**31 / 3)
NEWTON_48_17: Final = round_half_away(48 / 17 * 2**29)
NEWTON_32_17: Final = -round_half_away(32 / 17 * 2**29)


def softmax_scaling(beta: float, input_scale: np.float32) -> tuple[int, int, int]:
    """Return (multiplier, left shift, smallest difference whose exp counts) of SOFTMAX's input.

    Differences scaled by beta · scale to Q5.26; smaller ones than −(2^5 − 1) after scaling are 0.
    """
    real = min(float(np.float32(beta)) * float(input_scale) * 2.0**26, 2.0**31 - 1)
    multiplier, shift = quantize_multiplier(real)
    return multiplier, shift, -math.floor(31 * 2.0**26 / 2.0**shift) if shift >= 0 else 0


def exp_on_negative(x: I64, integer_bits: int = DIFF_INTEGER_BITS) -> I64:
    """Return exp(x) in Q0.31 for x ≤ 0: a Taylor series on (−1/4, 0], then powers.

    x has `integer_bits` (4 or 5) before its point, 31 less that behind it.
    """
    fraction_bits = 31 - integer_bits
    quarter = 1 << (fraction_bits - 2)
    fraction: I64 = (x & (quarter - 1)) - quarter
    result = _exp_last_quarter(fraction << integer_bits)
    whole = fraction - x
    for e, power in zip(range(-2, integer_bits), EXP_POWERS, strict=False):
        bit = 1 << (fraction_bits + e)
        result = np.where(whole & bit, high_mul(result, power), result)
    return np.where(x == 0, INT32_MAX, result)


def _exp_last_quarter(a: I64) -> I64:
    """Return exp(a) in Q0.31 for a in [−1/4, 0), Q0.31: fourth-order Taylor about −1/8."""
    x = a + (1 << 28)
    x2 = high_mul(x, x)
    x3 = high_mul(x2, x)
    x4 = high_mul(x2, x2)
    tail = divide_by_pot(high_mul(divide_by_pot(x4, 2) + x3, ONE_THIRD) + x2, 1)
    eighth = np.full_like(a, EXP_EIGHTH)
    return EXP_EIGHTH + high_mul(eighth, x + tail)


def reciprocal(x: I64) -> tuple[I64, I64]:
    """Return (r, bits) with 1/x ≈ r · 2^(−31 − bits), x > 0 in Q12.19: three Newton steps."""
    headroom = 31 - np.floor(np.log2(x.astype(np.float64))).astype(np.int64)
    return _saturating_shift(_newton((x << headroom) >> 1), 1), SUM_INTEGER_BITS - headroom


def _newton(half_denominator: I64) -> I64:
    """Return 1 / half_denominator in Q2.29 for half_denominator in [1/2, 1), Q0.31."""
    estimate = NEWTON_48_17 + high_mul(half_denominator, NEWTON_32_17)
    for _ in range(3):
        rest = (1 << 29) - high_mul(half_denominator, estimate)
        estimate = estimate + _saturating_shift(high_mul(estimate, rest), 2)
    return estimate


def one_over_one_plus(x: I64) -> I64:
    """Return 1 / (1 + x) in Q0.31 for x in [0, 1], Q0.31."""
    return _saturating_shift(_newton((x + INT32_MAX + 1) >> 1), 1)


def one_minus_over_one_plus(x: I64) -> I64:
    """Return (1 − x) / (1 + x) in Q0.31 for x in [0, 1], Q0.31."""
    return _saturating_shift(_newton((x + INT32_MAX + 1) >> 1) - (1 << 29), 2)


def _saturating_shift(x: I64, bits: int) -> I64:
    limited: I64 = np.clip(x << bits, INT32_MIN, INT32_MAX)
    return limited


def softmax(x: NDArray[np.int8], multiplier: int, shift: int, diff_min: int) -> NDArray[np.int8]:
    """Return SOFTMAX over the last axis; the output's scale is 1/256, its zero point −128."""
    diff = x.astype(np.int64) - x.max(axis=-1, keepdims=True)
    counted = diff >= diff_min
    scaled = high_mul(np.where(counted, diff, 0) << shift, multiplier)
    exps = np.where(counted, exp_on_negative(scaled), 0)
    total = divide_by_pot(exps, SUM_INTEGER_BITS).sum(axis=-1, keepdims=True)
    inverse, bits = reciprocal(total)
    share = divide_by_pot(high_mul(inverse, exps), bits + 31 - 8)
    codes: NDArray[np.int8] = np.clip(np.where(counted, share, 0) - 128, -128, 127).astype(np.int8)
    return codes


# LSTM: sigmoid and tanh from int16 to int16 by interpolation in one table.


def _sigmoid_table() -> I64:
    """Return sigmoid(i / 24) in Q0.16 for i in 0…255, as TFLM's table has it.

    Each place is raised by half of what the chord to the next one lies below the curve at its
    middle, so that interpolating errs as much upwards as downwards. The last place is the rail.
    """

    def curve(i: NDArray[np.float64]) -> NDArray[np.float64]:
        return 65536.0 / (1.0 + np.exp(-i / 24.0))

    i = np.arange(255.0)
    sagitta = curve(i + 0.5) - (curve(i) + curve(i + 1)) / 2
    return np.append(np.floor(curve(i) + sagitta / 2 + 0.5), 65535).astype(np.int64)


SIGMOID_TABLE: Final = _sigmoid_table()


def sigmoid(x: I64) -> I64:
    """Return sigmoid in Q0.15 of x in Q3.12 (int16 values)."""
    scaled = x * 3
    size = np.abs(scaled)
    place = np.minimum(size >> 9, 254)
    below, above = SIGMOID_TABLE[place], SIGMOID_TABLE[place + 1]
    result = (below << 9) + (size & 0x1FF) * (above - below)
    result = np.where(size >> 9 >= 255, 0x7FFF << 10, result)
    return np.where(scaled >= 0, result + (1 << 9), (1 << 25) - result + (1 << 9) - 1) >> 10


def tanh(x: I64, left_shift: int) -> I64:
    """Return tanh in Q0.15 of int16 x with 3 + left_shift integer bits, as 2 · sigmoid(2x) − 1.

    left_shift < 0: x has fewer integer bits; TFLM then scales by 3 · 2^left_shift, rounded.
    """
    if left_shift >= 0:
        scaled = x * (3 << left_shift)
    else:
        scaled = (x * 3 + (1 << (-left_shift - 1))) >> -left_shift
    size = np.abs(scaled)
    place = np.minimum(size >> 8, 254)
    below, above = SIGMOID_TABLE[place], SIGMOID_TABLE[place + 1]
    result = (below << 8) + (size & 0xFF) * (above - below)
    result = np.where(size >> 8 >= 255, 0xFFFF << 8, result)
    half = 1 << 23
    return np.where(scaled >= 0, result - half + (1 << 7), -result + half + (1 << 7) - 1) >> 8
