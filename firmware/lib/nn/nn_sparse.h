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

/* Taps of one row, then on to the next round of them. */
/* clang-format off */
#define NN_SPARSE_LOOP(first, rounds, tap)                                               \
    NN_ENTER_ROUND(first, tap)                                                           \
    "subs " rounds ", " rounds ", #1\n"                                                  \
    "bpl.w 0b\n"
/* clang-format on */

/* All rows of a layer, one at least. taps: gap in words to the one before, weight; channels: from
 * one position's codes to the next; apart: from those of a low position to those of the high one.
 * The assembly reads the members in their order. */
struct nn_sparse_rows {
    const int8_t *taps;
    const struct nn_sparse_row *row;
    int32_t count, channels, apart;
    struct nn_target target;
};

/* All rows of four words x. */
#if NN_DSP
/* clang-format off */
#define NN_SPARSE_TAP                                                                    \
    "ldrb r2, [r1], #1\n"                                                                \
    "ldrsb r4, [r1], #1\n"                                                               \
    "add r0, r0, r2, lsl #2\n"                                                           \
    "ldrd r2, r3, [r0]\n"                                                                \
    "smlal r5, r9, r2, r4\n"                                                             \
    "smlal r6, r10, r3, r4\n"                                                            \
    "ldrd r2, r3, [r0, #8]\n"                                                            \
    "smlal r7, r11, r2, r4\n"                                                            \
    "smlal r8, r12, r3, r4\n"

/* The codes of one word. r0: right, r2: multiplier, r3: round, r4: output, lr: apart */
#define NN_SPARSE_CODES(code, low, high)                                                 \
    "lsl " high ", " high ", #10\n"                                                      \
    "orr " high ", " high ", " low ", lsr #22\n"                                         \
    "eor " low ", " low ", #0x200000\n"                                                  \
    "sbfx " low ", " low ", #0, #22\n"                                                   \
    code(high, "r2", "r0", "r3", "r1", "[sp, #28]", "[sp, #32]")                         \
    code(low, "r2", "r0", "r3", "r1", "[sp, #28]", "[sp, #32]")                          \
    "strb " high ", [r4, lr]\n"                                                          \
    "strb " low ", [r4]\n"

/* r0: x, r1: taps, r2: row, r5 … r8 and r9 … r12: low and high halves of the words' T.
 * [sp]: x, #4: taps, #8: output, #12: row, #16: the end of rows, #20: channels, #24: apart,
 * #28: lowest and highest code */
#define NN_SPARSE_ROWS(name, code)                                                       \
    NN_ASSEMBLY void name(NN_IN_REGISTER const uint32_t *x,                              \
        NN_IN_REGISTER const struct nn_sparse_rows *rows, NN_IN_REGISTER int8_t *output) { \
        __asm__(                                                                         \
            "push {r4-r11, lr}\n"                                                        \
            NN_SAVED                                                                     \
            "ldm r1, {r1, r3-r8}\n"                                                      \
            "add r4, r3, r4, lsl #4\n"                                                   \
            "push {r0-r8}\n"                                                             \
            NN_PUSHED("36")                                                              \
            "mov r2, r3\n"                                                               \
            "10:\n"                                                                      \
            "ldr r3, [r2]\n"                                                             \
            "mov r4, #0x800000\n"                                                        \
            "add r4, r4, #2\n"                                                           \
            "mov r5, #0x200000\n"                                                        \
            "mov r9, #0\n"                                                               \
            "smlal r5, r9, r3, r4\n"                                                     \
            "ldrb lr, [r2, #14]\n"                                                       \
            "ldrb r2, [r2, #13]\n"                                                       \
            "ldr r0, [sp]\n"                                                             \
            "mov r6, r5\n"                                                               \
            "mov r7, r5\n"                                                               \
            "mov r8, r5\n"                                                               \
            "mov r10, r9\n"                                                              \
            "mov r11, r9\n"                                                              \
            "mov r12, r9\n"                                                              \
            NN_SPARSE_LOOP("r2", "lr", NN_SPARSE_TAP)                                    \
            "str r1, [sp, #4]\n"                                                         \
            "ldr lr, [sp, #12]\n"                                                        \
            "ldr r4, [sp, #8]\n"                                                         \
            "ldrb r0, [lr, #15]\n"                                                       \
            "add r4, r4, r0\n"                                                           \
            "add r0, r4, #1\n"                                                           \
            "str r0, [sp, #8]\n"                                                         \
            "ldrb r0, [lr, #12]\n"                                                       \
            "ldrd r2, r3, [lr, #4]\n"                                                    \
            "ldr lr, [sp, #24]\n"                                                        \
            NN_SPARSE_CODES(code, "r5", "r9")                                            \
            "ldr r5, [sp, #20]\n"                                                        \
            "add r4, r4, r5\n"                                                           \
            NN_SPARSE_CODES(code, "r6", "r10")                                           \
            "add r4, r4, r5\n"                                                           \
            NN_SPARSE_CODES(code, "r7", "r11")                                           \
            "add r4, r4, r5\n"                                                           \
            NN_SPARSE_CODES(code, "r8", "r12")                                           \
            "ldrd r2, r3, [sp, #12]\n"                                                   \
            "add r2, r2, #16\n"                                                          \
            "str r2, [sp, #12]\n"                                                        \
            "ldr r1, [sp, #4]\n"                                                         \
            "cmp r2, r3\n"                                                               \
            "bne.w 10b\n"                                                                \
            "add sp, #36\n"                                                              \
            NN_PUSHED("-36")                                                             \
            "pop {r4-r11, pc}\n"                                                         \
            : : : NN_CLOBBERED);                                                         \
    }
/* clang-format on */
NN_SPARSE_ROWS(nn_sparse_rows_floor, NN_CODE_FLOOR)
NN_SPARSE_ROWS(nn_sparse_rows_full, NN_CODE_FULL)
NN_SPARSE_ROWS(nn_sparse_rows_clamp, NN_CODE_CLAMP)
#else
/* T of one row and one word. */
NN_INLINE int64_t nn_sparse_sum(const struct nn_sparse_row *row, const int8_t *tap,
                                const uint32_t *x) {
    const int8_t *const end = tap + 2 * (row->first + NN_SPARSE_ROUND * row->rounds);
    int64_t sum = (int64_t)row->start * 0x800002 + 0x200000;
    for (; tap != end; tap += 2) {
        x += (uint8_t)tap[0];
        sum += (int64_t)(int32_t)*x * tap[1];
    }
    return sum;
}

NN_INLINE void nn_sparse_row_4(const uint32_t *x, const int8_t *taps,
                               const struct nn_sparse_row *row, const struct nn_sparse_rows *rows,
                               int8_t *output, enum nn_finish finish) {
    struct nn_scale scale;
    int32_t i;
    scale.multiplier = row->multiplier;
    scale.right = row->right;
    scale.round = row->round;
    for (i = 0; i < 4; i++, output += rows->channels) {
        const int64_t sum = nn_sparse_sum(row, taps, x + i);
        const int32_t low = (int32_t)(((uint32_t)sum ^ 0x200000u) << 10) >> 10;
        output[rows->apart] = nn_scale_sum((int32_t)(sum >> 22), scale, rows->target, finish);
        output[0] = nn_scale_sum(low, scale, rows->target, finish);
    }
}

#define NN_SPARSE_ROWS(name, finish)                                                               \
    NN_SHARED void name(const uint32_t *x, const struct nn_sparse_rows *rows, int8_t *output) {    \
        const struct nn_sparse_row *row = rows->row, *const end = row + rows->count;               \
        const int8_t *taps = rows->taps;                                                           \
        for (; row != end; row++, output++) {                                                      \
            output += row->skip;                                                                   \
            nn_sparse_row_4(x, taps, row, rows, output, finish);                                   \
            taps += 2 * (row->first + NN_SPARSE_ROUND * row->rounds);                              \
        }                                                                                          \
    }
NN_SPARSE_ROWS(nn_sparse_rows_floor, NN_FINISH_FLOOR)
NN_SPARSE_ROWS(nn_sparse_rows_full, NN_FINISH_FULL)
NN_SPARSE_ROWS(nn_sparse_rows_clamp, NN_FINISH_CLAMP)
#endif

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
    __asm__(NN_SPARSE_LOOP("%[v]", "%[rounds]", NN_SPARSE_PLACE)
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
