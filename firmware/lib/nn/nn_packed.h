/* Dot products on packed weights: the inner loops of the fast twins of nn_dot.h.
 *
 * One int16 lane carries the weights of two rows: lane = 256 · w[high] + w[low]. With
 *     A = Σ x · lane        (SMLAD on the word as it lies in flash)
 *     B = Σ x · w[low]      (SMLAD on its even bytes, SXTB16)
 * the rows' sums are B and (A − B) / 256: one SXTB16 unpacks four weights. A wraps modulo 2^32,
 * which A − B survives while the high row's sum stays below 2^23; the emitter proves that for
 * every row, and that every lane fits int16, or leaves the layer to the plain kernel.
 *
 * Words go by blocks of four rows (or eight) and pairs of inputs: for each pair, one word per two
 * rows. Sums start from `start`: the bias of a low row, 256 · bias + the low row's of a high one.
 * They come out doubled, as nn_scale_sum takes them. */
#ifndef NN_PACKED_H
#define NN_PACKED_H

#include "nn_dsp.h"

/* How a row's doubled sums become codes; −22 ≤ shift ≤ −1. */
struct nn_scale {
    int32_t multiplier;
    int32_t right; /* −shift */
    int32_t round; /* half a code and the zero point, before the shift */
};

/* What is known of a layer's results, so that the compiler leaves out the rest.
 * FLOOR: the lowest code is that of 0, so how negative halves are rounded cannot be seen. */
enum nn_finish { NN_FINISH_FLOOR, NN_FINISH_FULL, NN_FINISH_CLAMP };

struct nn_target {
    int32_t low, high;
};

/* As nn_to_int8, of a doubled sum. a · b / 2^31, halves up, is 2a · b / 2^32, halves up; adding
 * half a code and shifting rounds halves up, one less where negative rounds them down; a high half
 * of 0 from a negative sum stays 0 either way. */
NN_INLINE int8_t nn_scale_sum(int32_t doubled, struct nn_scale scale, struct nn_target target,
                              enum nn_finish finish) {
    const int32_t nudge = finish == NN_FINISH_FLOOR ? 0 : doubled >> 31;
    const int32_t code =
        nn_saturate_8(nn_high_mac(doubled, scale.multiplier, scale.round + nudge) >> scale.right);
    return (int8_t)(finish == NN_FINISH_CLAMP ? nn_clamp(code, target.low, target.high) : code);
}

/* The same on the core, of a sum in a register. spare: a register to use; low, high: where the
 * lowest and the highest code of a layer that clamps them are. */
#if NN_DSP
/* clang-format off */
#define NN_CODE_FLOOR(sum, multiplier, right, round, spare, low, high)                   \
    "smmlar " sum ", " sum ", " multiplier ", " round "\n"                               \
    "asr " sum ", " sum ", " right "\n"                                                  \
    "ssat " sum ", #8, " sum "\n"

#define NN_CODE_FULL(sum, multiplier, right, round, spare, low, high)                    \
    "add " spare ", " round ", " sum ", asr #31\n"                                       \
    NN_CODE_FLOOR(sum, multiplier, right, spare, spare, low, high)

#define NN_CODE_CLAMP(sum, multiplier, right, round, spare, low, high)                   \
    NN_CODE_FULL(sum, multiplier, right, round, spare, low, high)                        \
    "ldr " spare ", " low "\n"                                                           \
    "cmp " sum ", " spare "\n"                                                           \
    "it lt\n"                                                                            \
    "movlt " sum ", " spare "\n"                                                         \
    "ldr " spare ", " high "\n"                                                          \
    "cmp " sum ", " spare "\n"                                                           \
    "it gt\n"                                                                            \
    "movgt " sum ", " spare "\n"
/* clang-format on */
#endif

/* Twice the low row's sum, and twice the high row's. */
NN_INLINE int32_t nn_low_sum(int32_t b) {
    return (int32_t)((uint32_t)b << 1);
}

NN_INLINE int32_t nn_high_sum(int32_t a, int32_t b) {
    return (int32_t)((uint32_t)a - (uint32_t)b) >> 7;
}

/* The pairs of each of `quads` quads of bytes: two words, even bytes and odd ones. */
NN_INLINE void nn_widen_quads(const int8_t *x, int32_t quads, uint32_t *pairs) {
    const uint32_t *const end = pairs + 2 * quads;
    for (; pairs != end; pairs += 2, x += 4) {
        const uint32_t word = nn_load_4(x);
        pairs[0] = nn_even_bytes(word);
        pairs[1] = nn_odd_bytes(word);
    }
}

/* The pairs of quad q; see nn_dot_8. */
NN_INLINE void nn_quad(const void *x, int32_t q, int wide, uint32_t pair[2]) {
    if (wide) {
        memcpy(pair, (const uint32_t *)x + 2 * q, 8);
    } else {
        nn_widen_quads((const int8_t *)x + 4 * q, 1, pair);
    }
}

/* Eight rows of one position: doubled[0 … 7] of 4 · quads inputs, with eight words a quad: four for
 * the even bytes, four for the odd ones. x: the bytes or, where `wide`, the pairs that
 * nn_widen_quads makes of them. */
#if NN_DSP
/* clang-format off */
#define NN_QUAD_OF_BYTES                                                                 \
    "ldr lr, [r1], #4\n"                                                                 \
    "sxtb16 r4, lr\n"                                                                    \
    "sxtb16 lr, lr, ror #8\n"

#define NN_QUAD_OF_PAIRS                                                                 \
    "ldrd r4, lr, [r1], #8\n"

/* One pair of four rows. */
#define NN_STEP_4(pair, low_0, high_0, low_1, high_1)                                    \
    "ldrd r2, r3, [r0], #8\n"                                                            \
    "smlad " high_0 ", r2, " pair ", " high_0 "\n"                                       \
    "sxtb16 r2, r2\n"                                                                    \
    "smlad " low_0 ", r2, " pair ", " low_0 "\n"                                         \
    "smlad " high_1 ", r3, " pair ", " high_1 "\n"                                       \
    "sxtb16 r3, r3\n"                                                                    \
    "smlad " low_1 ", r3, " pair ", " low_1 "\n"

#define NN_STEP_8(load)                                                                  \
    load                                                                                 \
    NN_STEP_4("r4", "r5", "r6", "r7", "r8")                                              \
    NN_STEP_4("r4", "r9", "r10", "r11", "r12")                                           \
    NN_STEP_4("lr", "r5", "r6", "r7", "r8")                                              \
    NN_STEP_4("lr", "r9", "r10", "r11", "r12")

#define NN_DOUBLE(low, high)                                                             \
    "sub " high ", " high ", " low "\n"                                                  \
    "asr " high ", " high ", #7\n"                                                       \
    "lsl " low ", " low ", #1\n"

/* Quads go by two, an odd one first. r0: w, r1: x, r5 … r12: the sums; [sp]: the end of w */
#define NN_DOT_8(name, load)                                                             \
    NN_ASSEMBLY void name(NN_IN_REGISTER const uint32_t *w, NN_IN_REGISTER const void *x, \
        NN_IN_REGISTER int32_t quads, NN_IN_REGISTER const int32_t *start,               \
        NN_IN_REGISTER int32_t *doubled) {                                               \
        __asm__(                                                                         \
            "push {r2, r4-r11, lr}\n"                                                    \
            NN_SAVED NN_PUSHED("4")                                                      \
            "add r4, r0, r2, lsl #5\n"                                                   \
            "str r4, [sp]\n"                                                             \
            "ldmia r3, {r5-r12}\n"                                                       \
            "lsls r2, r2, #31\n"                                                         \
            "bne.w 1f\n"                                                                 \
            "0:\n" NN_STEP_8(load)                                                       \
            "1:\n" NN_STEP_8(load)                                                       \
            "ldr r2, [sp]\n"                                                             \
            "cmp r2, r0\n"                                                               \
            "bne.w 0b\n"                                                                 \
            "ldr r2, [sp, #40]\n"                                                        \
            NN_DOUBLE("r5", "r6")                                                        \
            NN_DOUBLE("r7", "r8")                                                        \
            NN_DOUBLE("r9", "r10")                                                       \
            NN_DOUBLE("r11", "r12")                                                      \
            "stmia r2, {r5-r12}\n"                                                       \
            "pop {r2, r4-r11, pc}\n"                                                     \
            : : : NN_CLOBBERED);                                                         \
    }
/* clang-format on */
NN_DOT_8(nn_dot_8_bytes, NN_QUAD_OF_BYTES)
NN_DOT_8(nn_dot_8_pairs, NN_QUAD_OF_PAIRS)
#endif

/* Two rows of one position; `words` words a pair. */
NN_INLINE void nn_dot_2(const uint32_t *w, int32_t words, const void *x, int32_t quads,
                        const int32_t *start, int wide, int32_t *doubled) {
    const uint32_t *const end = w + 2 * words * quads;
    int32_t low = start[0], high = start[1], q;
    for (q = 0; w != end; q++, w += 2 * words) {
        uint32_t pair[2];
        nn_quad(x, q, wide, pair);
        high = nn_dual_mac(w[0], pair[0], high);
        low = nn_dual_mac(nn_even_bytes(w[0]), pair[0], low);
        high = nn_dual_mac(w[words], pair[1], high);
        low = nn_dual_mac(nn_even_bytes(w[words]), pair[1], low);
    }
    doubled[0] = nn_low_sum(low);
    doubled[1] = nn_high_sum(high, low);
}

NN_INLINE void nn_dot_8(const uint32_t *w, const void *x, int32_t quads, const int32_t *start,
                        int wide, int32_t *doubled) {
#if NN_DSP
    if (wide) {
        nn_dot_8_pairs(w, x, quads, start, doubled);
    } else {
        nn_dot_8_bytes(w, x, quads, start, doubled);
    }
#else
    int32_t r;
    for (r = 0; r < 8; r += 2) {
        nn_dot_2(w + r / 2, 4, x, quads, start + r, wide, doubled + r);
    }
#endif
}

/* doubled[r] for `rows` rows, an even number: blocks of eight, then of two. x: see nn_dot_8. */
NN_INLINE void nn_dot_rows(const void *x, const uint32_t *w, const int32_t *start, int32_t quads,
                           int32_t rows, int wide, int32_t *doubled) {
    for (; rows >= 8; rows -= 8, w += 8 * quads, doubled += 8, start += 8) {
        nn_dot_8(w, x, quads, start, wide, doubled);
    }
    for (; rows > 0; rows -= 2, w += 2 * quads, doubled += 2, start += 2) {
        nn_dot_2(w, 1, x, quads, start, wide, doubled);
    }
}

NN_SHARED void nn_packed_rows(const int8_t *x, const uint32_t *w, const int32_t *start,
                              int32_t quads, int32_t rows, int32_t *doubled) {
    nn_dot_rows(x, w, start, quads, rows, 0, doubled);
}

NN_SHARED void nn_packed_rows_wide(const uint32_t *x, const uint32_t *w, const int32_t *start,
                                   int32_t quads, int32_t rows, int32_t *doubled) {
    nn_dot_rows(x, w, start, quads, rows, 1, doubled);
}

#endif
