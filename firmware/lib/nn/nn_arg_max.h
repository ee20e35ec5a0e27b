/* ARG_MAX of int8: input [outer, count, inner], output [outer, inner]: the place of the largest
 * code, the first of equal ones, as a little-endian integer of `width` (4 or 8) bytes. */
#ifndef NN_ARG_MAX_H
#define NN_ARG_MAX_H

#include "nn_quant.h"

struct nn_arg_max {
    int32_t outer, count, inner;
    int32_t width;
};

NN_INLINE void nn_arg_max(const struct nn_arg_max *layer, const int8_t *input, int8_t *output) {
    int32_t o, i, k;
    for (o = 0; o < layer->outer; o++) {
        for (i = 0; i < layer->inner; i++) {
            uint32_t place = 0;
            for (k = 1; k < layer->count; k++) {
                if (input[k * layer->inner + i] > input[(int32_t)place * layer->inner + i]) {
                    place = (uint32_t)k;
                }
            }
            for (k = 0; k < layer->width; k++) {
                *output++ = (int8_t)(uint8_t)(k < 4 ? place >> (8 * k) : 0u);
            }
        }
        input += layer->count * layer->inner;
    }
}

#endif
