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

/* All channels of one position: of the pixels in tap[0 … taps − 1]; two words of weights a tap and
 * four channels. */
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
    code(sum, "r8", "r9", "r10", "r12", "[sp, #52]", "[sp, #56]")                        \
    "strb " sum ", [r11], #1\n"

/* r0: the first channel, r1: tap, r2: w, r3: start, r4 … r7: the sums, lr: scale.
 * [sp]: tap, #4: rounds of four taps, #44: taps beyond them, #48: channels, #52: lowest and highest
 * code, #60: output */
#define NN_DEPTHWISE_POSITION(name, code)                                                \
    NN_ASSEMBLY void name(NN_IN_REGISTER const int8_t *const *tap, NN_IN_REGISTER int32_t taps, \
        NN_IN_REGISTER const uint32_t *w, NN_IN_REGISTER const int32_t *start,           \
        NN_IN_REGISTER const struct nn_scale *scale,                                     \
        NN_IN_REGISTER int32_t channels, NN_IN_REGISTER struct nn_target target,         \
        NN_IN_REGISTER int8_t *output) {                                                 \
        __asm__(                                                                         \
            "push {r0, r1, r4-r11, lr}\n"                                                \
            "ldr lr, [sp, #44]\n"                                                        \
            "and r4, r1, #3\n"                                                           \
            "str r4, [sp, #44]\n"                                                        \
            "lsr r4, r1, #2\n"                                                           \
            "str r4, [sp, #4]\n"                                                         \
            "mov r0, #0\n"                                                               \
            "10:\n"                                                                      \
            "ldrd r1, r12, [sp]\n"                                                       \
            "ldr r8, [sp, #44]\n"                                                        \
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
            "ldr r11, [sp, #60]\n"                                                       \
            "add r11, r11, r0\n"                                                         \
            NN_DEPTHWISE_CODE(code, "r4")                                                \
            NN_DEPTHWISE_CODE(code, "r5")                                                \
            NN_DEPTHWISE_CODE(code, "r6")                                                \
            NN_DEPTHWISE_CODE(code, "r7")                                                \
            "add r0, r0, #4\n"                                                           \
            "ldr r8, [sp, #48]\n"                                                        \
            "cmp r0, r8\n"                                                               \
            "bne.w 10b\n"                                                                \
            "pop {r0, r1, r4-r11, pc}\n"                                                 \
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
    NN_SHARED void name(const int8_t *const *tap, int32_t taps, const uint32_t *w,                 \
                        const int32_t *start, const struct nn_scale *scale, int32_t channels,      \
                        struct nn_target target, int8_t *output) {                                 \
        int32_t c;                                                                                 \
        for (c = 0; c < channels; c++) {                                                           \
            const int32_t sum =                                                                    \
                nn_depthwise_packed_sum(tap, taps, w + c / 4 * (2 * taps), c, start[c]);           \
            output[c] = nn_scale_sum(sum, scale[c], target, finish);                               \
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
                    nn_depthwise_floor(tap, taps, weights, start, scale, layer->channels,
                                       layer->target, output);
                } else if (layer->finish == NN_FINISH_FULL) {
                    nn_depthwise_full(tap, taps, weights, start, scale, layer->channels,
                                      layer->target, output);
                } else {
                    nn_depthwise_clamp(tap, taps, weights, start, scale, layer->channels,
                                       layer->target, output);
                }
            }
        }
        input += layer->in_h * layer->in_w * layer->channels;
    }
}

#endif
