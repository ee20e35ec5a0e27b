/* UNIDIRECTIONAL_SEQUENCE_LSTM on packed weights: the fast twin of nn_lstm.h.
 *
 * Gain in instructions, GCC 12.2 -O2 (python -m benchmarks.kernels): 2.1 times for 32 units of 6
 * inputs. */
#ifndef NN_LSTM_PACKED_H
#define NN_LSTM_PACKED_H

#include "nn_lstm.h"
#include "nn_packed.h"

/* One matrix of a gate, packed; the zero point of what it multiplies is folded into `start`. */
struct nn_lstm_packed_matrix {
    const uint32_t *weights;
    const int32_t *start;
    int32_t multiplier, shift;
};

struct nn_lstm_packed {
    struct nn_lstm_cell cell;
    int32_t input_quads, hidden_quads; /* quads of inputs and of hidden units, rounded up */
    struct nn_lstm_packed_matrix input[NN_LSTM_GATES], recurrent[NN_LSTM_GATES];
};

/* As nn_requantize, of a doubled value whose left shift does not leave 32 bits; sign: any number of
 * the value's sign. */
NN_INLINE int32_t nn_requantize_doubled(int32_t doubled, int32_t sign, int32_t multiplier,
                                        int32_t shift) {
    int32_t half;
    if (shift >= 0) {
        return nn_high_mac((int32_t)((uint32_t)doubled << shift), multiplier, 0);
    }
    half = (int32_t)1 << (-shift - 1);
#if NN_DSP
    __asm__("" : "+r"(half)); /* kept in a register, so that one instruction shifts and adds */
#endif
    return nn_high_mac(doubled, multiplier, half + (sign >> 31)) >> -shift;
}

/* nn_sigmoid and nn_tanh without a branch. The table is less one half, the point of symmetry; two
 * neighbours in the table are weighted by one dual product. A sign bit, spread
 * over the word and XORed, negates and takes one off: negative halves are rounded down.
 * Between places: weight / 2^bits of the way, bits ≤ 9. */
NN_INLINE int32_t nn_between(const uint16_t *place, uint32_t weight, int32_t bits) {
    const uint32_t weights = (1u << bits) - weight + (weight << 16);
    uint32_t pair;
#if NN_DSP
    memcpy(&pair, place, 4);
#else
    pair = place[0] | (uint32_t)place[1] << 16;
#endif
    return nn_dual_mac(pair, weights, 0);
}

/* |x| · 3 ≤ 3 · 2^15, which is place 192 of the table at most. */
NN_INLINE int32_t nn_sigmoid_packed(const uint16_t *table, int32_t x) {
    const int32_t scaled = x * 3, sign = x >> 31;
    const uint32_t size = (uint32_t)((scaled ^ sign) - sign);
    const int32_t above_half = nn_between(table + (size >> 9), size & 0x1FFu, 9);
    return (((above_half ^ sign) + (1 << 9)) >> 10) + (1 << 14);
}

/* 2 · sigmoid(2x) − 1 of scaled = 3x; from place 255 on it is the table's last value. */
NN_INLINE int32_t nn_tanh_packed(const uint16_t *table, int32_t x, int32_t left_shift) {
    const int32_t scaled =
        left_shift >= 0 ? x * (3 << left_shift) : (x * 3 + (1 << (-left_shift - 1))) >> -left_shift;
    const int32_t sign = scaled >> 31;
    const uint32_t size = (uint32_t)((scaled ^ sign) - sign);
    const uint32_t limited = size < 0xFF00u ? size : 0xFF00u;
    const int32_t value = nn_between(table + (limited >> 8), limited & 0xFFu, 8);
    return ((value ^ sign) + (1 << 7)) >> 8;
}

/* As nn_lstm_unit. */
NN_INLINE void nn_lstm_packed_unit(const struct nn_lstm_cell *layer, const uint16_t *table,
                                   const int16_t *gates, int16_t *cell, int8_t *hidden) {
    const int32_t units = layer->units;
    const int32_t forget = nn_sigmoid_packed(table, gates[NN_LSTM_FORGET * units]);
    const int32_t input = nn_sigmoid_packed(table, gates[NN_LSTM_INPUT * units]);
    const int32_t fresh = nn_tanh_packed(table, gates[NN_LSTM_CELL * units], 0);
    const int32_t output = nn_sigmoid_packed(table, gates[NN_LSTM_OUTPUT * units]);
    const int32_t old = forget * *cell, fed = input * fresh;
    const int32_t kept = nn_saturate_16(
        nn_requantize_doubled(2 * old, old, layer->forget_multiplier, layer->forget_shift));
    const int32_t added = nn_saturate_16(
        nn_requantize_doubled(2 * fed, fed, layer->update_multiplier, layer->update_shift));
    int32_t state = nn_saturate_16(kept + added);
    int32_t product, code;
    if (layer->cell_clip > 0) {
        state = nn_clamp(state, -layer->cell_clip, layer->cell_clip);
    }
    *cell = (int16_t)state;
    product = nn_tanh_packed(table, state, layer->cell_shift) * output;
    code =
        nn_requantize_doubled(2 * product, product, layer->hidden_multiplier, layer->hidden_shift);
    *hidden = (int8_t)nn_saturate_8(code + layer->hidden_zero_point);
}

/* Called once per gate, not in a loop over them: so multipliers and shifts are constants. x and
 * hidden are widened. */
NN_INLINE void nn_lstm_packed_gate(const struct nn_lstm_packed *layer, int32_t which,
                                   const uint32_t *x, const uint32_t *hidden, int32_t *doubled,
                                   int16_t *gates) {
    const struct nn_lstm_packed_matrix *input = &layer->input[which];
    const struct nn_lstm_packed_matrix *recurrent = &layer->recurrent[which];
    const int32_t units = layer->cell.units, rows = (units + 1) & ~1;
    int32_t *const state = doubled + rows;
    int32_t u;
    nn_packed_rows_wide(x, input->weights, input->start, layer->input_quads, rows, doubled);
    nn_packed_rows_wide(hidden, recurrent->weights, recurrent->start, layer->hidden_quads, rows,
                        state);
    NN_UNROLL
    for (u = 0; u < units; u++) {
        const int32_t a =
            nn_requantize_doubled(doubled[u], doubled[u], input->multiplier, input->shift);
        const int32_t b =
            nn_requantize_doubled(state[u], state[u], recurrent->multiplier, recurrent->shift);
        gates[which * units + u] = (int16_t)nn_saturate_16(nn_saturate_16(a) + nn_saturate_16(b));
    }
}

/* scratch: 8 bytes per quad of the input and of the hidden state, 8 per unit, units rounded up to
 * even, and 8 per unit. The rest as nn_lstm. */
NN_INLINE void nn_lstm_packed(const struct nn_lstm_packed *layer, const int8_t *input,
                              int8_t *hidden, int16_t *cell, uint32_t *scratch, int8_t *output) {
    const int32_t units = layer->cell.units;
    const uint16_t *const table = nn_sigmoid_table();
    uint32_t *const x = scratch, *const h = x + 2 * layer->input_quads;
    int32_t *const doubled = (int32_t *)(h + 2 * layer->hidden_quads);
    int16_t *const gates = (int16_t *)(doubled + 2 * ((units + 1) & ~1));
    int32_t t, u;
    for (t = 0; t < layer->cell.steps; t++) {
        nn_widen_quads(input, layer->input_quads, x);
        nn_widen_quads(hidden, layer->hidden_quads, h);
        nn_lstm_packed_gate(layer, NN_LSTM_FORGET, x, h, doubled, gates);
        nn_lstm_packed_gate(layer, NN_LSTM_INPUT, x, h, doubled, gates);
        nn_lstm_packed_gate(layer, NN_LSTM_CELL, x, h, doubled, gates);
        nn_lstm_packed_gate(layer, NN_LSTM_OUTPUT, x, h, doubled, gates);
        for (u = 0; u < units; u++) {
            nn_lstm_packed_unit(&layer->cell, table, gates + u, cell + u, hidden + u);
        }
        memcpy(output, hidden, (size_t)units);
        input += layer->cell.depth;
        output += units;
    }
}

#endif
