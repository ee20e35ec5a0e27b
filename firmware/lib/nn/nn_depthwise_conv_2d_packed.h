/* DEPTHWISE_CONV_2D, four channels at a time: the fast twin of nn_depthwise_conv_2d.h, for one
 * kernel per channel and channels in fours.
 *
 * For each position the addresses of the pixels under the taps are collected, `outside` (a pixel of
 * the input's zero point) where a tap hangs over the edge. One load then brings four channels of a
 * tap; weights are int16, doubled as nn_scale_sum takes sums, in the order in which SXTB16 widens
 * the pixel: channels 0 and 2, 1 and 3.
 *
 * Gain in instructions, GCC 12.2 -O2 (python -m benchmarks.kernels): 6.4 times for 3 × 3 over 64.
 */
#ifndef NN_DEPTHWISE_CONV_2D_PACKED_H
#define NN_DEPTHWISE_CONV_2D_PACKED_H

#include "nn_packed.h"

enum { NN_DEPTHWISE_MAX_TAPS = 32 };

struct nn_depthwise_conv_2d_packed {
    int32_t batch, in_h, in_w, channels;
    int32_t out_h, out_w;
    int32_t kernel_h, kernel_w, stride_h, stride_w, dilation_h, dilation_w;
    int32_t pad_top, pad_left;
    int32_t input_zero_point;
    int32_t overhangs; /* 0: every tap lies inside the input */
    struct nn_target target;
    enum nn_finish finish;
};

/* What all positions share; weights: two words a tap and four channels. The assembly reads the
 * members in their order. */
struct nn_depthwise {
    const uint32_t *weights;
    const int32_t *start;
    const struct nn_scale *scale;
    int32_t taps, channels;
    struct nn_target target;
};

/* All channels of one position, whose pixels are in tap[0 … taps − 1]. */
#if NN_DSP
/* clang-format off */
#define NN_DEPTHWISE_TAP                                                                 \
    "ldr r9, [r1], #4\n"                                                                 \
    "ldr r9, [r9, r0]\n"                                                                 \
    "ldrd r10, r11, [r2], #8\n"                                                          \
    "sxtb16 r8, r9\n"                                                                    \
    "sxtb16 r9, r9, ror #8\n"                                                            \
    "smlabb r4, r8, r10, r4\n"                                                           \
    "smlatt r6, r8, r10, r6\n"                                                           \
    "smlabb r5, r9, r11, r5\n"                                                           \
    "smlatt r7, r9, r11, r7\n"

/* lr: the channel's scale, r11: output */
#define NN_DEPTHWISE_CODE(code, sum)                                                     \
    "ldmia lr!, {r8-r10}\n"                                                              \
    code(sum, "r8", "r9", "r10", "r12", "[sp, #20]", "[sp, #24]")                        \
    "strb " sum ", [r11], #1\n"

/* r0: the first channel, r1: tap, r2: weights, r3: start, r4 … r7: the sums, lr: scale.
 * [sp]: tap, #4: output, #8: taps beyond rounds of four, #12: rounds, #16: channels, #20: lowest and
 * highest code */
#define NN_DEPTHWISE_POSITION(name, code)                                                \
    NN_ASSEMBLY void name(NN_IN_REGISTER const int8_t *const *tap,                       \
        NN_IN_REGISTER int8_t *output, NN_IN_REGISTER const struct nn_depthwise *layer) { \
        __asm__(                                                                         \
            "push {r4-r11, lr}\n"                                                        \
            NN_SAVED                                                                     \
            "ldm r2, {r2-r8}\n"                                                          \
            "mov lr, r4\n"                                                               \
            "and r4, r5, #3\n"                                                           \
            "lsr r5, r5, #2\n"                                                           \
            "push {r0, r1, r4-r8}\n"                                                     \
            NN_PUSHED("28")                                                              \
            "mov r0, #0\n"                                                               \
            "10:\n"                                                                      \
            "ldr r1, [sp]\n"                                                             \
            "ldrd r8, r12, [sp, #8]\n"                                                   \
            "ldmia r3!, {r4-r7}\n"                                                       \
            "tbb [pc, r8]\n"                                                             \
            "9:\n"                                                                       \
            ".byte (4f-9b)/2, (3f-9b)/2, (2f-9b)/2, (1f-9b)/2\n"                         \
            "0:\n" NN_DEPTHWISE_TAP                                                      \
            "1:\n" NN_DEPTHWISE_TAP                                                      \
            "2:\n" NN_DEPTHWISE_TAP                                                      \
            "3:\n" NN_DEPTHWISE_TAP                                                      \
            "4:\n"                                                                       \
            "subs r12, r12, #1\n"                                                        \
            "bpl.w 0b\n"                                                                 \
            "ldr r11, [sp, #4]\n"                                                        \
            "add r11, r11, r0\n"                                                         \
            NN_DEPTHWISE_CODE(code, "r4")                                                \
            NN_DEPTHWISE_CODE(code, "r5")                                                \
            NN_DEPTHWISE_CODE(code, "r6")                                                \
            NN_DEPTHWISE_CODE(code, "r7")                                                \
            "add r0, r0, #4\n"                                                           \
            "ldr r8, [sp, #16]\n"                                                        \
            "cmp r0, r8\n"                                                               \
            "bne.w 10b\n"                                                                \
            "add sp, #28\n"                                                              \
            NN_PUSHED("-28")                                                             \
            "pop {r4-r11, pc}\n"                                                         \
            : : : NN_CLOBBERED);                                                         \
    }
/* clang-format on */
NN_DEPTHWISE_POSITION(nn_depthwise_floor, NN_CODE_FLOOR)
NN_DEPTHWISE_POSITION(nn_depthwise_full, NN_CODE_FULL)
NN_DEPTHWISE_POSITION(nn_depthwise_clamp, NN_CODE_CLAMP)
#else
/* One channel's sum: of an even one the low halves of the words for its pair, else the high ones.
 */
NN_INLINE int32_t nn_depthwise_packed_sum(const int8_t *const *tap, int32_t taps, const uint32_t *w,
                                          int32_t channel, int32_t sum) {
    const int32_t shift = 8 * (channel & 2);
    int32_t i;
    for (i = 0; i < taps; i++) {
        sum += tap[i][channel] * nn_low_half(w[2 * i + (channel & 1)] >> shift);
    }
    return sum;
}

#define NN_DEPTHWISE_POSITION(name, finish)                                                        \
    NN_SHARED void name(const int8_t *const *tap, int8_t *output,                                  \
                        const struct nn_depthwise *layer) {                                        \
        int32_t c;                                                                                 \
        for (c = 0; c < layer->channels; c++) {                                                    \
            const uint32_t *const w = layer->weights + c / 4 * (2 * layer->taps);                  \
            const int32_t sum = nn_depthwise_packed_sum(tap, layer->taps, w, c, layer->start[c]);  \
            output[c] = nn_scale_sum(sum, layer->scale[c], layer->target, finish);                 \
        }                                                                                          \
    }
NN_DEPTHWISE_POSITION(nn_depthwise_floor, NN_FINISH_FLOOR)
NN_DEPTHWISE_POSITION(nn_depthwise_full, NN_FINISH_FULL)
NN_DEPTHWISE_POSITION(nn_depthwise_clamp, NN_FINISH_CLAMP)
#endif

/* The addresses of the pixels under the taps of the window whose first tap is at (y, x). */
NN_INLINE void nn_depthwise_taps(const struct nn_depthwise_conv_2d_packed *layer,
                                 const int8_t *image, int32_t y, int32_t x, const int8_t *outside,
                                 const int8_t **tap) {
    const int32_t down = (layer->kernel_h - 1) * layer->dilation_h;
    const int32_t across = (layer->kernel_w - 1) * layer->dilation_w;
    const int inside = !layer->overhangs ||
                       (y >= 0 && y + down < layer->in_h && x >= 0 && x + across < layer->in_w);
    int32_t ky, kx;
    for (ky = 0; ky < layer->kernel_h; ky++) {
        const int32_t row = y + ky * layer->dilation_h;
        NN_UNROLL
        for (kx = 0; kx < layer->kernel_w; kx++) {
            const int32_t column = x + kx * layer->dilation_w;
            const int there =
                inside || (row >= 0 && row < layer->in_h && column >= 0 && column < layer->in_w);
            *tap++ = there ? image + (row * layer->in_w + column) * layer->channels : outside;
        }
    }
}

/* outside: scratch of `channels` bytes, where taps leave the input. */
NN_INLINE void nn_depthwise_conv_2d_packed(const struct nn_depthwise_conv_2d_packed *layer,
                                           const int8_t *input, const uint32_t *weights,
                                           const int32_t *start, const struct nn_scale *scale,
                                           int8_t *outside, int8_t *output) {
    const int8_t *tap[NN_DEPTHWISE_MAX_TAPS];
    const int32_t taps = layer->kernel_h * layer->kernel_w;
    const struct nn_depthwise all = {
        weights, start, scale, taps, layer->channels, {layer->target.low, layer->target.high}};
    int32_t b, oy, ox;
    if (layer->overhangs) {
        memset(outside, layer->input_zero_point, (size_t)layer->channels);
    }
    for (b = 0; b < layer->batch; b++) {
        for (oy = 0; oy < layer->out_h; oy++) {
            for (ox = 0; ox < layer->out_w; ox++, output += layer->channels) {
                nn_depthwise_taps(layer, input, oy * layer->stride_h - layer->pad_top,
                                  ox * layer->stride_w - layer->pad_left, outside, tap);
                if (layer->finish == NN_FINISH_FLOOR) {
                    nn_depthwise_floor(tap, output, &all);
                } else if (layer->finish == NN_FINISH_FULL) {
                    nn_depthwise_full(tap, output, &all);
                } else {
                    nn_depthwise_clamp(tap, output, &all);
                }
            }
        }
        input += layer->in_h * layer->in_w * layer->channels;
    }
}

#endif
