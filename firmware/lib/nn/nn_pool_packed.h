/* MAX_POOL_2D and AVERAGE_POOL_2D, four channels at a time: the fast twins of nn_pool.h, for
 * channels in fours and, where it is the average, windows of 256 places at most (sums are int16).
 *
 * Gain in instructions, GCC 12.2 -O2 (python -m benchmarks.kernels): 2.7 times for the larger of
 * two, 6.7 times for mean of 125. */
#ifndef NN_POOL_PACKED_H
#define NN_POOL_PACKED_H

#include "nn_dsp.h"
#include "nn_pool.h"

/* `image` points at the first channel, here and below. Returns codes with signs turned. */
NN_INLINE uint32_t nn_max_4(const struct nn_pool *layer, struct nn_pool_window window,
                            const int8_t *image) {
    uint32_t best = 0;
    int32_t y, x;
    for (y = window.y0; y < window.y1; y++) {
        const int8_t *place = image + (y * layer->in_w + window.x0) * layer->channels;
        for (x = window.x0; x < window.x1; x++, place += layer->channels) {
            best = nn_max_bytes(nn_turn_signs(nn_load_4(place)), best);
        }
    }
    return best;
}

/* even: sums of channels 0 and 2; odd: of 1 and 3. */
NN_INLINE void nn_sum_4(const struct nn_pool *layer, struct nn_pool_window window,
                        const int8_t *image, uint32_t *even, uint32_t *odd) {
    int32_t y, x;
    *even = *odd = 0;
    for (y = window.y0; y < window.y1; y++) {
        const int8_t *place = image + (y * layer->in_w + window.x0) * layer->channels;
        NN_UNROLL
        for (x = window.x0; x < window.x1; x++, place += layer->channels) {
            const uint32_t word = nn_load_4(place);
            *even = nn_add_even_bytes(*even, word);
            *odd = nn_add_odd_bytes(*odd, word);
        }
    }
}

NN_INLINE int8_t nn_average(const struct nn_pool *layer, int32_t sum, int32_t count) {
    const int32_t value = (sum > 0 ? sum + count / 2 : sum - count / 2) / count;
    return (int8_t)nn_clamp(value, layer->low, layer->high);
}

NN_INLINE void nn_average_4(const struct nn_pool *layer, struct nn_pool_window window,
                            const int8_t *image, int8_t *output) {
    const int32_t count = (window.y1 - window.y0) * (window.x1 - window.x0);
    uint32_t even, odd;
    nn_sum_4(layer, window, image, &even, &odd);
    output[0] = nn_average(layer, nn_low_half(even), count);
    output[1] = nn_average(layer, nn_low_half(odd), count);
    output[2] = nn_average(layer, nn_low_half(even >> 16), count);
    output[3] = nn_average(layer, nn_low_half(odd >> 16), count);
}

/* codes: with their signs turned, as what is returned. */
NN_INLINE uint32_t nn_clamp_4(const struct nn_pool *layer, uint32_t codes) {
    const uint32_t low = nn_turn_signs(0x01010101u * (uint8_t)layer->low);
    const uint32_t high = nn_turn_signs(0x01010101u * (uint8_t)layer->high);
    codes = layer->low > -128 ? nn_max_bytes(codes, low) : codes;
    /* ~x = 255 − x turns the order round. */
    return layer->high < 127 ? ~nn_max_bytes(~codes, ~high) : codes;
}

/* `average` is a constant where this is inlined. */
NN_INLINE void nn_pool_packed(const struct nn_pool *layer, int average, const int8_t *input,
                              int8_t *output) {
    int32_t b, oy, ox, c;
    for (b = 0; b < layer->batch; b++) {
        for (oy = 0; oy < layer->out_h; oy++) {
            for (ox = 0; ox < layer->out_w; ox++) {
                const struct nn_pool_window window = nn_pool_under(layer, oy, ox);
                for (c = 0; c < layer->channels; c += 4, output += 4) {
                    if (average) {
                        nn_average_4(layer, window, input + c, output);
                    } else {
                        const uint32_t codes = nn_max_4(layer, window, input + c);
                        nn_store_4(output, nn_turn_signs(nn_clamp_4(layer, codes)));
                    }
                }
            }
        }
        input += layer->in_h * layer->in_w * layer->channels;
    }
}

NN_INLINE void nn_max_pool_2d_packed(const struct nn_pool *layer, const int8_t *input,
                                     int8_t *output) {
    nn_pool_packed(layer, 0, input, output);
}

NN_INLINE void nn_average_pool_2d_packed(const struct nn_pool *layer, const int8_t *input,
                                         int8_t *output) {
    nn_pool_packed(layer, 1, input, output);
}

#endif
