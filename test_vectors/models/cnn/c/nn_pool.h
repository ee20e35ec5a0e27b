/* MAX_POOL_2D: int8 [batch, height, width, channels]; places outside the input do not take part. */
#ifndef NN_POOL_H
#define NN_POOL_H

#include "nn_quant.h"

struct nn_pool {
    int32_t batch, in_h, in_w, channels;
    int32_t out_h, out_w;
    int32_t filter_h, filter_w, stride_h, stride_w;
    int32_t pad_top, pad_left;
    int32_t low, high; /* codes the fused activation clamps to */
};

NN_INLINE void nn_max_pool_2d(const struct nn_pool *layer, const int8_t *input, int8_t *output) {
    int32_t b, oy, ox, c, y, x;
    for (b = 0; b < layer->batch; b++) {
        for (oy = 0; oy < layer->out_h; oy++) {
            const int32_t top = oy * layer->stride_h - layer->pad_top;
            const int32_t y0 = top < 0 ? 0 : top;
            const int32_t y1 = nn_clamp(top + layer->filter_h, 0, layer->in_h);
            for (ox = 0; ox < layer->out_w; ox++) {
                const int32_t left = ox * layer->stride_w - layer->pad_left;
                const int32_t x0 = left < 0 ? 0 : left;
                const int32_t x1 = nn_clamp(left + layer->filter_w, 0, layer->in_w);
                for (c = 0; c < layer->channels; c++) {
                    int32_t best = INT8_MIN;
                    for (y = y0; y < y1; y++) {
                        for (x = x0; x < x1; x++) {
                            const int32_t v = input[(y * layer->in_w + x) * layer->channels + c];
                            best = v > best ? v : best;
                        }
                    }
                    *output++ = (int8_t)nn_clamp(best, layer->low, layer->high);
                }
            }
        }
        input += layer->in_h * layer->in_w * layer->channels;
    }
}

#endif
