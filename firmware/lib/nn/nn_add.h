/* ADD and SUB of int8 with broadcasting: both sides are brought to one scale, 20 bits up, added,
 * and requantized (see pipeline/ops/elementwise.py). */
#ifndef NN_ADD_H
#define NN_ADD_H

#include "nn_walk.h"

enum { NN_ADD_HEADROOM = 20 };

struct nn_add {
    struct nn_walk walk;
    int32_t first_zero_point, second_zero_point;
    int32_t first_multiplier, first_shift;
    int32_t second_multiplier, second_shift;
    int32_t sign; /* -1: SUB */
    int32_t multiplier, shift;
    int32_t zero_point, low, high;
};

NN_INLINE int8_t nn_add_one(const struct nn_add *layer, int32_t first, int32_t second) {
    const int32_t a = nn_requantize((first - layer->first_zero_point) * (1 << NN_ADD_HEADROOM),
                                    layer->first_multiplier, layer->first_shift);
    const int32_t b = nn_requantize((second - layer->second_zero_point) * (1 << NN_ADD_HEADROOM),
                                    layer->second_multiplier, layer->second_shift);
    const int32_t sum = nn_requantize(a + layer->sign * b, layer->multiplier, layer->shift);
    return (int8_t)nn_clamp(sum + layer->zero_point, layer->low, layer->high);
}

NN_INLINE void nn_add(const struct nn_add *layer, const int8_t *first, const int8_t *second,
                      int8_t *output) {
    const struct nn_walk *const walk = &layer->walk;
    int32_t i, j, k, l;
    for (i = 0; i < walk->extents[0]; i++) {
        for (j = 0; j < walk->extents[1]; j++) {
            for (k = 0; k < walk->extents[2]; k++) {
                const struct nn_walk_row row = nn_walk_at(walk, first, second, i, j, k);
                for (l = 0; l < walk->extents[3]; l++) {
                    *output++ = nn_add_one(layer, row.first[l * walk->first[3]],
                                           row.second[l * walk->second[3]]);
                }
            }
        }
    }
}

#endif
