/* FULLY_CONNECTED: int8 input [batch, depth], int8 weights [rows, depth], int8 output. */
#ifndef NN_FULLY_CONNECTED_H
#define NN_FULLY_CONNECTED_H

#include "nn_dot.h"

struct nn_fully_connected {
    int32_t batch, depth, rows;
    struct nn_range range;
};

NN_INLINE void nn_fully_connected(const struct nn_fully_connected *layer, const int8_t *input,
                                  const int8_t *weights, const struct nn_channel *channels,
                                  int8_t *output) {
    int32_t b;
    for (b = 0; b < layer->batch; b++) {
        nn_rows(input, weights, (size_t)layer->depth, (size_t)layer->rows, channels, &layer->range,
                output);
        input += layer->depth;
        output += layer->rows;
    }
}

#endif
