/* The instructions of a core with the DSP extension that the packed kernels are made of, each with
 * its plain C twin. Both sides compute the same bits, so a test on the host runs the algorithm that
 * the device runs; NN_DSP says which side a build has.
 *
 * The inner loops need every register of the core, more than a compiler has to give where it keeps
 * a frame pointer, a register is set aside (-ffixed-r9) or variables stay in memory (-Og). So they
 * are functions in assembly that save and restore what they use, as the procedure call standard
 * (AAPCS) has it, and take part in no build option. Clang takes the twins.
 *
 * -DNN_DSP=0 makes every build take the twins: for a system whose interrupts count on a register
 * that is set aside, which these loops use in between, and for flash that can be executed but not
 * read (-mpure-code), in which their jump tables lie. The twins are taken in big endian, and where
 * words must not be loaded from anywhere (-mno-unaligned-access).
 *
 * Of the stack a loop takes 80 bytes at most, which -fstack-usage does not see. */
#ifndef NN_DSP_H
#define NN_DSP_H

#include <stdint.h>
#include <string.h>

#include "nn_quant.h"

#ifndef NN_DSP
#if defined(__ARM_FEATURE_DSP) && defined(__thumb2__) && defined(__ARM_FEATURE_UNALIGNED) &&       \
    !defined(__ARM_BIG_ENDIAN) && defined(__GNUC__) && !defined(__clang__)
#define NN_DSP 1
#else
#define NN_DSP 0
#endif
#endif

#if defined(__GNUC__) || defined(__clang__)
#define NN_SHARED static __attribute__((noinline, unused)) /* one copy for all layers */
#else
#define NN_SHARED static
#endif

/* GCC 12.2 at -O2 takes some of these for functions without effect, and drops the calls, once it
 * knows their arguments: it is then not to look inside. */
#if defined(__GNUC__) && !defined(__clang__)
#define NN_OPAQUE __attribute__((noipa))
#else
#define NN_OPAQUE
#endif

/* A function of nothing but assembly: its arguments are where the AAPCS puts them, no build option
 * puts instructions of its own into it, and no caller is compiled for what it seems to do. */
#if NN_DSP
#if __GNUC__ >= 12
#define NN_UNTOUCHED noipa, no_stack_protector, no_sanitize_coverage
#elif __GNUC__ >= 11
#define NN_UNTOUCHED noipa, no_stack_protector
#elif __GNUC__ >= 8
#define NN_UNTOUCHED noipa, optimize("no-stack-protector")
#else
#define NN_UNTOUCHED noclone, optimize("no-stack-protector")
#endif
#define NN_ASSEMBLY                                                                                \
    static __attribute__((naked, noinline, unused, no_instrument_function,                         \
                          no_profile_instrument_function, NN_UNTOUCHED))
/* What a call leaves changed; GCC looks it up here where it may. */
#define NN_CLOBBERED "r0", "r1", "r2", "r3", "r12", "cc", "memory"
/* An argument that only the assembly sees. */
#define NN_IN_REGISTER __attribute__((unused))

/* For a debugger's backtrace, where the build has call frame information: bytes more on the stack,
 * and registers of the caller on its top. */
#ifdef __GCC_HAVE_DWARF2_CFI_ASM
#define NN_PUSHED(bytes) ".cfi_adjust_cfa_offset " bytes "\n"
#define NN_SAVED                                                                                   \
    NN_PUSHED("36")                                                                                \
    ".cfi_rel_offset r4, 0\n.cfi_rel_offset r5, 4\n.cfi_rel_offset r6, 8\n"                        \
    ".cfi_rel_offset r7, 12\n.cfi_rel_offset r8, 16\n.cfi_rel_offset r9, 20\n"                     \
    ".cfi_rel_offset r10, 24\n.cfi_rel_offset r11, 28\n.cfi_rel_offset lr, 32\n"
#else
#define NN_PUSHED(bytes)
#define NN_SAVED
#endif

/* Eight steps, of which only the last `first` are taken the first time: the beginning of a loop
 * that goes back to label 0. */
/* clang-format off */
#define NN_ENTER_ROUND(first, step)                                                      \
    "tbh [pc, " first ", lsl #1]\n"                                                      \
    "9:\n"                                                                               \
    ".short (8f-9b)/2, (7f-9b)/2, (6f-9b)/2, (5f-9b)/2\n"                                \
    ".short (4f-9b)/2, (3f-9b)/2, (2f-9b)/2, (1f-9b)/2\n"                                \
    "0:\n" step "1:\n" step "2:\n" step "3:\n" step                                      \
    "4:\n" step "5:\n" step "6:\n" step "7:\n" step                                      \
    "8:\n"
/* clang-format on */
#endif

/* Four bytes from anywhere as a word, the first lowest. */
NN_INLINE uint32_t nn_load_4(const int8_t *x) {
    uint32_t word;
#if NN_DSP
    memcpy(&word, x, 4);
#else
    word = (uint32_t)(uint8_t)x[0] | (uint32_t)(uint8_t)x[1] << 8 | (uint32_t)(uint8_t)x[2] << 16 |
           (uint32_t)(uint8_t)x[3] << 24;
#endif
    return word;
}

NN_INLINE void nn_store_4(int8_t *x, uint32_t word) {
#if NN_DSP
    memcpy(x, &word, 4);
#else
    x[0] = (int8_t)word;
    x[1] = (int8_t)(word >> 8);
    x[2] = (int8_t)(word >> 16);
    x[3] = (int8_t)(word >> 24);
#endif
}

NN_INLINE int32_t nn_low_half(uint32_t x) {
    return (int32_t)((x & 0xFFFFu) ^ 0x8000u) - 0x8000;
}

/* Bytes 0 and 2 as two int16. */
NN_INLINE uint32_t nn_even_bytes(uint32_t x) {
#if NN_DSP
    uint32_t y;
    __asm__("sxtb16 %0, %1" : "=r"(y) : "r"(x));
    return y;
#else
    const uint32_t bytes = x & 0x00FF00FFu, negative = (bytes >> 7) & 0x00010001u;
    return bytes | negative * 0xFF00u;
#endif
}

/* Bytes 1 and 3 as two int16. */
NN_INLINE uint32_t nn_odd_bytes(uint32_t x) {
#if NN_DSP
    uint32_t y;
    __asm__("sxtb16 %0, %1, ror #8" : "=r"(y) : "r"(x));
    return y;
#else
    return nn_even_bytes(x >> 8);
#endif
}

/* Both int16 halves of x, each with the sign-extended byte 0 or 2 of y added. */
NN_INLINE uint32_t nn_add_even_bytes(uint32_t x, uint32_t y) {
#if NN_DSP
    uint32_t sums;
    __asm__("sxtab16 %0, %1, %2" : "=r"(sums) : "r"(x), "r"(y));
    return sums;
#else
    const uint32_t bytes = nn_even_bytes(y);
    return ((x + bytes) & 0xFFFFu) | ((x & 0xFFFF0000u) + (bytes & 0xFFFF0000u));
#endif
}

/* The same with bytes 1 and 3. */
NN_INLINE uint32_t nn_add_odd_bytes(uint32_t x, uint32_t y) {
#if NN_DSP
    uint32_t sums;
    __asm__("sxtab16 %0, %1, %2, ror #8" : "=r"(sums) : "r"(x), "r"(y));
    return sums;
#else
    return nn_add_even_bytes(x, y >> 8);
#endif
}

/* Turns the sign bits of four int8, so that uint8 order is theirs; and back. */
NN_INLINE uint32_t nn_turn_signs(uint32_t bytes) {
    return bytes ^ 0x80808080u;
}

/* The larger of each two uint8: y and what x has more. SSUB8 and SEL would do it for int8, but
 * Renode before 1.16 sets other GE flags. */
NN_INLINE uint32_t nn_max_bytes(uint32_t x, uint32_t y) {
#if NN_DSP
    uint32_t more;
    __asm__("uqsub8 %0, %1, %2" : "=r"(more) : "r"(x), "r"(y));
    return y + more; /* no sum carries: it is one of the two */
#else
    uint32_t larger = 0;
    int32_t shift;
    for (shift = 0; shift < 32; shift += 8) {
        const uint8_t a = (uint8_t)(x >> shift), b = (uint8_t)(y >> shift);
        larger |= (uint32_t)(a > b ? a : b) << shift;
    }
    return larger;
#endif
}

/* sum + the products of both int16 halves; wraps. */
NN_INLINE int32_t nn_dual_mac(uint32_t a, uint32_t b, int32_t sum) {
#if NN_DSP
    int32_t y;
    __asm__("smlad %0, %1, %2, %3" : "=r"(y) : "r"(a), "r"(b), "r"(sum));
    return y;
#else
    const int32_t low = nn_low_half(a) * nn_low_half(b);
    const int32_t high = nn_low_half(a >> 16) * nn_low_half(b >> 16);
    return (int32_t)((uint32_t)low + (uint32_t)high + (uint32_t)sum);
#endif
}

/* sum + a · b / 2^32, halves up. */
NN_INLINE int32_t nn_high_mac(int32_t a, int32_t b, int32_t sum) {
#if NN_DSP
    int32_t y;
    __asm__("smmlar %0, %1, %2, %3" : "=r"(y) : "r"(a), "r"(b), "r"(sum));
    return y;
#else
    return sum + (int32_t)(((int64_t)a * b + ((int64_t)1 << 31)) >> 32);
#endif
}

NN_INLINE int32_t nn_saturate_8(int32_t x) {
#if NN_DSP
    int32_t y;
    __asm__("ssat %0, #8, %1" : "=r"(y) : "r"(x));
    return y;
#else
    return nn_clamp(x, -128, 127);
#endif
}

NN_INLINE int32_t nn_saturate_16(int32_t x) {
#if NN_DSP
    int32_t y;
    __asm__("ssat %0, #16, %1" : "=r"(y) : "r"(x));
    return y;
#else
    return nn_clamp(x, INT16_MIN, INT16_MAX);
#endif
}

#endif
