/* REDUCE_MAX of int8: input [outer, count_1, middle, count_2, inner], output [outer, middle, inner]
 * of the same scale. */
#ifndef NN_REDUCE_MAX_H
#define NN_REDUCE_MAX_H

#include "nn_quant.h"

struct nn_reduce_max {
    int32_t outer, count_1, middle, count_2, inner;
};

NN_INLINE void nn_reduce_max(const struct nn_reduce_max *layer, const int8_t *input,
                             int8_t *output) {
    const int32_t step_2 = layer->inner, step_m = layer->count_2 * step_2;
    const int32_t step_1 = layer->middle * step_m;
    int32_t o, m, i, k, l;
    for (o = 0; o < layer->outer; o++) {
        for (m = 0; m < layer->middle; m++) {
            for (i = 0; i < layer->inner; i++) {
                int8_t best = INT8_MIN;
                for (k = 0; k < layer->count_1; k++) {
                    for (l = 0; l < layer->count_2; l++) {
                        const int8_t value = input[k * step_1 + m * step_m + l * step_2 + i];
                        best = value > best ? value : best;
                    }
                }
                *output++ = best;
            }
        }
        input += layer->count_1 * step_1;
    }
}

#endif
