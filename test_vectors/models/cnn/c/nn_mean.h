/* MEAN of int8 over adjacent axes: input [outer, count, inner], output [outer, inner]. The
 * channel's bias takes −count · zero point, its multiplier the division by count. */
#ifndef NN_MEAN_H
#define NN_MEAN_H

#include "nn_quant.h"

struct nn_mean {
    int32_t outer, count, inner;
    struct nn_channel channel;
    struct nn_range range;
};

NN_INLINE void nn_mean(const struct nn_mean *layer, const int8_t *input, int8_t *output) {
    int32_t o, i, k;
    for (o = 0; o < layer->outer; o++) {
        for (i = 0; i < layer->inner; i++) {
            int32_t sum = layer->channel.bias;
            for (k = 0; k < layer->count; k++) {
                sum += input[k * layer->inner + i];
            }
            *output++ = nn_to_int8(sum, &layer->channel, &layer->range);
        }
        input += layer->count * layer->inner;
    }
}

#endif
