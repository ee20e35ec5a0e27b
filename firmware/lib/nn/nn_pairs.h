/* Sums over the pairs of weights that pruning in pairs has left: the inner loops of its kernels.
 *
 * A row's weights are a stream of bytes, three per pair: how far the pair of inputs lies beyond the
 * one before, then both weights, which SMLAD multiplies with both inputs at once. Weights of 0
 * bridge gaps of over 255. In a convolution a pair of weights serves eight positions, whose inputs
 * lie side by side as pairs of doubled int16.
 */
#ifndef NN_PAIRS_H
#define NN_PAIRS_H

#include "nn_sparse.h"

/* doubled[0 … 7] of one row at eight positions, or [0 … 3] at four, its sums starting from `start`;
 * count: pairs beyond rounds, rounds. Returns the next row's taps. */
#if NN_DSP
/* clang-format off */
#define NN_PAIRS_TAP_4                                                                   \
    "ldrb r2, [r0], #1\n"                                                                \
    "ldrh r4, [r0], #2\n"                                                                \
    "add r1, r1, r2, lsl #2\n"                                                           \
    "orr r4, r4, r4, lsl #8\n"                                                           \
    "ldrd r2, r3, [r1]\n"                                                                \
    "sxtb16 r4, r4\n"                                                                    \
    "smlad r5, r2, r4, r5\n"                                                             \
    "smlad r6, r3, r4, r6\n"                                                             \
    "ldrd r2, r3, [r1, #8]\n"                                                            \
    "smlad r7, r2, r4, r7\n"                                                             \
    "smlad r8, r3, r4, r8\n"

#define NN_PAIRS_TAP_8                                                                   \
    NN_PAIRS_TAP_4                                                                       \
    "ldrd r2, r3, [r1, #16]\n"                                                           \
    "smlad r9, r2, r4, r9\n"                                                             \
    "smlad r10, r3, r4, r10\n"                                                           \
    "ldrd r2, r3, [r1, #24]\n"                                                           \
    "smlad r11, r2, r4, r11\n"                                                           \
    "smlad r12, r3, r4, r12\n"

/* r0: taps, r1: x, r5 … r12: the sums; [sp, #36]: doubled */
#define NN_PAIRS(name, tap, sums)                                                        \
    NN_ASSEMBLY const int8_t *name(NN_IN_REGISTER const int8_t *taps,                    \
        NN_IN_REGISTER const uint32_t *x, NN_IN_REGISTER const uint8_t *count,           \
        NN_IN_REGISTER int32_t start, NN_IN_REGISTER int32_t *doubled) {                 \
        __asm__(                                                                         \
            "push {r4-r11, lr}\n"                                                        \
            NN_SAVED                                                                     \
            "ldrb lr, [r2, #1]\n"                                                        \
            "ldrb r2, [r2]\n"                                                            \
            "mov r5, r3\n"                                                               \
            "mov r6, r3\n"                                                               \
            "mov r7, r3\n"                                                               \
            "mov r8, r3\n"                                                               \
            "mov r9, r3\n"                                                               \
            "mov r10, r3\n"                                                              \
            "mov r11, r3\n"                                                              \
            "mov r12, r3\n"                                                              \
            NN_SPARSE_LOOP("r2", "lr", tap)                                              \
            "ldr r2, [sp, #36]\n"                                                        \
            "stmia r2, {" sums "}\n"                                                     \
            "pop {r4-r11, pc}\n"                                                         \
            : : : NN_CLOBBERED);                                                         \
    }
/* clang-format on */
NN_PAIRS(nn_pairs_4, NN_PAIRS_TAP_4, "r5-r8")
NN_PAIRS(nn_pairs_8, NN_PAIRS_TAP_8, "r5-r12")
#else
/* Two neighbouring bytes as int16. */
NN_INLINE uint32_t nn_load_pair(const int8_t *x) {
    return ((uint32_t)x[0] & 0xFFFFu) | (uint32_t)x[1] << 16;
}

NN_INLINE const int8_t *nn_pairs_n(const int8_t *taps, const uint32_t *x, const uint8_t *count,
                                   int32_t start, int32_t *doubled, int32_t positions) {
    const int8_t *const end = taps + 3 * (count[0] + NN_SPARSE_ROUND * count[1]);
    int32_t i;
    for (i = 0; i < positions; i++) {
        doubled[i] = start;
    }
    for (; taps != end; taps += 3) {
        const uint32_t w = nn_load_pair(taps + 1);
        x += (uint8_t)taps[0];
        for (i = 0; i < positions; i++) {
            doubled[i] = nn_dual_mac(x[i], w, doubled[i]);
        }
    }
    return taps;
}

NN_INLINE const int8_t *nn_pairs_4(const int8_t *taps, const uint32_t *x, const uint8_t *count,
                                   int32_t start, int32_t *doubled) {
    return nn_pairs_n(taps, x, count, start, doubled, 4);
}

NN_INLINE const int8_t *nn_pairs_8(const int8_t *taps, const uint32_t *x, const uint8_t *count,
                                   int32_t start, int32_t *doubled) {
    return nn_pairs_n(taps, x, count, start, doubled, 8);
}
#endif

/* Σ of one row and one position; here a tap's first byte is the pair's place itself. */
#if NN_DSP
#define NN_PAIRS_PLACE                                                                             \
    "ldrb.w %[v], [%[taps]], #1\n\t"                                                               \
    "ldrh.w %[w], [%[taps]], #2\n\t"                                                               \
    "ldrh.w %[v], [%[x], %[v], lsl #1]\n\t"                                                        \
    "orr.w %[w], %[w], %[w], lsl #8\n\t"                                                           \
    "orr.w %[v], %[v], %[v], lsl #8\n\t"                                                           \
    "sxtb16.w %[w], %[w]\n\t"                                                                      \
    "sxtb16.w %[v], %[v]\n\t"                                                                      \
    "smlad %[sum], %[v], %[w], %[sum]\n"

NN_INLINE int32_t nn_pairs_1(const int8_t **taps, const int8_t *x, uint32_t first, int32_t rounds,
                             int32_t sum) {
    int32_t w;
    __asm__(NN_SPARSE_LOOP("%[v]", "%[rounds]", NN_PAIRS_PLACE)
            : [w] "=&r"(w), [v] "+&r"(first), [rounds] "+&r"(rounds), [taps] "+&r"(*taps),
              [sum] "+&r"(sum)
            : [x] "r"(x)
            : "memory", "cc");
    return sum;
}
#else
NN_INLINE int32_t nn_pairs_1(const int8_t **taps, const int8_t *x, uint32_t first, int32_t rounds,
                             int32_t sum) {
    const int8_t *const end = *taps + 3 * ((int32_t)first + NN_SPARSE_ROUND * rounds);
    for (; *taps != end; *taps += 3) {
        const int8_t *const tap = *taps;
        sum = nn_dual_mac(nn_load_pair(x + 2 * (uint8_t)tap[0]), nn_load_pair(tap + 1), sum);
    }
    return sum;
}
#endif

#endif
