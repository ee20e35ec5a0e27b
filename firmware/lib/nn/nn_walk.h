/* Walking two tensors in step over up to four axes, broadcast ones with a step of 0. The emitter
 * joins axes wherever the layouts allow, so that equal shapes are one line. */
#ifndef NN_WALK_H
#define NN_WALK_H

#include "nn_quant.h"

struct nn_walk {
    int32_t extents[4];
    int32_t first[4], second[4]; /* elements from one place to the next */
};

/* The places of a row's first elements; rows lie along the last axis. */
struct nn_walk_row {
    const int8_t *first, *second;
};

NN_INLINE struct nn_walk_row nn_walk_at(const struct nn_walk *walk, const int8_t *first,
                                        const int8_t *second, int32_t i, int32_t j, int32_t k) {
    struct nn_walk_row row;
    row.first = first + i * walk->first[0] + j * walk->first[1] + k * walk->first[2];
    row.second = second + i * walk->second[0] + j * walk->second[1] + k * walk->second[2];
    return row;
}

#endif
