/* ADD and SUB of two tensors of one shape: the fast twin of nn_add.h.
 *
 * One side has half the common scale, which is a shift; the other is multiplied as nn_scale_sum
 * does it, and so is the sum.
 *
 * Gain in instructions, GCC 12.2 -O2 (python -m benchmarks.kernels): 2.5 times for two tensors. */
#ifndef NN_ADD_LINE_H
#define NN_ADD_LINE_H

#include "nn_packed.h"

enum { NN_ADD_LINE_HEADROOM = 20 };

/* How codes of one side are brought to the common scale; 0 ≤ right ≤ 30. */
struct nn_add_side {
    int32_t zero_point, multiplier, right;
};

struct nn_add_line {
    int32_t count;
    struct nn_add_side first, second;
    int32_t sign; /* -1: SUB */
    struct nn_scale scale;
    struct nn_target target;
    enum nn_finish finish;
};

NN_INLINE int32_t nn_add_scaled(const struct nn_add_side *side, int32_t code) {
    const int32_t size = code - side->zero_point;
    const int32_t doubled = size * (2 << NN_ADD_LINE_HEADROOM);
    if (side->right > 0) {
        const int32_t half = (int32_t)1 << (side->right - 1);
        return nn_high_mac(doubled, side->multiplier, half + (size >> 31)) >> side->right;
    }
    return side->multiplier == 1 << 30 ? size * (1 << (NN_ADD_LINE_HEADROOM - 1))
                                       : nn_high_mac(doubled, side->multiplier, 0);
}

NN_INLINE void nn_add_line(const struct nn_add_line *layer, const int8_t *first,
                           const int8_t *second, int8_t *output) {
    const int8_t *const end = output + layer->count;
    for (; output != end; first++, second++, output++) {
        const int32_t a = nn_add_scaled(&layer->first, *first);
        const int32_t b = nn_add_scaled(&layer->second, *second);
        *output =
            nn_scale_sum(2 * (a + layer->sign * b), layer->scale, layer->target, layer->finish);
    }
}

#endif
