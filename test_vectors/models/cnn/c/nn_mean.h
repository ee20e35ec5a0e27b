/* MEAN of int8: input [outer, count_1, middle, count_2, inner], output [outer, middle, inner]. The
 * channel's bias takes −count · zero point, its multiplier the division by count. */
#ifndef NN_MEAN_H
#define NN_MEAN_H

#include "nn_quant.h"

struct nn_mean {
    int32_t outer, count_1, middle, count_2, inner;
    struct nn_channel channel;
    struct nn_range range;
};

NN_INLINE void nn_mean(const struct nn_mean *layer, const int8_t *input, int8_t *output) {
    const int32_t step_2 = layer->inner, step_m = layer->count_2 * step_2;
    const int32_t step_1 = layer->middle * step_m;
    int32_t o, m, i, k, l;
    for (o = 0; o < layer->outer; o++) {
        for (m = 0; m < layer->middle; m++) {
            for (i = 0; i < layer->inner; i++) {
                int32_t sum = layer->channel.bias;
                for (k = 0; k < layer->count_1; k++) {
                    for (l = 0; l < layer->count_2; l++) {
                        sum += input[k * step_1 + m * step_m + l * step_2 + i];
                    }
                }
                *output++ = nn_to_int8(sum, &layer->channel, &layer->range);
            }
        }
        input += layer->count_1 * step_1;
    }
}

#endif
