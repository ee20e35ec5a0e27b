/* CONV_2D: int8 input [batch, height, width, channels], weights [out channels, kernel height,
 * kernel width, channels], one multiplier per output channel.
 *
 * Each output position is a small matrix times vector: the vector is the patch of the input under
 * the kernel. Where the patch lies in the input as it is (a kernel as wide as the input, as in a
 * convolution over time), it is used in place; elsewhere it is gathered into `patch`, with the
 * input's zero point where it hangs over the edge, so that padding contributes exactly nothing to
 * sums into whose biases the zero point is folded. */
#ifndef NN_CONV_2D_H
#define NN_CONV_2D_H

#include <string.h>

#include "nn_dot.h"

struct nn_conv_2d {
    int32_t batch, in_h, in_w, in_c;
    int32_t out_h, out_w, out_c;
    int32_t kernel_h, kernel_w, stride_h, stride_w, dilation_h, dilation_w;
    int32_t pad_top, pad_left;
    int32_t input_zero_point;
    struct nn_range range;
};

/* True where a whole patch is one piece of the input's memory, if it is inside at all. */
NN_INLINE int nn_conv_2d_in_place(const struct nn_conv_2d *layer) {
    const int one_row = layer->kernel_h == 1;
    const int whole_rows = layer->kernel_w == layer->in_w && layer->dilation_h == 1;
    const int no_gaps = layer->dilation_w == 1 || layer->kernel_w == 1;
    return (one_row || whole_rows) && no_gaps;
}

/* Gather the patch whose first tap is at (y, x), which may be outside. */
NN_INLINE void nn_conv_2d_gather(const struct nn_conv_2d *layer, const int8_t *image, int32_t y,
                                 int32_t x, int8_t *patch) {
    const size_t depth = (size_t)layer->in_c;
    int32_t ky, kx;
    for (ky = 0; ky < layer->kernel_h; ky++) {
        const int32_t row = y + ky * layer->dilation_h;
        for (kx = 0; kx < layer->kernel_w; kx++) {
            const int32_t column = x + kx * layer->dilation_w;
            if (row < 0 || row >= layer->in_h || column < 0 || column >= layer->in_w) {
                memset(patch, layer->input_zero_point, depth);
            } else {
                memcpy(patch, image + (row * layer->in_w + column) * layer->in_c, depth);
            }
            patch += depth;
        }
    }
}

/* `patch`: scratch of kernel_h · kernel_w · in_c bytes. */
NN_INLINE void nn_conv_2d(const struct nn_conv_2d *layer, const int8_t *input,
                          const int8_t *weights, const struct nn_channel *channels, int8_t *patch,
                          int8_t *output) {
    const int32_t span_h = (layer->kernel_h - 1) * layer->dilation_h;
    const int32_t span_w = (layer->kernel_w - 1) * layer->dilation_w;
    const int32_t depth = layer->kernel_h * layer->kernel_w * layer->in_c;
    int32_t b, oy, ox;
    for (b = 0; b < layer->batch; b++) {
        for (oy = 0; oy < layer->out_h; oy++) {
            const int32_t y = oy * layer->stride_h - layer->pad_top;
            for (ox = 0; ox < layer->out_w; ox++) {
                const int32_t x = ox * layer->stride_w - layer->pad_left;
                const int8_t *window = input + (y * layer->in_w + x) * layer->in_c;
                if (!nn_conv_2d_in_place(layer) || y < 0 || y + span_h >= layer->in_h || x < 0 ||
                    x + span_w >= layer->in_w) {
                    nn_conv_2d_gather(layer, input, y, x, patch);
                    window = patch;
                }
                nn_rows(window, weights, (size_t)depth, (size_t)layer->out_c, channels,
                        &layer->range, output);
                output += layer->out_c;
            }
        }
        input += layer->in_h * layer->in_w * layer->in_c;
    }
}

#endif
