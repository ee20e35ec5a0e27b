/* Four rows of packed weights (nn_packed.h) at two output positions: the inner loop of
 * nn_conv_2d_packed.h. One load of weights serves both positions, one of inputs four rows. */
#ifndef NN_TILE_H
#define NN_TILE_H

#include "nn_packed.h"

/* What all positions share. weights: blocks of four rows, two words a pair of inputs. The assembly
 * reads the members in their order. */
struct nn_tile {
    const uint32_t *weights;
    const int32_t *start;
    const struct nn_scale *scale;
    int32_t pairs, rows;
    struct nn_target target;
};

/* All rows of two positions. x: pairs of inputs of the one and of the other in turn; the first
 * one's codes go to output + apart, the second one's to output, in this order. */
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
    code(first, "r0", "r1", "r2", "r4", "[sp, #32]", "[sp, #36]")                        \
    code(second, "r0", "r1", "r2", "r4", "[sp, #32]", "[sp, #36]")                       \
    "ldr r4, [sp, #12]\n"                                                                \
    "strb " first ", [r3, r4]\n"                                                         \
    "strb " second ", [r3], #1\n"

/* r0: x, r1: weights, r5 … r8: sums of rows 0 … 3 at the first position, r9 … r12: at the second one.
 * [sp]: x, #4: weights, #8: output, #12: apart, #16: start, #20: scale, #24: pairs beyond whole
 * rounds, #28: scale's end, #32: lowest and highest code, #40: x's end */
#define NN_TILE(name, code)                                                              \
    NN_ASSEMBLY void name(NN_IN_REGISTER const uint32_t *x, NN_IN_REGISTER const struct nn_tile *tile, \
        NN_IN_REGISTER int8_t *output, NN_IN_REGISTER int32_t apart) {                   \
        __asm__(                                                                         \
            "push {r4-r11, lr}\n"                                                        \
            NN_SAVED                                                                     \
            "ldm r1, {r1, r4-r9}\n"                                                      \
            "add r10, r0, r6, lsl #3\n"                                                  \
            "and r6, r6, #7\n"                                                           \
            "add r7, r7, r7, lsl #1\n"                                                   \
            "add r7, r5, r7, lsl #2\n"                                                   \
            "push {r0-r10}\n"                                                            \
            NN_PUSHED("44")                                                              \
            "10:\n"                                                                      \
            "ldr r0, [sp]\n"                                                             \
            "ldr r3, [sp, #16]\n"                                                        \
            "ldr r2, [sp, #24]\n"                                                        \
            "ldmia r3!, {r5-r8}\n"                                                       \
            "mov r9, r5\n"                                                               \
            "mov r10, r6\n"                                                              \
            "mov r11, r7\n"                                                              \
            "mov r12, r8\n"                                                              \
            "str r3, [sp, #16]\n"                                                        \
            NN_ENTER_ROUND("r2", NN_TILE_STEP)                                           \
            "ldr r2, [sp, #40]\n"                                                        \
            "cmp r2, r0\n"                                                               \
            "bne.w 0b\n"                                                                 \
            "str r1, [sp, #4]\n"                                                         \
            "ldr lr, [sp, #20]\n"                                                        \
            "ldr r3, [sp, #8]\n"                                                         \
            NN_DOUBLE("r5", "r6")                                                        \
            NN_DOUBLE("r7", "r8")                                                        \
            NN_DOUBLE("r9", "r10")                                                       \
            NN_DOUBLE("r11", "r12")                                                      \
            NN_TILE_ROW(code, "r5", "r9")                                                \
            NN_TILE_ROW(code, "r6", "r10")                                               \
            NN_TILE_ROW(code, "r7", "r11")                                               \
            NN_TILE_ROW(code, "r8", "r12")                                               \
            "str lr, [sp, #20]\n"                                                        \
            "str r3, [sp, #8]\n"                                                         \
            "ldr r0, [sp, #28]\n"                                                        \
            "ldr r1, [sp, #4]\n"                                                         \
            "cmp r0, lr\n"                                                               \
            "bne.w 10b\n"                                                                \
            "add sp, #44\n"                                                              \
            NN_PUSHED("-44")                                                             \
            "pop {r4-r11, pc}\n"                                                         \
            : : : NN_CLOBBERED);                                                         \
    }
/* clang-format on */
NN_TILE(nn_tile_floor, NN_CODE_FLOOR)
NN_TILE(nn_tile_full, NN_CODE_FULL)
NN_TILE(nn_tile_clamp, NN_CODE_CLAMP)
#else
/* Rows r and r + 1 of one position. */
NN_INLINE void nn_tile_rows(const uint32_t *x, const struct nn_tile *tile, int32_t r,
                            int8_t *output, enum nn_finish finish) {
    const uint32_t *const w = tile->weights + r / 4 * (2 * tile->pairs) + r / 2 % 2;
    int32_t low = tile->start[r], high = tile->start[r + 1], i;
    for (i = 0; i < 2 * tile->pairs; i += 2) {
        high = nn_dual_mac(w[i], x[i], high);
        low = nn_dual_mac(nn_even_bytes(w[i]), x[i], low);
    }
    output[r] = nn_scale_sum(nn_low_sum(low), tile->scale[r], tile->target, finish);
    output[r + 1] = nn_scale_sum(nn_high_sum(high, low), tile->scale[r + 1], tile->target, finish);
}

#define NN_TILE(name, finish)                                                                      \
    NN_SHARED void name(const uint32_t *x, const struct nn_tile *tile, int8_t *output,             \
                        int32_t apart) {                                                           \
        int32_t r;                                                                                 \
        for (r = 0; r < tile->rows; r += 2) {                                                      \
            nn_tile_rows(x, tile, r, output + apart, finish);                                      \
            nn_tile_rows(x + 1, tile, r, output, finish);                                          \
        }                                                                                          \
    }
NN_TILE(nn_tile_floor, NN_FINISH_FLOOR)
NN_TILE(nn_tile_full, NN_FINISH_FULL)
NN_TILE(nn_tile_clamp, NN_FINISH_CLAMP)
#endif

#endif
