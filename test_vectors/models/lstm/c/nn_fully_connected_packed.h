/* FULLY_CONNECTED on packed weights: the fast twin of nn_fully_connected.h. */
#ifndef NN_FULLY_CONNECTED_PACKED_H
#define NN_FULLY_CONNECTED_PACKED_H

#include "nn_packed.h"

struct nn_fully_connected_packed {
    int32_t batch, depth, rows;
    int32_t quads; /* of inputs that are read: depth / 4, rounded up */
    struct nn_target target;
    enum nn_finish finish;
};

/* doubled: scratch of 4 bytes per row, rows rounded up to even. */
NN_INLINE void nn_fully_connected_packed(const struct nn_fully_connected_packed *layer,
                                         const int8_t *input, const uint32_t *weights,
                                         const int32_t *start, const struct nn_scale *scale,
                                         int32_t *doubled, int8_t *output) {
    int32_t b, r;
    for (b = 0; b < layer->batch; b++) {
        nn_packed_rows(input, weights, start, layer->quads, (layer->rows + 1) & ~1, doubled);
        for (r = 0; r < layer->rows; r++) {
            *output++ = nn_scale_sum(doubled[r], scale[r], layer->target, layer->finish);
        }
        input += layer->depth;
    }
}

#endif
