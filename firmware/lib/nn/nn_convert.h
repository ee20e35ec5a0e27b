/* QUANTIZE of float32 and DEQUANTIZE to float32. Floats lie in memory as bytes: the arena need not
 * be aligned for them. */
#ifndef NN_CONVERT_H
#define NN_CONVERT_H

#include <string.h>

#include "nn_lookup.h"

/* Halves away from zero, without libm. `count` floats in, codes out. A NaN becomes the zero point.
 */
NN_INLINE void nn_quantize(float scale, int32_t zero_point, const int8_t *input, int32_t count,
                           int8_t *output) {
    int32_t i;
    for (i = 0; i < count; i++) {
        float real, steps, limited, rest;
        int32_t whole, code;
        memcpy(&real, input + 4 * i, 4);
        steps = real / scale;
        limited = steps < -1024.0f ? -1024.0f : (steps > 1024.0f ? 1024.0f : steps);
        whole = limited == limited ? (int32_t)limited : 0;
        rest = limited - (float)whole; /* exact */
        code = whole + (rest >= 0.5f) - (rest <= -0.5f) + zero_point;
        output[i] = (int8_t)nn_clamp(code, -128, 127);
    }
}

/* The product of a 24-bit and a 9-bit number, rounded once. */
NN_INLINE void nn_dequantize(float scale, int32_t zero_point, const int8_t *input, int32_t count,
                             int8_t *output) {
    int32_t i;
    for (i = 0; i < count; i++) {
        const float real = scale * (float)(input[i] - zero_point);
        memcpy(output + 4 * i, &real, 4);
    }
}

#endif
