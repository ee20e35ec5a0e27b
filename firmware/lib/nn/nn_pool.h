/* MAX_POOL_2D and AVERAGE_POOL_2D: int8 [batch, height, width, channels]; places outside the input
 * do not take part. */
#ifndef NN_POOL_H
#define NN_POOL_H

#include "nn_quant.h"

struct nn_pool {
    int32_t batch, in_h, in_w, channels;
    int32_t out_h, out_w;
    int32_t filter_h, filter_w, stride_h, stride_w;
    int32_t pad_top, pad_left;
    int32_t overhangs; /* 0: every window lies inside the input */
    int32_t low, high; /* codes the fused activation clamps to */
};

/* The part of the input under one window: rows y0 ≤ y < y1, columns x0 ≤ x < x1. */
struct nn_pool_window {
    int32_t y0, y1, x0, x1;
};

NN_INLINE struct nn_pool_window nn_pool_under(const struct nn_pool *layer, int32_t oy, int32_t ox) {
    const int32_t top = oy * layer->stride_h - layer->pad_top;
    const int32_t left = ox * layer->stride_w - layer->pad_left;
    struct nn_pool_window window = {top, top + layer->filter_h, left, left + layer->filter_w};
    if (!layer->overhangs) {
        return window;
    }
    window.y0 = top < 0 ? 0 : top;
    window.y1 = nn_clamp(top + layer->filter_h, 0, layer->in_h);
    window.x0 = left < 0 ? 0 : left;
    window.x1 = nn_clamp(left + layer->filter_w, 0, layer->in_w);
    return window;
}

/* `image` points at the channel. */
NN_INLINE int32_t nn_pool_max(const struct nn_pool *layer, struct nn_pool_window window,
                              const int8_t *image) {
    int32_t y, x, best = INT8_MIN;
    for (y = window.y0; y < window.y1; y++) {
        for (x = window.x0; x < window.x1; x++) {
            const int32_t value = image[(y * layer->in_w + x) * layer->channels];
            best = value > best ? value : best;
        }
    }
    return best;
}

/* Halves away from zero, as C's division truncates. Every window holds at least one place. */
NN_INLINE int32_t nn_pool_average(const struct nn_pool *layer, struct nn_pool_window window,
                                  const int8_t *image) {
    const int32_t count = (window.y1 - window.y0) * (window.x1 - window.x0);
    int32_t y, x, sum = 0;
    for (y = window.y0; y < window.y1; y++) {
        for (x = window.x0; x < window.x1; x++) {
            sum += image[(y * layer->in_w + x) * layer->channels];
        }
    }
    return (sum > 0 ? sum + count / 2 : sum - count / 2) / count;
}

/* `average` is a constant where this is inlined. */
NN_INLINE void nn_pool(const struct nn_pool *layer, int average, const int8_t *input,
                       int8_t *output) {
    int32_t b, oy, ox, c;
    for (b = 0; b < layer->batch; b++) {
        for (oy = 0; oy < layer->out_h; oy++) {
            for (ox = 0; ox < layer->out_w; ox++) {
                const struct nn_pool_window window = nn_pool_under(layer, oy, ox);
                for (c = 0; c < layer->channels; c++) {
                    const int32_t value = average ? nn_pool_average(layer, window, input + c)
                                                  : nn_pool_max(layer, window, input + c);
                    *output++ = (int8_t)nn_clamp(value, layer->low, layer->high);
                }
            }
        }
        input += layer->in_h * layer->in_w * layer->channels;
    }
}

NN_INLINE void nn_max_pool_2d(const struct nn_pool *layer, const int8_t *input, int8_t *output) {
    nn_pool(layer, 0, input, output);
}

NN_INLINE void nn_average_pool_2d(const struct nn_pool *layer, const int8_t *input,
                                  int8_t *output) {
    nn_pool(layer, 1, input, output);
}

#endif
