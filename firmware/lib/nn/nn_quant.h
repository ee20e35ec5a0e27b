/* Integer arithmetic of quantized inference: the C twin of pipeline/quant.py, which says where the
 * rules come from. test_vectors/requant holds the cases that bind the two.
 *
 * Products are rounded twice, as TFLM's reference kernels do: to their high half (halves up), then
 * by a power of two (halves away from zero). */
#ifndef NN_QUANT_H
#define NN_QUANT_H

#include <stdint.h>

/* Kernels are inlined into the layer that calls them with constants, so that the compiler knows
 * every trip count. */
#if defined(__GNUC__) || defined(__clang__)
#define NN_INLINE static inline __attribute__((always_inline))
#else
#define NN_INLINE static inline
#endif

/* Before a loop whose body is a few instructions. */
#if defined(__GNUC__) && !defined(__clang__)
#define NN_UNROLL _Pragma("GCC unroll 8")
#else
#define NN_UNROLL
#endif

/* Everything here shifts negative numbers right, which C leaves to the compiler. */
typedef char nn_needs_arithmetic_shifts[((-1 >> 1) == -1) ? 1 : -1];

/* What becomes of an accumulator of one output channel. real = multiplier · 2^(shift − 31) */
struct nn_channel {
    int32_t bias; /* the input's zero point is folded in */
    int32_t multiplier;
    int32_t shift;
};

/* Where the results of a layer end up. */
struct nn_range {
    int32_t zero_point;
    int32_t low, high;     /* codes the fused activation clamps to */
    int32_t only_to_right; /* 1: every channel's shift is −1 or less */
};

/* a · b / 2^31. At most one of them may be INT32_MIN. */
NN_INLINE int32_t nn_high_mul(int32_t a, int32_t b) {
    return (int32_t)(((int64_t)a * b + ((int64_t)1 << 30)) >> 31);
}

/* x / 2^exponent, 1 ≤ exponent ≤ 31; x is not INT32_MIN, nor INT32_MAX with an exponent of 1 (no
 * product with a multiplier is either). */
NN_INLINE int32_t nn_divide_by_pot(int32_t x, int32_t exponent) {
    const int32_t towards_zero = x + (x >> 31); /* one less where negative: halves go down */
    return ((towards_zero >> (exponent - 1)) + 1) >> 1;
}

/* x · multiplier · 2^(shift − 31); a left shift wraps, as it does in TFLM. */
NN_INLINE int32_t nn_requantize(int32_t x, int32_t multiplier, int32_t shift) {
    int32_t high;
    if (shift > 0) {
        return nn_high_mul((int32_t)((uint32_t)x << shift), multiplier);
    }
    high = nn_high_mul(x, multiplier);
    return shift < 0 ? nn_divide_by_pot(high, -shift) : high;
}

NN_INLINE int32_t nn_clamp(int32_t x, int32_t low, int32_t high) {
    return x < low ? low : (x > high ? high : x);
}

/* An accumulator of `channel` as an int8 code. */
NN_INLINE int8_t nn_to_int8(int32_t sum, const struct nn_channel *channel,
                            const struct nn_range *range) {
    const int32_t real =
        range->only_to_right
            ? nn_divide_by_pot(nn_high_mul(sum, channel->multiplier), -channel->shift)
            : nn_requantize(sum, channel->multiplier, channel->shift);
    return (int8_t)nn_clamp(real + range->zero_point, range->low, range->high);
}

#endif
