/* Moving bytes: views (SLICE, TRANSPOSE, …), joins (CONCATENATION, PACK) and PAD. The emitter joins
 * axes wherever the layout allows; elements of more than a byte are one axis more. */
#ifndef NN_MOVE_H
#define NN_MOVE_H

#include <string.h>

#include "nn_quant.h"

struct nn_move {
    int32_t extents[5];
    int32_t steps[5]; /* bytes, on the side that is not one line; may be negative */
};

/* From a view of `input`, which points at its first place, to one line. */
NN_INLINE void nn_gather(const struct nn_move *move, const int8_t *input, int8_t *output) {
    const int32_t *const n = move->extents, *const step = move->steps;
    int32_t h, i, j, k, l;
    for (h = 0; h < n[0]; h++) {
        for (i = 0; i < n[1]; i++) {
            for (j = 0; j < n[2]; j++) {
                for (k = 0; k < n[3]; k++) {
                    const int8_t *const row =
                        input + h * step[0] + i * step[1] + j * step[2] + k * step[3];
                    for (l = 0; l < n[4]; l++) {
                        *output++ = row[l * step[4]];
                    }
                }
            }
        }
    }
}

/* From one line to a view of `output`. */
NN_INLINE void nn_scatter(const struct nn_move *move, const int8_t *input, int8_t *output) {
    const int32_t *const n = move->extents, *const step = move->steps;
    int32_t h, i, j, k, l;
    for (h = 0; h < n[0]; h++) {
        for (i = 0; i < n[1]; i++) {
            for (j = 0; j < n[2]; j++) {
                for (k = 0; k < n[3]; k++) {
                    int8_t *const row =
                        output + h * step[0] + i * step[1] + j * step[2] + k * step[3];
                    for (l = 0; l < n[4]; l++) {
                        row[l * step[4]] = *input++;
                    }
                }
            }
        }
    }
}

/* `rows` pieces of `size` bytes, which begin `step` bytes apart in the output. */
NN_INLINE void nn_place(int32_t rows, int32_t size, int32_t step, const int8_t *input,
                        int8_t *output) {
    int32_t r;
    for (r = 0; r < rows; r++) {
        memcpy(output + r * step, input + r * size, (size_t)size);
    }
}

#endif
