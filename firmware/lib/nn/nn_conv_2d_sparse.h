/* CONV_2D of a pruned layer: a twin of nn_conv_2d.h that takes nonzero weights only.
 *
 * A block is some neighbouring positions of one row of the output. The inputs under it are first
 * written anew, word by word (nn_sparse.h): lines of the inputs that one tap meets at neighbouring
 * positions, for each kernel row, each of its first `phases` columns (a stride's) and each channel.
 * The low and the high position of a word are `apart` columns from each other; where a block has
 * few positions, some are computed twice. So is what the last block shares with the one before.
 *
 * Codes of rows without weights are constant: they are copied, and their rows left out.
 *
 * Gain in instructions, GCC 12.2 -O2 (python -m benchmarks.kernels): 5.2 times for 5 over 16
 * channels, 80 % zeros; 7.3 times for 3 × 3 over 16, 80 % zeros. */
#ifndef NN_CONV_2D_SPARSE_H
#define NN_CONV_2D_SPARSE_H

#include "nn_sparse.h"

struct nn_conv_2d_sparse {
    int32_t batch, in_h, in_w, in_c;
    int32_t out_h, out_w, out_c;
    int32_t kernel_h, stride_h, stride_w, dilation_h, phases;
    int32_t pad_top, pad_left;
    int32_t input_zero_point;
    int32_t positions, pairs, words; /* of a block: positions, words at one tap; of a line: words */
    int32_t rows;                    /* that have weights */
    struct nn_target target;
    enum nn_finish finish;
};

NN_INLINE uint32_t nn_sparse_word(int32_t low, int32_t high) {
    return ((uint32_t)low << 1) + ((uint32_t)high << 23);
}

/* The lines of all channels under one kernel row. from: the first low input; step: bytes to the
 * next one; apart: to the high one. */
NN_INLINE uint32_t *nn_sparse_inside(const struct nn_conv_2d_sparse *layer, const int8_t *from,
                                     uint32_t *line) {
    const int32_t step = layer->stride_w * layer->in_c;
    const int32_t apart = (layer->positions - layer->pairs) * step;
    const int8_t *const last = from + layer->in_c;
    for (; from != last; from++) {
        const uint32_t *const end = line + layer->words;
        const int8_t *x = from;
        if (layer->words & 1) {
            *line++ = nn_sparse_word(x[0], x[apart]);
            x += step;
        }
        do {
            const int8_t *const next = x + step;
            line[0] = nn_sparse_word(x[0], x[apart]);
            line[1] = nn_sparse_word(next[0], next[apart]);
            x = next + step;
            line += 2;
        } while (line != end);
    }
    return line;
}

/* The same where inputs may be outside. row: NULL where all are; column: that of the first low one.
 */
NN_INLINE uint32_t *nn_sparse_edge(const struct nn_conv_2d_sparse *layer, const int8_t *row,
                                   int32_t column, uint32_t *line) {
    const int32_t apart = (layer->positions - layer->pairs) * layer->stride_w;
    int32_t c, i;
    for (c = 0; c < layer->in_c; c++) {
        int32_t low = column;
        for (i = 0; i < layer->words; i++, low += layer->stride_w) {
            const int32_t high = low + apart, zero = layer->input_zero_point;
            *line++ = nn_sparse_word(
                row && low >= 0 && low < layer->in_w ? row[low * layer->in_c + c] : zero,
                row && high >= 0 && high < layer->in_w ? row[high * layer->in_c + c] : zero);
        }
    }
    return line;
}

/* The lines of the block whose first tap is at (y, x). */
NN_SHARED void nn_sparse_lines(const struct nn_conv_2d_sparse *layer, const int8_t *image,
                               int32_t y, int32_t x, uint32_t *line) {
    const int32_t past = (layer->words - 1 + layer->positions - layer->pairs) * layer->stride_w;
    int32_t ky, phase;
    for (ky = 0; ky < layer->kernel_h; ky++, y += layer->dilation_h) {
        const int there = y >= 0 && y < layer->in_h;
        const int8_t *const row = there ? image + y * layer->in_w * layer->in_c : NULL;
        for (phase = 0; phase < layer->phases; phase++) {
            const int32_t column = x + phase;
            if (there && column >= 0 && column + past < layer->in_w) {
                line = nn_sparse_inside(layer, row + column * layer->in_c, line);
            } else {
                line = nn_sparse_edge(layer, row, column, line);
            }
        }
    }
}

/* All codes of one block. codes: those of rows without weights, NULL where there is none. */
NN_INLINE void nn_sparse_block(const struct nn_conv_2d_sparse *layer, const uint32_t *lines,
                               const struct nn_sparse_rows *rows, const int8_t *codes,
                               int8_t *output) {
    int32_t p;
    for (p = 0; codes && p < layer->positions; p++) {
        memcpy(output + p * layer->out_c, codes, (size_t)layer->out_c);
    }
    for (p = 0; p < layer->pairs; p += 4) {
        const int32_t at = p + 4 > layer->pairs ? layer->pairs - 4 : p;
        int8_t *const to = output + at * layer->out_c;
        if (layer->finish == NN_FINISH_FLOOR) {
            nn_sparse_rows_floor(lines + at, rows, to);
        } else if (layer->finish == NN_FINISH_FULL) {
            nn_sparse_rows_full(lines + at, rows, to);
        } else {
            nn_sparse_rows_clamp(lines + at, rows, to);
        }
    }
}

/* lines: scratch of in_c · kernel_h · phases · words. */
NN_INLINE void nn_conv_2d_sparse(const struct nn_conv_2d_sparse *layer, const int8_t *input,
                                 const int8_t *taps, const struct nn_sparse_row *row,
                                 const int8_t *codes, uint32_t *lines, int8_t *output) {
    const int32_t apart = (layer->positions - layer->pairs) * layer->out_c;
    const struct nn_sparse_rows rows = {
        taps, row, layer->rows, layer->out_c, apart, {layer->target.low, layer->target.high}};
    int32_t b, oy, ox;
    for (b = 0; b < layer->batch; b++) {
        for (oy = 0; oy < layer->out_h; oy++) {
            for (ox = 0; ox < layer->out_w; ox += layer->positions) {
                const int32_t left = layer->out_w - layer->positions;
                const int32_t first = ox < left ? ox : left;
                nn_sparse_lines(layer, input, oy * layer->stride_h - layer->pad_top,
                                first * layer->stride_w - layer->pad_left, lines);
                nn_sparse_block(layer, lines, &rows, codes, output + first * layer->out_c);
            }
            output += layer->out_w * layer->out_c;
        }
        input += layer->in_h * layer->in_w * layer->in_c;
    }
}

#endif
