/* FULLY_CONNECTED of a layer pruned in pairs: a twin of nn_fully_connected.h for an even number of
 * inputs.
 *
 * Gain in instructions, GCC 12.2 -O2 (python -m benchmarks.kernels): 2.5 times for 64 inputs × 64
 * rows, 80 % zeros. Pairs take 3/4 of the bytes of single weights. */
#ifndef NN_FULLY_CONNECTED_PAIRS_H
#define NN_FULLY_CONNECTED_PAIRS_H

#include "nn_pairs.h"

struct nn_fully_connected_pairs {
    int32_t batch, depth, rows;
    struct nn_target target;
    enum nn_finish finish;
};

/* counts: [rows, 2], pairs less those in whole rounds, and rounds (nn_sparse.h) */
NN_INLINE void nn_fully_connected_pairs(const struct nn_fully_connected_pairs *layer,
                                        const int8_t *input, const int8_t *taps,
                                        const uint8_t *counts, const int32_t *start,
                                        const struct nn_scale *scale, int8_t *output) {
    int32_t b, r;
    for (b = 0; b < layer->batch; b++, input += layer->depth) {
        const int8_t *tap = taps;
        for (r = 0; r < layer->rows; r++) {
            const int32_t sum = nn_pairs_1(&tap, input, counts[2 * r], counts[2 * r + 1], start[r]);
            *output++ = nn_scale_sum(nn_low_sum(sum), scale[r], layer->target, layer->finish);
        }
    }
}

#endif
