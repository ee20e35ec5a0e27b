/* CONV_2D of a layer pruned in pairs, eight output positions at a time: a twin of nn_conv_2d.h for
 * kernels of one row with a stride of 1, no padding and an even number of channels.
 *
 * The input is first written anew, two channels after two and doubled to int16, so that the pairs
 * of neighbouring positions lie side by side. From then on the input is no longer needed: the
 * output may lie in its bytes.
 *
 * Gain in instructions, GCC 12.2 -O2 (python -m benchmarks.kernels): 6.0 times for 5 over 16
 * channels, 80 % zeros. Pairs take 3/4 of the bytes of single weights. */
#ifndef NN_CONV_2D_PAIRS_H
#define NN_CONV_2D_PAIRS_H

#include "nn_pairs.h"

struct nn_conv_2d_pairs {
    int32_t columns, channels; /* of the input */
    int32_t positions, rows;   /* of the output */
    struct nn_target target;
    enum nn_finish finish;
};

/* lines: [channels / 2, columns] */
NN_SHARED NN_OPAQUE void nn_pair_lines(const int8_t *input, int32_t columns, int32_t channels,
                                       uint32_t *lines) {
    int32_t c, x;
    for (c = 0; c < channels; c += 2, input += 2) {
        const int8_t *from = input;
        NN_UNROLL
        for (x = 0; x < columns; x++, from += channels) {
            *lines++ = ((uint32_t)from[1] << 17) | ((uint32_t)(2 * from[0]) & 0xFFFFu);
        }
    }
}

/* One row's codes of `count` positions, eight at most, `stride` apart. */
NN_INLINE void nn_pair_codes(const int32_t *doubled, const struct nn_scale *row,
                             struct nn_target target, int32_t stride, int32_t count, int8_t *output,
                             enum nn_finish finish) {
    const struct nn_scale scale = *row;
    int32_t i;
    if (count >= 8) {
        NN_UNROLL
        for (i = 0; i < 8; i++, output += stride) {
            *output = nn_scale_sum(doubled[i], scale, target, finish);
        }
    } else {
        for (i = 0; i < count; i++, output += stride) {
            *output = nn_scale_sum(doubled[i], scale, target, finish);
        }
    }
}

/* All rows of the positions from x on. counts: [rows, 2], pairs less those in whole
 * rounds, and rounds (nn_sparse.h). */
NN_INLINE void nn_pair_rows(const uint32_t *x, const int8_t *taps, const uint8_t *counts,
                            const int32_t *start, const struct nn_scale *scale, int32_t rows,
                            int32_t count, struct nn_target target, int8_t *output,
                            enum nn_finish finish) {
    int32_t r;
    for (r = 0; r < rows; r++) {
        int32_t doubled[8];
        taps = count > 4 ? nn_pairs_8(taps, x, counts + 2 * r, start[r], doubled)
                         : nn_pairs_4(taps, x, counts + 2 * r, start[r], doubled);
        nn_pair_codes(doubled, scale + r, target, rows, count, output + r, finish);
    }
}

#define NN_PAIR_ROWS(name, finish)                                                                 \
    NN_SHARED void name(const uint32_t *x, const int8_t *taps, const uint8_t *counts,              \
                        const int32_t *start, const struct nn_scale *scale, int32_t rows,          \
                        int32_t count, struct nn_target target, int8_t *output) {                  \
        nn_pair_rows(x, taps, counts, start, scale, rows, count, target, output, finish);          \
    }
NN_PAIR_ROWS(nn_pair_rows_floor, NN_FINISH_FLOOR)
NN_PAIR_ROWS(nn_pair_rows_full, NN_FINISH_FULL)
NN_PAIR_ROWS(nn_pair_rows_clamp, NN_FINISH_CLAMP)

/* lines: scratch of channels / 2 · columns + 8 words. start: doubled. */
NN_INLINE void nn_conv_2d_pairs(const struct nn_conv_2d_pairs *layer, const int8_t *input,
                                const int8_t *taps, const uint8_t *counts, const int32_t *start,
                                const struct nn_scale *scale, uint32_t *lines, int8_t *output) {
    int32_t p;
    nn_pair_lines(input, layer->columns, layer->channels, lines);
    for (p = 0; p < layer->positions; p += 8, output += 8 * layer->rows) {
        const int32_t count = layer->positions - p;
        if (layer->finish == NN_FINISH_FLOOR) {
            nn_pair_rows_floor(lines + p, taps, counts, start, scale, layer->rows, count,
                               layer->target, output);
        } else if (layer->finish == NN_FINISH_FULL) {
            nn_pair_rows_full(lines + p, taps, counts, start, scale, layer->rows, count,
                              layer->target, output);
        } else {
            nn_pair_rows_clamp(lines + p, taps, counts, start, scale, layer->rows, count,
                               layer->target, output);
        }
    }
}

#endif
