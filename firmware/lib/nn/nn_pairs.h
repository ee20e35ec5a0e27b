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

/* Two neighbouring bytes as int16. Loads need not be aligned. */
NN_INLINE uint32_t nn_load_pair(const int8_t *x) {
#if NN_DSP
    uint16_t half;
    memcpy(&half, x, 2);
    return nn_even_bytes((uint32_t)half | (uint32_t)half << 8);
#else
    return ((uint32_t)x[0] & 0xFFFFu) | (uint32_t)x[1] << 16;
#endif
}

/* One pair of weights and eight positions, or four: `last` and what follows is left out. */
#if NN_DSP
#define NN_PAIRS_BEGIN                                                                             \
    "1:\n\t"                                                                                       \
    "ldrb %[x0], [%[taps]], #1\n\t"                                                                \
    "ldrh %[w], [%[taps]], #2\n\t"                                                                 \
    "add %[x], %[x], %[x0], lsl #2\n\t"                                                            \
    "orr %[w], %[w], %[w], lsl #8\n\t"                                                             \
    "ldr %[x0], [%[x]]\n\t"                                                                        \
    "sxtb16 %[w], %[w]\n\t"                                                                        \
    "ldr %[x1], [%[x], #4]\n\t"                                                                    \
    "smlad %[a], %[x0], %[w], %[a]\n\t"                                                            \
    "ldr %[x0], [%[x], #8]\n\t"                                                                    \
    "smlad %[b], %[x1], %[w], %[b]\n\t"                                                            \
    "ldr %[x1], [%[x], #12]\n\t"                                                                   \
    "smlad %[c], %[x0], %[w], %[c]\n\t"

NN_INLINE const int8_t *nn_pairs_8(const int8_t *taps, const uint32_t *x, int32_t count,
                                   struct nn_sums_8x1 *s) {
    int32_t w;
    uint32_t x0, x1;
    __asm__(NN_PAIRS_BEGIN "ldr %[x0], [%[x], #16]\n\t"
                           "smlad %[d], %[x1], %[w], %[d]\n\t"
                           "ldr %[x1], [%[x], #20]\n\t"
                           "smlad %[e], %[x0], %[w], %[e]\n\t"
                           "ldr %[x0], [%[x], #24]\n\t"
                           "smlad %[f], %[x1], %[w], %[f]\n\t"
                           "ldr %[x1], [%[x], #28]\n\t"
                           "smlad %[g], %[x0], %[w], %[g]\n\t"
                           "subs %[count], %[count], #1\n\t"
                           "smlad %[h], %[x1], %[w], %[h]\n\t"
                           "bne 1b"
            : [w] "=&r"(w), [x0] "=&r"(x0), [x1] "=&r"(x1), [taps] "+r"(taps), [x] "+r"(x),
              [count] "+r"(count), [a] "+r"(s->a), [b] "+r"(s->b), [c] "+r"(s->c), [d] "+r"(s->d),
              [e] "+r"(s->e), [f] "+r"(s->f), [g] "+r"(s->g), [h] "+r"(s->h)
            :
            : "memory", "cc");
    return taps;
}

NN_INLINE const int8_t *nn_pairs_4(const int8_t *taps, const uint32_t *x, int32_t count,
                                   struct nn_sums_8x1 *s) {
    int32_t w;
    uint32_t x0, x1;
    __asm__(NN_PAIRS_BEGIN "subs %[count], %[count], #1\n\t"
                           "smlad %[d], %[x1], %[w], %[d]\n\t"
                           "bne 1b"
            : [w] "=&r"(w), [x0] "=&r"(x0), [x1] "=&r"(x1), [taps] "+r"(taps), [x] "+r"(x),
              [count] "+r"(count), [a] "+r"(s->a), [b] "+r"(s->b), [c] "+r"(s->c), [d] "+r"(s->d)
            :
            : "memory", "cc");
    return taps;
}
#else
NN_INLINE const int8_t *nn_pairs_4(const int8_t *taps, const uint32_t *x, int32_t count,
                                   struct nn_sums_8x1 *s) {
    const int8_t *const end = taps + 3 * count;
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

NN_INLINE const int8_t *nn_pairs_8(const int8_t *taps, const uint32_t *x, int32_t count,
                                   struct nn_sums_8x1 *s) {
    struct nn_sums_8x1 rest;
    rest.a = s->e;
    rest.b = s->f;
    rest.c = s->g;
    rest.d = s->h;
    nn_pairs_4(taps, x + 4, count, &rest);
    s->e = rest.a;
    s->f = rest.b;
    s->g = rest.c;
    s->h = rest.d;
    return nn_pairs_4(taps, x, count, s);
}
#endif

/* `count` pairs of one row and one position; here the first byte is the pair's place itself. */
NN_INLINE int32_t nn_pairs_1(const int8_t **taps, const int8_t *x, int32_t count, int32_t sum) {
    const int8_t *const end = *taps + 3 * count, *tap = *taps;
    for (; tap != end; tap += 3) {
        sum = nn_dual_mac(nn_load_pair(x + 2 * (uint8_t)tap[0]), nn_load_pair(tap + 1), sum);
    }
    *taps = end;
    return sum;
}

#endif
