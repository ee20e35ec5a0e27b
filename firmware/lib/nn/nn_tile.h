/* Four rows of packed weights (nn_packed.h) at two output positions: the inner loop of
 * nn_conv_2d_packed.h. One load of weights serves both positions, one of inputs four rows. */
#ifndef NN_TILE_H
#define NN_TILE_H

#include "nn_packed.h"

/* All rows of two positions.
 *
 * x: `pairs` pairs of inputs of the one position and of the other in turn; w: blocks of four rows,
 * two words a pair; the first position's `rows` codes go to output + apart, the second one's to
 * output, in this order. */
#if NN_DSP
/* clang-format off */
#define NN_TILE_STEP                                                                     \
    "ldrd r2, r3, [r1], #8\n"                                                            \
    "ldrd r4, lr, [r0], #8\n"                                                            \
    "smlad r6, r2, r4, r6\n"                                                             \
    "smlad r10, r2, lr, r10\n"                                                           \
    "sxtb16 r2, r2\n"                                                                    \
    "smlad r5, r2, r4, r5\n"                                                             \
    "smlad r9, r2, lr, r9\n"                                                             \
    "smlad r8, r3, r4, r8\n"                                                             \
    "smlad r12, r3, lr, r12\n"                                                           \
    "sxtb16 r3, r3\n"                                                                    \
    "smlad r7, r3, r4, r7\n"                                                             \
    "smlad r11, r3, lr, r11\n"

/* One row's codes. lr: its scale, r3: output */
#define NN_TILE_ROW(code, first, second)                                                 \
    "ldmia lr!, {r0, r1, r2}\n"                                                          \
    code(first, "r0", "r1", "r2", "r4", "[sp, #64]", "[sp, #68]")                        \
    code(second, "r0", "r1", "r2", "r4", "[sp, #64]", "[sp, #68]")                       \
    "ldr r4, [sp, #76]\n"                                                                \
    "strb " first ", [r3, r4]\n"                                                         \
    "strb " second ", [r3], #1\n"

/* r0: x, r1: w, r5 … r8: sums of the rows 0 … 3 at the first position, r9 … r12: at the second one.
 * [sp]: x, #4: w, #8: start, #12: scale, #48: pairs beyond whole rounds, #56: the ends of x and of
 * scale, #64: lowest and highest code, #72: output, #76: apart */
#define NN_TILE(name, code)                                                              \
    NN_ASSEMBLY void name(NN_IN_REGISTER const uint32_t *x, NN_IN_REGISTER const uint32_t *w, \
        NN_IN_REGISTER const int32_t *start,                                             \
        NN_IN_REGISTER const struct nn_scale *scale,                                     \
        NN_IN_REGISTER int32_t pairs, NN_IN_REGISTER int32_t rows,                       \
        NN_IN_REGISTER struct nn_target target,                                          \
        NN_IN_REGISTER int8_t *output, NN_IN_REGISTER int32_t apart) {                   \
        __asm__(                                                                         \
            "push {r0-r12, lr}\n"                                                        \
            "ldrd r4, r5, [sp, #56]\n"                                                   \
            "add r6, r0, r4, lsl #3\n"                                                   \
            "and r4, r4, #7\n"                                                           \
            "str r4, [sp, #48]\n"                                                        \
            "add r5, r5, r5, lsl #1\n"                                                   \
            "add r5, r3, r5, lsl #2\n"                                                   \
            "strd r6, r5, [sp, #56]\n"                                                   \
            "10:\n"                                                                      \
            "ldr r0, [sp]\n"                                                             \
            "ldr r3, [sp, #8]\n"                                                         \
            "ldr r2, [sp, #48]\n"                                                        \
            "ldmia r3!, {r5-r8}\n"                                                       \
            "mov r9, r5\n"                                                               \
            "mov r10, r6\n"                                                              \
            "mov r11, r7\n"                                                              \
            "mov r12, r8\n"                                                              \
            "str r3, [sp, #8]\n"                                                         \
            NN_ENTER_ROUND("r2", NN_TILE_STEP)                                           \
            "ldr r2, [sp, #56]\n"                                                        \
            "cmp r2, r0\n"                                                               \
            "bne.w 0b\n"                                                                 \
            "str r1, [sp, #4]\n"                                                         \
            "ldr lr, [sp, #12]\n"                                                        \
            "ldr r3, [sp, #72]\n"                                                        \
            NN_DOUBLE("r5", "r6")                                                        \
            NN_DOUBLE("r7", "r8")                                                        \
            NN_DOUBLE("r9", "r10")                                                       \
            NN_DOUBLE("r11", "r12")                                                      \
            NN_TILE_ROW(code, "r5", "r9")                                                \
            NN_TILE_ROW(code, "r6", "r10")                                               \
            NN_TILE_ROW(code, "r7", "r11")                                               \
            NN_TILE_ROW(code, "r8", "r12")                                               \
            "str lr, [sp, #12]\n"                                                        \
            "str r3, [sp, #72]\n"                                                        \
            "ldr r0, [sp, #60]\n"                                                        \
            "ldr r1, [sp, #4]\n"                                                         \
            "cmp r0, lr\n"                                                               \
            "bne.w 10b\n"                                                                \
            "add sp, #16\n"                                                              \
            "pop {r4-r12, pc}\n"                                                         \
            : : : NN_CLOBBERED);                                                         \
    }
/* clang-format on */
NN_TILE(nn_tile_floor, NN_CODE_FLOOR)
NN_TILE(nn_tile_full, NN_CODE_FULL)
NN_TILE(nn_tile_clamp, NN_CODE_CLAMP)
#else
/* Two rows of one position, a block's word for them after every second one. */
NN_INLINE void nn_tile_rows(const uint32_t *x, const uint32_t *w, const int32_t *start,
                            const struct nn_scale *scale, int32_t pairs, struct nn_target target,
                            int8_t *codes, enum nn_finish finish) {
    int32_t low = start[0], high = start[1], i;
    for (i = 0; i < 2 * pairs; i += 2) {
        high = nn_dual_mac(w[i], x[i], high);
        low = nn_dual_mac(nn_even_bytes(w[i]), x[i], low);
    }
    codes[0] = nn_scale_sum(nn_low_sum(low), scale[0], target, finish);
    codes[1] = nn_scale_sum(nn_high_sum(high, low), scale[1], target, finish);
}

#define NN_TILE(name, finish)                                                                      \
    NN_SHARED void name(const uint32_t *x, const uint32_t *w, const int32_t *start,                \
                        const struct nn_scale *scale, int32_t pairs, int32_t rows,                 \
                        struct nn_target target, int8_t *output, int32_t apart) {                  \
        int32_t r;                                                                                 \
        for (r = 0; r < rows; r += 2) {                                                            \
            const uint32_t *const words = w + r / 4 * (2 * pairs) + r / 2 % 2;                     \
            nn_tile_rows(x, words, start + r, scale + r, pairs, target, output + apart + r,        \
                         finish);                                                                  \
            nn_tile_rows(x + 1, words, start + r, scale + r, pairs, target, output + r, finish);   \
        }                                                                                          \
    }
NN_TILE(nn_tile_floor, NN_FINISH_FLOOR)
NN_TILE(nn_tile_full, NN_FINISH_FULL)
NN_TILE(nn_tile_clamp, NN_FINISH_CLAMP)
#endif

#endif
