/* Any function of one 8-bit code: a table of what the definition (pipeline/ops/unary.py) gives. */
#ifndef NN_LOOKUP_H
#define NN_LOOKUP_H

#include "nn_quant.h"

/* `lowest`: the code of the table's first entry, -128; 0 where the input's codes are unsigned. */
NN_INLINE void nn_lookup(const int8_t table[256], int32_t lowest, const int8_t *input,
                         int32_t count, int8_t *output) {
    const uint8_t flip = lowest < 0 ? 0x80u : 0u; /* −128 … 127 to 0 … 255 */
    int32_t i;
    for (i = 0; i < count; i++) {
        output[i] = table[(uint8_t)input[i] ^ flip];
    }
}

#endif
