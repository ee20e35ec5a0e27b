/* Dot products of int8 vectors: the inner loop of CONV_2D, FULLY_CONNECTED and the LSTM.
 *
 * Plain C. Four rows at once share each load of the input. A twin for a core's own instructions
 * replaces the two functions at the top and nothing else. */
#ifndef NN_DOT_H
#define NN_DOT_H

#include <stddef.h>
#include <stdint.h>

#include "nn_quant.h"

/* sum[r] += Σ x[k] · w[r · depth + k], r = 0…3, k = 0…depth − 1 */
NN_INLINE void nn_dot_4(const int8_t *x, const int8_t *w, size_t depth, int32_t sum[4]) {
    size_t k;
    NN_UNROLL
    for (k = 0; k < depth; k++) {
        const int32_t value = x[k];
        sum[0] += value * w[k];
        sum[1] += value * w[depth + k];
        sum[2] += value * w[2 * depth + k];
        sum[3] += value * w[3 * depth + k];
    }
}

/* Σ x[k] · w[k] */
NN_INLINE int32_t nn_dot_1(const int8_t *x, const int8_t *w, size_t depth) {
    int32_t sum = 0;
    size_t k;
    NN_UNROLL
    for (k = 0; k < depth; k++) {
        sum += (int32_t)x[k] * w[k];
    }
    return sum;
}

/* output[r] = requantized(bias[r] + Σ x[k] · w[r][k]) for `rows` rows of `depth`. */
NN_INLINE void nn_rows(const int8_t *x, const int8_t *w, size_t depth, size_t rows,
                       const struct nn_channel *channel, const struct nn_range *range,
                       int8_t *output) {
    const struct nn_channel *const end = channel + rows;
    for (; channel + 4 <= end; channel += 4, w += 4 * depth, output += 4) {
        int32_t sum[4];
        sum[0] = channel[0].bias;
        sum[1] = channel[1].bias;
        sum[2] = channel[2].bias;
        sum[3] = channel[3].bias;
        nn_dot_4(x, w, depth, sum);
        output[0] = nn_to_int8(sum[0], &channel[0], range);
        output[1] = nn_to_int8(sum[1], &channel[1], range);
        output[2] = nn_to_int8(sum[2], &channel[2], range);
        output[3] = nn_to_int8(sum[3], &channel[3], range);
    }
    for (; channel < end; channel++, w += depth, output++) {
        *output = nn_to_int8(channel->bias + nn_dot_1(x, w, depth), channel, range);
    }
}

#endif
