/* Sums over the nonzero weights of a row only: the inner loops of the kernels for pruned layers.
 *
 * A row's weights are a stream of bytes, two per tap: where the input is, then the weight.
 *
 * In a convolution 64 bits hold the sums of two positions, low and high. Inputs come as words
 * 2 · x[low] + 2^23 · x[high], so that one SMLAL serves both:
 *     T = Σ w · word + 2^21 = 2^22 · doubled[high] + doubled[low] + 2^21
 * The low sum stays within its 22 bits while |doubled[low]| < 2^21; the emitter proves that for
 * every row. One tap serves four words, eight positions. */
#ifndef NN_SPARSE_H
#define NN_SPARSE_H

#include "nn_packed.h"

/* What is known of one row: 8 · rounds + first taps; `right` as in struct nn_scale. */
struct nn_sparse_row {
    int32_t start; /* sums start from */
    int32_t multiplier, round;
    uint8_t right, first, rounds;
    uint8_t skip; /* channels of constant codes before this row's */
};

/* Taps between two checks for the end. */
enum { NN_SPARSE_ROUND = 8 };

/* Sums of four words: low halves of T, then high ones. */
struct nn_sums_4x64 {
    uint32_t a, b, c, d, a1, b1, c1, d1;
};

/* Taps of one row: enters the loop `first` of them before its end. */
#define NN_SPARSE_LOOP(first, tap)                                                                 \
    "tbh [pc, " first ", lsl #1]\n"                                                                \
    "9:\n\t"                                                                                       \
    ".short (8f-9b)/2, (7f-9b)/2, (6f-9b)/2, (5f-9b)/2\n\t"                                        \
    ".short (4f-9b)/2, (3f-9b)/2, (2f-9b)/2, (1f-9b)/2\n"                                          \
    "0:\n\t" tap "1:\n\t" tap "2:\n\t" tap "3:\n\t" tap "4:\n\t" tap "5:\n\t" tap "6:\n\t" tap     \
    "7:\n\t" tap "8:\n\t"                                                                          \
    "subs %[rounds], %[rounds], #1\n\t"                                                            \
    "bpl.w 0b"

/* One row of four words. taps: gap in words to the one before, weight. */
#if NN_DSP
#define NN_SPARSE_TAP                                                                              \
    "ldrb.w %[g], [%[taps]], #1\n\t"                                                               \
    "ldrsb.w %[w], [%[taps]], #1\n\t"                                                              \
    "add.w %[x], %[x], %[g], lsl #2\n\t"                                                           \
    "ldrd %[g], %[v], [%[x]]\n\t"                                                                  \
    "smlal %[a], %[a1], %[g], %[w]\n\t"                                                            \
    "smlal %[b], %[b1], %[v], %[w]\n\t"                                                            \
    "ldrd %[g], %[v], [%[x], #8]\n\t"                                                              \
    "smlal %[c], %[c1], %[g], %[w]\n\t"                                                            \
    "smlal %[d], %[d1], %[v], %[w]\n"

NN_INLINE const int8_t *nn_sparse_4(const int8_t *taps, const uint32_t *x, uint32_t first,
                                    int32_t rounds, struct nn_sums_4x64 *s) {
    int32_t w;
    uint32_t v;
    __asm__(NN_SPARSE_LOOP("%[g]", NN_SPARSE_TAP)
            : [w] "=&r"(w), [v] "=&r"(v), [g] "+r"(first), [rounds] "+r"(rounds), [taps] "+r"(taps),
              [x] "+r"(x), [a] "+r"(s->a), [b] "+r"(s->b), [c] "+r"(s->c), [d] "+r"(s->d),
              [a1] "+r"(s->a1), [b1] "+r"(s->b1), [c1] "+r"(s->c1), [d1] "+r"(s->d1)
            :
            : "memory", "cc");
    return taps;
}
#else
NN_INLINE void nn_sparse_mac(uint32_t *low, uint32_t *high, uint32_t x, int32_t w) {
    const uint64_t sum = ((uint64_t)*high << 32 | *low) + (uint64_t)((int64_t)(int32_t)x * w);
    *low = (uint32_t)sum;
    *high = (uint32_t)(sum >> 32);
}

NN_INLINE const int8_t *nn_sparse_4(const int8_t *taps, const uint32_t *x, uint32_t first,
                                    int32_t rounds, struct nn_sums_4x64 *s) {
    const int8_t *const end = taps + 2 * ((int32_t)first + NN_SPARSE_ROUND * rounds);
    for (; taps != end; taps += 2) {
        x += (uint8_t)taps[0];
        nn_sparse_mac(&s->a, &s->a1, x[0], taps[1]);
        nn_sparse_mac(&s->b, &s->b1, x[1], taps[1]);
        nn_sparse_mac(&s->c, &s->c1, x[2], taps[1]);
        nn_sparse_mac(&s->d, &s->d1, x[3], taps[1]);
    }
    return taps;
}
#endif

/* The codes of one word's positions, low and high. */
NN_INLINE void nn_sparse_codes(uint32_t low, uint32_t high, struct nn_scale scale,
                               struct nn_target target, int8_t *output, int32_t apart,
                               enum nn_finish finish) {
    output[apart] = nn_scale_sum((int32_t)(high << 10 | low >> 22), scale, target, finish);
    output[0] = nn_scale_sum((int32_t)((low ^ 0x200000u) << 10) >> 10, scale, target, finish);
}

/* The same of a layer whose lowest code is that of 0, with the registers there are. */
#if NN_DSP
#define NN_SPARSE_CODES(low, high)                                                                 \
    "lsl.w " high ", " high ", #10\n\t"                                                            \
    "orr.w " high ", " high ", " low ", lsr #22\n\t"                                               \
    "eor.w " low ", " low ", #0x200000\n\t"                                                        \
    "sbfx " low ", " low ", #0, #22\n\t"                                                           \
    "smmlar " high ", " high ", %[multiplier], %[round]\n\t"                                       \
    "smmlar " low ", " low ", %[multiplier], %[round]\n\t"                                         \
    "asr.w " high ", " high ", %[right]\n\t"                                                       \
    "asr.w " low ", " low ", %[right]\n\t"                                                         \
    "ssat " high ", #8, " high "\n\t"                                                              \
    "ssat " low ", #8, " low "\n\t"                                                                \
    "strb.w " high ", [%[output], %[apart]]\n\t"                                                   \
    "strb.w " low ", [%[output]]\n\t"

#define NN_SPARSE_NEXT(low, high) "add.w %[output], %[output], %[a]\n\t" NN_SPARSE_CODES(low, high)

NN_INLINE void nn_sparse_codes_floor(struct nn_sums_4x64 *s, struct nn_scale scale,
                                     int32_t channels, int8_t *output, int32_t apart) {
    __asm__ volatile(
        NN_SPARSE_CODES("%[a]", "%[a1]") "ldr %[a], %[channels]\n\t" NN_SPARSE_NEXT("%[b]", "%[b1]")
            NN_SPARSE_NEXT("%[c]", "%[c1]") NN_SPARSE_NEXT("%[d]", "%[d1]")
        : [output] "+&r"(output), [a] "+&r"(s->a), [b] "+r"(s->b), [c] "+r"(s->c), [d] "+r"(s->d),
          [a1] "+&r"(s->a1), [b1] "+r"(s->b1), [c1] "+r"(s->c1), [d1] "+r"(s->d1)
        : [multiplier] "r"(scale.multiplier), [round] "r"(scale.round), [right] "r"(scale.right),
          [apart] "r"(apart), [channels] "m"(channels)
        : "memory");
}
#endif

/* All rows of four words. channels: from one position's codes to the next; apart: from those of a
 * low position to those of the high one. */
NN_INLINE void nn_sparse_rows_4(const uint32_t *x, const int8_t *taps,
                                const struct nn_sparse_row *row, int32_t rows, int32_t channels,
                                int32_t apart, struct nn_target target, int8_t *output,
                                enum nn_finish finish) {
    const struct nn_sparse_row *const end = row + rows;
    for (; row != end; row++, output++) {
        const int64_t start = (int64_t)row->start * 0x800002 + 0x200000;
        struct nn_sums_4x64 s;
        struct nn_scale scale;
        s.a = s.b = s.c = s.d = (uint32_t)start;
        s.a1 = s.b1 = s.c1 = s.d1 = (uint32_t)(start >> 32);
        taps = nn_sparse_4(taps, x, row->first, row->rounds, &s);
        scale.multiplier = row->multiplier;
        scale.right = row->right;
        scale.round = row->round;
        output += row->skip;
#if NN_DSP
        if (finish == NN_FINISH_FLOOR) {
            nn_sparse_codes_floor(&s, scale, channels, output, apart);
            continue;
        }
#endif
        nn_sparse_codes(s.a, s.a1, scale, target, output, apart, finish);
        nn_sparse_codes(s.b, s.b1, scale, target, output + channels, apart, finish);
        nn_sparse_codes(s.c, s.c1, scale, target, output + 2 * channels, apart, finish);
        nn_sparse_codes(s.d, s.d1, scale, target, output + 3 * channels, apart, finish);
    }
}

/* Σ of one row and one position; here a tap's first byte is the input's place itself. */
#if NN_DSP
#define NN_SPARSE_PLACE                                                                            \
    "ldrb.w %[v], [%[taps]], #1\n\t"                                                               \
    "ldrsb.w %[w], [%[taps]], #1\n\t"                                                              \
    "ldrsb.w %[v], [%[x], %[v]]\n\t"                                                               \
    "mla %[sum], %[v], %[w], %[sum]\n"

NN_INLINE int32_t nn_sparse_1(const int8_t **taps, const int8_t *x, uint32_t first, int32_t rounds,
                              int32_t sum) {
    int32_t w;
    __asm__(NN_SPARSE_LOOP("%[v]", NN_SPARSE_PLACE)
            : [w] "=&r"(w), [v] "+&r"(first), [rounds] "+&r"(rounds), [taps] "+&r"(*taps),
              [sum] "+&r"(sum)
            : [x] "r"(x)
            : "memory", "cc");
    return sum;
}
#else
NN_INLINE int32_t nn_sparse_1(const int8_t **taps, const int8_t *x, uint32_t first, int32_t rounds,
                              int32_t sum) {
    const int8_t *const end = *taps + 2 * ((int32_t)first + NN_SPARSE_ROUND * rounds);
    for (; *taps != end; *taps += 2) {
        sum += (int32_t)(*taps)[1] * x[(uint8_t)(*taps)[0]];
    }
    return sum;
}
#endif

#endif
