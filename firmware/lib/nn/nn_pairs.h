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

struct nn_sums_8x1 {
    int32_t a, b, c, d, e, f, g, h; /* positions 0 … 7 */
};

/* One row of eight positions, or of four. */
#if NN_DSP
#define NN_PAIRS_TAP_4                                                                             \
    "ldrb.w %[x0], [%[taps]], #1\n\t"                                                              \
    "ldrh.w %[w], [%[taps]], #2\n\t"                                                               \
    "add.w %[x], %[x], %[x0], lsl #2\n\t"                                                          \
    "orr.w %[w], %[w], %[w], lsl #8\n\t"                                                           \
    "ldrd %[x0], %[x1], [%[x]]\n\t"                                                                \
    "sxtb16.w %[w], %[w]\n\t"                                                                      \
    "smlad %[a], %[x0], %[w], %[a]\n\t"                                                            \
    "smlad %[b], %[x1], %[w], %[b]\n\t"                                                            \
    "ldrd %[x0], %[x1], [%[x], #8]\n\t"                                                            \
    "smlad %[c], %[x0], %[w], %[c]\n\t"                                                            \
    "smlad %[d], %[x1], %[w], %[d]\n\t"

#define NN_PAIRS_TAP                                                                               \
    NN_PAIRS_TAP_4                                                                                 \
    "ldrd %[x0], %[x1], [%[x], #16]\n\t"                                                           \
    "smlad %[e], %[x0], %[w], %[e]\n\t"                                                            \
    "smlad %[f], %[x1], %[w], %[f]\n\t"                                                            \
    "ldrd %[x0], %[x1], [%[x], #24]\n\t"                                                           \
    "smlad %[g], %[x0], %[w], %[g]\n\t"                                                            \
    "smlad %[h], %[x1], %[w], %[h]\n"

NN_INLINE const int8_t *nn_pairs_8(const int8_t *taps, const uint32_t *x, uint32_t first,
                                   int32_t rounds, struct nn_sums_8x1 *s) {
    int32_t w;
    uint32_t x1;
    __asm__(NN_SPARSE_LOOP("%[x0]", NN_PAIRS_TAP)
            : [w] "=&r"(w), [x0] "+&r"(first), [x1] "=&r"(x1), [rounds] "+r"(rounds),
              [taps] "+r"(taps), [x] "+r"(x), [a] "+r"(s->a), [b] "+r"(s->b), [c] "+r"(s->c),
              [d] "+r"(s->d), [e] "+r"(s->e), [f] "+r"(s->f), [g] "+r"(s->g), [h] "+r"(s->h)
            :
            : "memory", "cc");
    return taps;
}

NN_INLINE const int8_t *nn_pairs_4(const int8_t *taps, const uint32_t *x, uint32_t first,
                                   int32_t rounds, struct nn_sums_8x1 *s) {
    int32_t w;
    uint32_t x1;
    __asm__(
        NN_SPARSE_LOOP("%[x0]", NN_PAIRS_TAP_4)
        : [w] "=&r"(w), [x0] "+&r"(first), [x1] "=&r"(x1), [rounds] "+r"(rounds), [taps] "+r"(taps),
          [x] "+r"(x), [a] "+r"(s->a), [b] "+r"(s->b), [c] "+r"(s->c), [d] "+r"(s->d)
        :
        : "memory", "cc");
    return taps;
}
#else
/* Two neighbouring bytes as int16. */
NN_INLINE uint32_t nn_load_pair(const int8_t *x) {
    return ((uint32_t)x[0] & 0xFFFFu) | (uint32_t)x[1] << 16;
}

NN_INLINE const int8_t *nn_pairs_4(const int8_t *taps, const uint32_t *x, uint32_t first,
                                   int32_t rounds, struct nn_sums_8x1 *s) {
    const int8_t *const end = taps + 3 * ((int32_t)first + NN_SPARSE_ROUND * rounds);
    for (; taps != end; taps += 3) {
        const uint32_t w = nn_load_pair(taps + 1);
        x += (uint8_t)taps[0];
        s->a = nn_dual_mac(x[0], w, s->a);
        s->b = nn_dual_mac(x[1], w, s->b);
        s->c = nn_dual_mac(x[2], w, s->c);
        s->d = nn_dual_mac(x[3], w, s->d);
    }
    return taps;
}

NN_INLINE const int8_t *nn_pairs_8(const int8_t *taps, const uint32_t *x, uint32_t first,
                                   int32_t rounds, struct nn_sums_8x1 *s) {
    struct nn_sums_8x1 rest;
    rest.a = s->e;
    rest.b = s->f;
    rest.c = s->g;
    rest.d = s->h;
    nn_pairs_4(taps, x + 4, first, rounds, &rest);
    s->e = rest.a;
    s->f = rest.b;
    s->g = rest.c;
    s->h = rest.d;
    return nn_pairs_4(taps, x, first, rounds, s);
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
    __asm__(NN_SPARSE_LOOP("%[v]", NN_PAIRS_PLACE)
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
