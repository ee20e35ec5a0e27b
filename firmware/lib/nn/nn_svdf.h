/* SVDF: int8 input and feature weights, int16 time weights and state, batch 1. The state holds the
 * last `memory` projections of every filter, the newest last. */
#ifndef NN_SVDF_H
#define NN_SVDF_H

#include <string.h>

#include "nn_quant.h"

struct nn_svdf {
    int32_t depth, filters, memory, rank;
    int32_t input_zero_point;
    int32_t state_multiplier, state_shift;
    int32_t output_multiplier, output_shift;
    int32_t output_zero_point;
};

/* Forget the oldest projections, add those of `input`. */
NN_INLINE void nn_svdf_remember(const struct nn_svdf *layer, const int8_t *input,
                                const int8_t *feature, int16_t *state) {
    const size_t kept = (size_t)(layer->filters * layer->memory - 1);
    int32_t f, i;
    memmove(state, state + 1, kept * sizeof *state);
    for (f = 0; f < layer->filters; f++) {
        int32_t sum = 0;
        for (i = 0; i < layer->depth; i++) {
            sum += (input[i] - layer->input_zero_point) * *feature++;
        }
        sum = nn_requantize(sum, layer->state_multiplier, layer->state_shift);
        state[(f + 1) * layer->memory - 1] = (int16_t)nn_clamp(sum, INT16_MIN, INT16_MAX);
    }
}

NN_INLINE void nn_svdf(const struct nn_svdf *layer, const int8_t *input, const int8_t *feature,
                       const int16_t *time, const int32_t *bias, int16_t *state, int8_t *output) {
    const int32_t terms = layer->rank * layer->memory;
    int32_t u, t;
    nn_svdf_remember(layer, input, feature, state);
    for (u = 0; u < layer->filters / layer->rank; u++) {
        int32_t sum = bias[u];
        for (t = 0; t < terms; t++) {
            sum += *time++ * *state++;
        }
        sum = nn_requantize(sum, layer->output_multiplier, layer->output_shift);
        output[u] = (int8_t)nn_clamp(sum + layer->output_zero_point, -128, 127);
    }
}

#endif
