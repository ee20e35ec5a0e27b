/* DEPTHWISE_CONV_2D: int8 input [batch, height, width, channels], weights [1, kernel height, kernel
 * width, channels · multiplier], one requantization per output channel.
 *
 * Plain: one sum after the other. A place outside the input counts as the input's zero point, so
 * that padding contributes exactly nothing to sums into whose biases the zero point is folded. */
#ifndef NN_DEPTHWISE_CONV_2D_H
#define NN_DEPTHWISE_CONV_2D_H

#include "nn_quant.h"

struct nn_depthwise_conv_2d {
    int32_t batch, in_h, in_w, in_c;
    int32_t out_h, out_w;
    int32_t multiplier; /* kernels per input channel */
    int32_t kernel_h, kernel_w, stride_h, stride_w, dilation_h, dilation_w;
    int32_t pad_top, pad_left;
    int32_t input_zero_point;
    struct nn_range range;
};

/* The sum of output channel `out` (of input channel `in`) whose first tap is at (y, x). */
NN_INLINE int32_t nn_depthwise_sum(const struct nn_depthwise_conv_2d *layer, const int8_t *image,
                                   const int8_t *weights, int32_t y, int32_t x, int32_t in,
                                   int32_t out) {
    const int32_t out_c = layer->in_c * layer->multiplier;
    int32_t ky, kx, sum = 0;
    for (ky = 0; ky < layer->kernel_h; ky++) {
        const int32_t row = y + ky * layer->dilation_h;
        for (kx = 0; kx < layer->kernel_w; kx++) {
            const int32_t column = x + kx * layer->dilation_w;
            const int inside = row >= 0 && row < layer->in_h && column >= 0 && column < layer->in_w;
            const int32_t value = inside ? image[(row * layer->in_w + column) * layer->in_c + in]
                                         : layer->input_zero_point;
            sum += value * weights[(ky * layer->kernel_w + kx) * out_c + out];
        }
    }
    return sum;
}

NN_INLINE void nn_depthwise_conv_2d(const struct nn_depthwise_conv_2d *layer, const int8_t *input,
                                    const int8_t *weights, const struct nn_channel *channels,
                                    int8_t *output) {
    int32_t b, oy, ox, in, m;
    for (b = 0; b < layer->batch; b++) {
        for (oy = 0; oy < layer->out_h; oy++) {
            const int32_t y = oy * layer->stride_h - layer->pad_top;
            for (ox = 0; ox < layer->out_w; ox++) {
                const int32_t x = ox * layer->stride_w - layer->pad_left;
                for (in = 0; in < layer->in_c; in++) {
                    for (m = 0; m < layer->multiplier; m++) {
                        const int32_t out = in * layer->multiplier + m;
                        const int32_t sum = nn_depthwise_sum(layer, input, weights, y, x, in, out);
                        *output++ =
                            nn_to_int8(channels[out].bias + sum, &channels[out], &layer->range);
                    }
                }
            }
        }
        input += layer->in_h * layer->in_w * layer->in_c;
    }
}

#endif
