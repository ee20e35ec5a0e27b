/* Sums over the nonzero weights of a row only: the inner loops of the kernels for pruned layers.
 *
 * A row's weights are a stream of bytes, two per tap: how far the input's place lies beyond the one
 * before, then the weight. Taps go by twos; a weight of 0 fills up, and bridges gaps of over 255.
 * In a convolution one tap serves eight positions, whose inputs lie side by side as doubled int16.
 */
#ifndef NN_SPARSE_H
#define NN_SPARSE_H

#include "nn_packed.h"

struct nn_sums_8x1 {
    int32_t a, b, c, d, e, f, g, h; /* positions 0 … 7 */
};

/* 2 · twos taps of one row. x: the first position's inputs. Loads need not be aligned. */
#if NN_DSP
#define NN_SPARSE_TAP                                                                              \
    "ldrb %[x0], [%[taps]], #1\n\t"                                                                \
    "ldrsb %[w], [%[taps]], #1\n\t"                                                                \
    "add %[x], %[x], %[x0], lsl #1\n\t"                                                            \
    "ldr %[x0], [%[x]]\n\t"                                                                        \
    "ldr %[x1], [%[x], #4]\n\t"                                                                    \
    "smlabb %[a], %[x0], %[w], %[a]\n\t"                                                           \
    "smlatb %[b], %[x0], %[w], %[b]\n\t"                                                           \
    "smlabb %[c], %[x1], %[w], %[c]\n\t"                                                           \
    "smlatb %[d], %[x1], %[w], %[d]\n\t"                                                           \
    "ldr %[x0], [%[x], #8]\n\t"                                                                    \
    "ldr %[x1], [%[x], #12]\n\t"                                                                   \
    "smlabb %[e], %[x0], %[w], %[e]\n\t"                                                           \
    "smlatb %[f], %[x0], %[w], %[f]\n\t"                                                           \
    "smlabb %[g], %[x1], %[w], %[g]\n\t"                                                           \
    "smlatb %[h], %[x1], %[w], %[h]\n\t"

#define NN_SPARSE_TAP_4                                                                            \
    "ldrb %[x0], [%[taps]], #1\n\t"                                                                \
    "ldrsb %[w], [%[taps]], #1\n\t"                                                                \
    "add %[x], %[x], %[x0], lsl #1\n\t"                                                            \
    "ldr %[x0], [%[x]]\n\t"                                                                        \
    "ldr %[x1], [%[x], #4]\n\t"                                                                    \
    "smlabb %[a], %[x0], %[w], %[a]\n\t"                                                           \
    "smlatb %[b], %[x0], %[w], %[b]\n\t"                                                           \
    "smlabb %[c], %[x1], %[w], %[c]\n\t"                                                           \
    "smlatb %[d], %[x1], %[w], %[d]\n\t"

NN_INLINE const int8_t *nn_sparse_4(const int8_t *taps, const int16_t *x, int32_t twos,
                                    struct nn_sums_8x1 *s) {
    int32_t w;
    uint32_t x0, x1;
    __asm__("1:\n\t" NN_SPARSE_TAP_4 NN_SPARSE_TAP_4 "subs %[twos], %[twos], #1\n\t"
            "bne 1b"
            : [w] "=&r"(w), [x0] "=&r"(x0), [x1] "=&r"(x1), [taps] "+r"(taps), [x] "+r"(x),
              [twos] "+r"(twos), [a] "+r"(s->a), [b] "+r"(s->b), [c] "+r"(s->c), [d] "+r"(s->d)
            :
            : "memory", "cc");
    return taps;
}

NN_INLINE const int8_t *nn_sparse_8(const int8_t *taps, const int16_t *x, int32_t twos,
                                    struct nn_sums_8x1 *s) {
    int32_t w;
    uint32_t x0, x1;
    __asm__("1:\n\t" NN_SPARSE_TAP NN_SPARSE_TAP "subs %[twos], %[twos], #1\n\t"
            "bne 1b"
            : [w] "=&r"(w), [x0] "=&r"(x0), [x1] "=&r"(x1), [taps] "+r"(taps), [x] "+r"(x),
              [twos] "+r"(twos), [a] "+r"(s->a), [b] "+r"(s->b), [c] "+r"(s->c), [d] "+r"(s->d),
              [e] "+r"(s->e), [f] "+r"(s->f), [g] "+r"(s->g), [h] "+r"(s->h)
            :
            : "memory", "cc");
    return taps;
}
#else
NN_INLINE const int8_t *nn_sparse_8(const int8_t *taps, const int16_t *x, int32_t twos,
                                    struct nn_sums_8x1 *s) {
    const int8_t *const end = taps + 4 * twos;
    for (; taps != end; taps += 2) {
        const int32_t weight = taps[1];
        x += (uint8_t)taps[0];
        s->a += weight * x[0];
        s->b += weight * x[1];
        s->c += weight * x[2];
        s->d += weight * x[3];
        s->e += weight * x[4];
        s->f += weight * x[5];
        s->g += weight * x[6];
        s->h += weight * x[7];
    }
    return taps;
}

NN_INLINE const int8_t *nn_sparse_4(const int8_t *taps, const int16_t *x, int32_t twos,
                                    struct nn_sums_8x1 *s) {
    const int8_t *const end = taps + 4 * twos;
    for (; taps != end; taps += 2) {
        x += (uint8_t)taps[0];
        s->a += (int32_t)taps[1] * x[0];
        s->b += (int32_t)taps[1] * x[1];
        s->c += (int32_t)taps[1] * x[2];
        s->d += (int32_t)taps[1] * x[3];
    }
    return taps;
}
#endif

/* 2 · twos taps of one row and one position; here the first byte is the place itself. */
NN_INLINE int32_t nn_sparse_1(const int8_t **taps, const int8_t *x, int32_t twos, int32_t sum) {
    const int8_t *const end = *taps + 4 * twos, *tap = *taps;
    for (; tap != end; tap += 4) {
        sum += (int32_t)tap[1] * x[(uint8_t)tap[0]];
        sum += (int32_t)tap[3] * x[(uint8_t)tap[2]];
    }
    *taps = end;
    return sum;
}

#endif
