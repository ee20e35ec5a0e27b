/* MUL of int8 with broadcasting. */
#ifndef NN_MUL_H
#define NN_MUL_H

#include "nn_walk.h"

struct nn_mul {
    struct nn_walk walk;
    int32_t first_zero_point, second_zero_point;
    int32_t multiplier, shift;
    int32_t zero_point, low, high;
};

NN_INLINE int8_t nn_mul_one(const struct nn_mul *layer, int32_t first, int32_t second) {
    const int32_t product = (first - layer->first_zero_point) * (second - layer->second_zero_point);
    const int32_t real = nn_requantize(product, layer->multiplier, layer->shift);
    return (int8_t)nn_clamp(real + layer->zero_point, layer->low, layer->high);
}

NN_INLINE void nn_mul(const struct nn_mul *layer, const int8_t *first, const int8_t *second,
                      int8_t *output) {
    const struct nn_walk *const walk = &layer->walk;
    int32_t i, j, k, l;
    for (i = 0; i < walk->extents[0]; i++) {
        for (j = 0; j < walk->extents[1]; j++) {
            for (k = 0; k < walk->extents[2]; k++) {
                const struct nn_walk_row row = nn_walk_at(walk, first, second, i, j, k);
                for (l = 0; l < walk->extents[3]; l++) {
                    *output++ = nn_mul_one(layer, row.first[l * walk->first[3]],
                                           row.second[l * walk->second[3]]);
                }
            }
        }
    }
}

#endif
