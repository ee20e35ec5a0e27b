/* MAXIMUM and MINIMUM of int8 with broadcasting; all codes mean the same. */
#ifndef NN_CHOOSE_H
#define NN_CHOOSE_H

#include "nn_walk.h"

struct nn_choose {
    struct nn_walk walk;
    int32_t larger; /* 1: MAXIMUM */
};

NN_INLINE void nn_choose(const struct nn_choose *layer, const int8_t *first, const int8_t *second,
                         int8_t *output) {
    const struct nn_walk *const walk = &layer->walk;
    int32_t i, j, k, l;
    for (i = 0; i < walk->extents[0]; i++) {
        for (j = 0; j < walk->extents[1]; j++) {
            for (k = 0; k < walk->extents[2]; k++) {
                const struct nn_walk_row row = nn_walk_at(walk, first, second, i, j, k);
                for (l = 0; l < walk->extents[3]; l++) {
                    const int8_t a = row.first[l * walk->first[3]];
                    const int8_t b = row.second[l * walk->second[3]];
                    *output++ = (a > b) == (layer->larger != 0) ? a : b;
                }
            }
        }
    }
}

#endif
