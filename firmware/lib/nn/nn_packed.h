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

/* One row's two positions. */
NN_INLINE void nn_finish_2(int32_t sum_0, int32_t sum_1, const struct nn_scale *scale,
                           struct nn_target target, int8_t *code_0, int8_t *code_1,
                           enum nn_finish finish) {
    const struct nn_scale row = *scale;
    *code_0 = nn_scale_sum(sum_0, row, target, finish);
    *code_1 = nn_scale_sum(sum_1, row, target, finish);
}

/* Four rows, two positions. */
struct nn_sums_4x2 {
    int32_t a0, a1, b0, b1, c0, c1, d0, d1; /* rows 1, 0, 3, 2 */
};

/* `pairs` pairs of inputs. w: two words for each; x: a pair of each position. */
#if NN_DSP
#define NN_STEP_4X2                                                                                \
    "ldrd %[v0], %[v1], [%[w]], #8\n\t"                                                            \
    "ldrd %[x0], %[x1], [%[x]], #8\n\t"                                                            \
    "smlad %[a0], %[v0], %[x0], %[a0]\n\t"                                                         \
    "smlad %[a1], %[v0], %[x1], %[a1]\n\t"                                                         \
    "sxtb16 %[v0], %[v0]\n\t"                                                                      \
    "smlad %[b0], %[v0], %[x0], %[b0]\n\t"                                                         \
    "smlad %[b1], %[v0], %[x1], %[b1]\n\t"                                                         \
    "smlad %[c0], %[v1], %[x0], %[c0]\n\t"                                                         \
    "smlad %[c1], %[v1], %[x1], %[c1]\n\t"                                                         \
    "sxtb16 %[v1], %[v1]\n\t"                                                                      \
    "smlad %[d0], %[v1], %[x0], %[d0]\n\t"                                                         \
    "smlad %[d1], %[v1], %[x1], %[d1]\n\t"

NN_INLINE const uint32_t *nn_dot_4x2(const uint32_t *w, const uint32_t *x, int32_t pairs,
                                     struct nn_sums_4x2 *s) {
    const uint32_t *const end = w + 2 * pairs;
    uint32_t v0, v1, x0, x1;
    __asm__("ldr %[v0], %[pairs]\n\t"
            "lsls %[v0], %[v0], #31\n\t"
            "beq 1f\n\t" NN_STEP_4X2 "1:\n\t"
            "ldr %[v0], %[pairs]\n\t"
            "lsls %[v0], %[v0], #30\n\t"
            "bpl 2f\n\t" NN_STEP_4X2 NN_STEP_4X2 "2:\n\t"
            "ldr %[v0], %[pairs]\n\t"
            "lsls %[v0], %[v0], #29\n\t"
            "bpl 3f\n\t" NN_STEP_4X2 NN_STEP_4X2 NN_STEP_4X2 NN_STEP_4X2 "3:\n\t"
            "ldr %[v0], %[end]\n\t"
            "cmp %[v0], %[w]\n\t"
            "beq 5f\n"
            "4:\n\t" NN_STEP_4X2 NN_STEP_4X2 NN_STEP_4X2 NN_STEP_4X2 NN_STEP_4X2 NN_STEP_4X2
                NN_STEP_4X2 NN_STEP_4X2 "ldr %[v0], %[end]\n\t"
            "cmp %[v0], %[w]\n\t"
            "bne 4b\n"
            "5:"
            : [v0] "=&r"(v0), [v1] "=&r"(v1), [x0] "=&r"(x0), [x1] "=&r"(x1), [w] "+r"(w),
              [x] "+r"(x), [a0] "+r"(s->a0), [a1] "+r"(s->a1), [b0] "+r"(s->b0), [b1] "+r"(s->b1),
              [c0] "+r"(s->c0), [c1] "+r"(s->c1), [d0] "+r"(s->d0), [d1] "+r"(s->d1)
            : [pairs] "m"(pairs), [end] "m"(end)
            : "memory", "cc");
    return w;
}
#else
NN_INLINE const uint32_t *nn_dot_4x2(const uint32_t *w, const uint32_t *x, int32_t pairs,
                                     struct nn_sums_4x2 *s) {
    const uint32_t *const end = w + 2 * pairs;
    for (; w != end; w += 2, x += 2) {
        s->a0 = nn_dual_mac(w[0], x[0], s->a0);
        s->a1 = nn_dual_mac(w[0], x[1], s->a1);
        s->b0 = nn_dual_mac(nn_even_bytes(w[0]), x[0], s->b0);
        s->b1 = nn_dual_mac(nn_even_bytes(w[0]), x[1], s->b1);
        s->c0 = nn_dual_mac(w[1], x[0], s->c0);
        s->c1 = nn_dual_mac(w[1], x[1], s->c1);
        s->d0 = nn_dual_mac(nn_even_bytes(w[1]), x[0], s->d0);
        s->d1 = nn_dual_mac(nn_even_bytes(w[1]), x[1], s->d1);
    }
    return w;
}
#endif

/* Twice the low row's sum, and twice the high row's. */
NN_INLINE int32_t nn_low_sum(int32_t b) {
    return (int32_t)((uint32_t)b << 1);
}

NN_INLINE int32_t nn_high_sum(int32_t a, int32_t b) {
    return (int32_t)((uint32_t)a - (uint32_t)b) >> 7;
}

/* Eight rows, or four, of one position; rows 1, 0, 3, 2, 5, 4, 7, 6. */
struct nn_sums_8 {
    int32_t a, b, c, d, e, f, g, h;
};

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

/* 4 · quads inputs with eight words a quad: four for the even bytes, four for the odd ones. x: the
 * bytes or, where `wide`, the pairs that nn_widen_quads makes of them. */
#if NN_DSP
#define NN_QUAD_OF_BYTES                                                                           \
    "ldr %[x1], [%[x]], #4\n\t"                                                                    \
    "sxtb16 %[x0], %[x1]\n\t"                                                                      \
    "sxtb16 %[x1], %[x1], ror #8\n\t"

#define NN_QUAD_OF_PAIRS "ldrd %[x0], %[x1], [%[x]], #8\n\t"

#define NN_STEP_8(load)                                                                            \
    load "ldrd %[v0], %[v1], [%[w]], #8\n\t"                                                       \
         "smlad %[a], %[v0], %[x0], %[a]\n\t"                                                      \
         "sxtb16 %[v0], %[v0]\n\t"                                                                 \
         "smlad %[b], %[v0], %[x0], %[b]\n\t"                                                      \
         "smlad %[c], %[v1], %[x0], %[c]\n\t"                                                      \
         "sxtb16 %[v1], %[v1]\n\t"                                                                 \
         "smlad %[d], %[v1], %[x0], %[d]\n\t"                                                      \
         "ldrd %[v0], %[v1], [%[w]], #8\n\t"                                                       \
         "smlad %[e], %[v0], %[x0], %[e]\n\t"                                                      \
         "sxtb16 %[v0], %[v0]\n\t"                                                                 \
         "smlad %[f], %[v0], %[x0], %[f]\n\t"                                                      \
         "smlad %[g], %[v1], %[x0], %[g]\n\t"                                                      \
         "sxtb16 %[v1], %[v1]\n\t"                                                                 \
         "smlad %[h], %[v1], %[x0], %[h]\n\t"                                                      \
         "ldrd %[v0], %[v1], [%[w]], #8\n\t"                                                       \
         "smlad %[a], %[v0], %[x1], %[a]\n\t"                                                      \
         "sxtb16 %[v0], %[v0]\n\t"                                                                 \
         "smlad %[b], %[v0], %[x1], %[b]\n\t"                                                      \
         "smlad %[c], %[v1], %[x1], %[c]\n\t"                                                      \
         "sxtb16 %[v1], %[v1]\n\t"                                                                 \
         "smlad %[d], %[v1], %[x1], %[d]\n\t"                                                      \
         "ldrd %[v0], %[v1], [%[w]], #8\n\t"                                                       \
         "smlad %[e], %[v0], %[x1], %[e]\n\t"                                                      \
         "sxtb16 %[v0], %[v0]\n\t"                                                                 \
         "smlad %[f], %[v0], %[x1], %[f]\n\t"                                                      \
         "smlad %[g], %[v1], %[x1], %[g]\n\t"                                                      \
         "sxtb16 %[v1], %[v1]\n\t"                                                                 \
         "smlad %[h], %[v1], %[x1], %[h]\n\t"

#define NN_DOT_8(load)                                                                             \
    __asm__("ldr %[v0], %[quads]\n\t"                                                              \
            "lsls %[v0], %[v0], #31\n\t"                                                           \
            "beq 1f\n\t" NN_STEP_8(load) "1:\n\t"                                                  \
                                         "ldr %[v0], %[end]\n\t"                                   \
                                         "cmp %[v0], %[w]\n\t"                                     \
                                         "beq 3f\n"                                                \
                                         "2:\n\t" NN_STEP_8(load)                                  \
                                             NN_STEP_8(load) "ldr %[v0], %[end]\n\t"               \
                                                             "cmp %[v0], %[w]\n\t"                 \
                                                             "bne 2b\n"                            \
                                                             "3:"                                  \
            : [v0] "=&r"(v0), [v1] "=&r"(v1), [x0] "=&r"(x0), [x1] "=&r"(x1), [w] "+r"(w),         \
              [x] "+r"(x), [a] "+r"(s->a), [b] "+r"(s->b), [c] "+r"(s->c), [d] "+r"(s->d),         \
              [e] "+r"(s->e), [f] "+r"(s->f), [g] "+r"(s->g), [h] "+r"(s->h)                       \
            : [quads] "m"(quads), [end] "m"(end)                                                   \
            : "memory", "cc")

NN_INLINE const uint32_t *nn_dot_8(const uint32_t *w, const void *x, int32_t quads, int wide,
                                   struct nn_sums_8 *s) {
    const uint32_t *const end = w + 8 * quads;
    uint32_t v0, v1, x0, x1;
    if (wide) {
        NN_DOT_8(NN_QUAD_OF_PAIRS);
    } else {
        NN_DOT_8(NN_QUAD_OF_BYTES);
    }
    return w;
}
#else
NN_INLINE const uint32_t *nn_dot_8(const uint32_t *w, const void *x, int32_t quads, int wide,
                                   struct nn_sums_8 *s) {
    int32_t q, i;
    for (q = 0; q < quads; q++) {
        uint32_t pair[2];
        nn_quad(x, q, wide, pair);
        for (i = 0; i < 2; i++, w += 4) {
            s->a = nn_dual_mac(w[0], pair[i], s->a);
            s->b = nn_dual_mac(nn_even_bytes(w[0]), pair[i], s->b);
            s->c = nn_dual_mac(w[1], pair[i], s->c);
            s->d = nn_dual_mac(nn_even_bytes(w[1]), pair[i], s->d);
            s->e = nn_dual_mac(w[2], pair[i], s->e);
            s->f = nn_dual_mac(nn_even_bytes(w[2]), pair[i], s->f);
            s->g = nn_dual_mac(w[3], pair[i], s->g);
            s->h = nn_dual_mac(nn_even_bytes(w[3]), pair[i], s->h);
        }
    }
    return w;
}
#endif

/* doubled[r] for `rows` rows, an even number: blocks of eight, then of two. x: see nn_dot_8. */
NN_INLINE void nn_dot_rows(const void *x, const uint32_t *w, const int32_t *start, int32_t quads,
                           int32_t rows, int wide, int32_t *doubled) {
    for (; rows >= 8; rows -= 8, doubled += 8, start += 8) {
        struct nn_sums_8 s;
        s.b = start[0];
        s.a = start[1];
        s.d = start[2];
        s.c = start[3];
        s.f = start[4];
        s.e = start[5];
        s.h = start[6];
        s.g = start[7];
        w = nn_dot_8(w, x, quads, wide, &s);
        doubled[0] = nn_low_sum(s.b);
        doubled[1] = nn_high_sum(s.a, s.b);
        doubled[2] = nn_low_sum(s.d);
        doubled[3] = nn_high_sum(s.c, s.d);
        doubled[4] = nn_low_sum(s.f);
        doubled[5] = nn_high_sum(s.e, s.f);
        doubled[6] = nn_low_sum(s.h);
        doubled[7] = nn_high_sum(s.g, s.h);
    }
    for (; rows > 0; rows -= 2, doubled += 2, start += 2) {
        int32_t low = start[0], high = start[1], q;
        for (q = 0; q < quads; q++, w += 2) {
            uint32_t pair[2];
            nn_quad(x, q, wide, pair);
            high = nn_dual_mac(w[0], pair[0], high);
            low = nn_dual_mac(nn_even_bytes(w[0]), pair[0], low);
            high = nn_dual_mac(w[1], pair[1], high);
            low = nn_dual_mac(nn_even_bytes(w[1]), pair[1], low);
        }
        doubled[0] = nn_low_sum(low);
        doubled[1] = nn_high_sum(high, low);
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

/* Four rows of two positions at a time. w: blocks of four rows; x: pairs of both positions in turn;
 * code_0, code_1: where the `rows` codes of the positions go. */
NN_INLINE void nn_packed_4x2(const uint32_t *x, const uint32_t *w, const int32_t *start,
                             const struct nn_scale *scale, int32_t pairs, int32_t rows,
                             struct nn_target target, int8_t *code_0, int8_t *code_1,
                             enum nn_finish finish) {
    const struct nn_scale *const last = scale + rows;
    for (; scale != last; scale += 4, start += 4, code_0 += 4, code_1 += 4) {
        struct nn_sums_4x2 s;
        s.b0 = s.b1 = start[0];
        s.a0 = s.a1 = start[1];
        s.d0 = s.d1 = start[2];
        s.c0 = s.c1 = start[3];
        w = nn_dot_4x2(w, x, pairs, &s);
        nn_finish_2(nn_low_sum(s.b0), nn_low_sum(s.b1), scale, target, code_0, code_1, finish);
        nn_finish_2(nn_high_sum(s.a0, s.b0), nn_high_sum(s.a1, s.b1), scale + 1, target, code_0 + 1,
                    code_1 + 1, finish);
        nn_finish_2(nn_low_sum(s.d0), nn_low_sum(s.d1), scale + 2, target, code_0 + 2, code_1 + 2,
                    finish);
        nn_finish_2(nn_high_sum(s.c0, s.d0), nn_high_sum(s.c1, s.d1), scale + 3, target, code_0 + 3,
                    code_1 + 3, finish);
    }
}

#endif
