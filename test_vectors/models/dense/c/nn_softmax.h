/* SOFTMAX of int8 over the last axis, in fixed point: exp by a Taylor series, the division by three
 * Newton steps. The output's scale is 1/256, its zero point −128. See pipeline/quant.py. */
#ifndef NN_SOFTMAX_H
#define NN_SOFTMAX_H

#include "nn_quant.h"

struct nn_softmax {
    int32_t rows, classes;
    int32_t multiplier, shift; /* differences of codes to Q5.26 */
    int32_t smallest;          /* differences below it count as nothing */
};

/* exp(a) in Q0.31 for a in [−1/4, 0), Q0.31: fourth-order Taylor about −1/8. */
static inline int32_t nn_exp_last_quarter(int32_t a) {
    const int32_t exp_eighth = 1895147668, one_third = 715827883;
    const int32_t x = a + (1 << 28);
    const int32_t x2 = nn_high_mul(x, x);
    const int32_t x3 = nn_high_mul(x2, x);
    const int32_t x4 = nn_high_mul(x2, x2);
    const int32_t cubic = nn_high_mul(nn_divide_by_pot(x4, 2) + x3, one_third);
    return exp_eighth + nn_high_mul(exp_eighth, x + nn_divide_by_pot(cubic + x2, 1));
}

/* exp(x) in Q0.31 for x ≤ 0 in Q5.26. */
static inline int32_t nn_exp_on_negative(int32_t x) {
    /* exp(−2^e) in Q0.31, e = −2…4 */
    static const int32_t power[7] = {1672461947, 1302514674, 790015084, 290630308,
                                     39332535,   720401,     242};
    const int32_t quarter = 1 << 24;
    const int32_t fraction = (x & (quarter - 1)) - quarter;
    const int32_t whole = fraction - x;
    int32_t result, i;
    if (x == 0) {
        return INT32_MAX;
    }
    result = nn_exp_last_quarter((int32_t)((uint32_t)fraction << 5));
    for (i = 0; i < 7; i++) {
        if (whole & ((int32_t)1 << (24 + i))) {
            result = nn_high_mul(result, power[i]);
        }
    }
    return result;
}

static inline int32_t nn_saturating_shift(int32_t x, int32_t bits) {
    const int64_t wide = (int64_t)x * ((int64_t)1 << bits);
    return wide > INT32_MAX ? INT32_MAX : (wide < INT32_MIN ? INT32_MIN : (int32_t)wide);
}

/* 1/x as result · 2^(−31 − *bits), x > 0 in Q12.19. */
static inline int32_t nn_reciprocal(int32_t x, int32_t *bits) {
    const int32_t newton_48_17 = 1515870810, newton_32_17 = -1010580540; /* Q2.29 */
    uint32_t normal = (uint32_t)x;
    int32_t headroom = 0, half, estimate, i;
    while (!(normal & 0x80000000u)) {
        normal <<= 1;
        headroom++;
    }
    *bits = 12 - headroom;
    half = (int32_t)(normal >> 1);
    estimate = newton_48_17 + nn_high_mul(half, newton_32_17);
    for (i = 0; i < 3; i++) {
        const int32_t rest = (1 << 29) - nn_high_mul(half, estimate);
        estimate += nn_saturating_shift(nn_high_mul(estimate, rest), 2);
    }
    return nn_saturating_shift(estimate, 1);
}

/* exp of one code's difference to the row's largest, in Q0.31; 0 where it is too small to count. */
static inline int32_t nn_softmax_exp(const struct nn_softmax *layer, int32_t difference) {
    if (difference < layer->smallest) {
        return 0;
    }
    return nn_exp_on_negative(
        nn_high_mul((int32_t)((uint32_t)difference << layer->shift), layer->multiplier));
}

static inline void nn_softmax_row(const struct nn_softmax *layer, const int8_t *input,
                                  int8_t *output) {
    int32_t largest = INT8_MIN, sum = 0, inverse, bits, c;
    for (c = 0; c < layer->classes; c++) {
        largest = input[c] > largest ? input[c] : largest;
    }
    for (c = 0; c < layer->classes; c++) {
        sum += nn_divide_by_pot(nn_softmax_exp(layer, input[c] - largest), 12);
    }
    inverse = nn_reciprocal(sum, &bits);
    for (c = 0; c < layer->classes; c++) {
        const int32_t share = nn_high_mul(inverse, nn_softmax_exp(layer, input[c] - largest));
        output[c] = (int8_t)nn_clamp(nn_divide_by_pot(share, bits + 23) - 128, -128, 127);
    }
}

static inline void nn_softmax(const struct nn_softmax *layer, const int8_t *input, int8_t *output) {
    int32_t r;
    for (r = 0; r < layer->rows; r++) {
        nn_softmax_row(layer, input, output);
        input += layer->classes;
        output += layer->classes;
    }
}

#endif
