/* UNIDIRECTIONAL_SEQUENCE_LSTM: int8 activations and weights, int16 cell state, no peephole, no
 * projection, batch 1. Gates are computed for all units, then state and output unit by unit; every
 * rounding is where TFLM's reference kernel has it (see pipeline/ops/lstm.py). */
#ifndef NN_LSTM_H
#define NN_LSTM_H

#include <string.h>

#include "nn_dot.h"

enum { NN_LSTM_FORGET, NN_LSTM_INPUT, NN_LSTM_CELL, NN_LSTM_OUTPUT, NN_LSTM_GATES };

/* One matrix of a gate; the zero point of what it multiplies is folded into the biases. */
struct nn_lstm_matrix {
    const int8_t *weights; /* [units, depth] */
    const int32_t *bias;   /* [units] */
    int32_t multiplier, shift;
};

struct nn_lstm {
    int32_t steps, depth, units;
    struct nn_lstm_matrix input[NN_LSTM_GATES], recurrent[NN_LSTM_GATES];
    int32_t forget_multiplier, forget_shift; /* forget gate · cell state → cell state */
    int32_t update_multiplier, update_shift; /* input gate · cell gate → cell state */
    int32_t hidden_multiplier, hidden_shift; /* tanh(cell state) · output gate → hidden state */
    int32_t hidden_zero_point;
    int32_t cell_shift; /* the cell state has 3 + cell_shift integer bits */
    int32_t cell_clip;  /* codes; 0: none */
};

/* Sigmoid at i / 24 in Q0.16; pipeline/quant.py has the formula. */
static inline const uint16_t *nn_sigmoid_table(void) {
    static const uint16_t table[256] = {
        32768, 33451, 34133, 34813, 35493, 36169, 36843, 37513, 38180, 38841, 39498, 40149, 40794,
        41432, 42064, 42688, 43304, 43912, 44511, 45102, 45683, 46255, 46817, 47369, 47911, 48443,
        48964, 49475, 49975, 50464, 50942, 51409, 51865, 52311, 52745, 53169, 53581, 53983, 54374,
        54755, 55125, 55485, 55834, 56174, 56503, 56823, 57133, 57433, 57724, 58007, 58280, 58544,
        58800, 59048, 59288, 59519, 59743, 59959, 60168, 60370, 60565, 60753, 60935, 61110, 61279,
        61441, 61599, 61750, 61896, 62036, 62172, 62302, 62428, 62549, 62666, 62778, 62886, 62990,
        63090, 63186, 63279, 63368, 63454, 63536, 63615, 63691, 63765, 63835, 63903, 63968, 64030,
        64090, 64148, 64204, 64257, 64308, 64357, 64405, 64450, 64494, 64536, 64576, 64614, 64652,
        64687, 64721, 64754, 64786, 64816, 64845, 64873, 64900, 64926, 64950, 64974, 64997, 65019,
        65039, 65060, 65079, 65097, 65115, 65132, 65149, 65164, 65179, 65194, 65208, 65221, 65234,
        65246, 65258, 65269, 65280, 65291, 65301, 65310, 65319, 65328, 65337, 65345, 65352, 65360,
        65367, 65374, 65381, 65387, 65393, 65399, 65404, 65410, 65415, 65420, 65425, 65429, 65433,
        65438, 65442, 65445, 65449, 65453, 65456, 65459, 65462, 65465, 65468, 65471, 65474, 65476,
        65479, 65481, 65483, 65485, 65488, 65489, 65491, 65493, 65495, 65497, 65498, 65500, 65501,
        65503, 65504, 65505, 65507, 65508, 65509, 65510, 65511, 65512, 65513, 65514, 65515, 65516,
        65517, 65517, 65518, 65519, 65520, 65520, 65521, 65522, 65522, 65523, 65523, 65524, 65524,
        65525, 65525, 65526, 65526, 65526, 65527, 65527, 65528, 65528, 65528, 65529, 65529, 65529,
        65529, 65530, 65530, 65530, 65530, 65531, 65531, 65531, 65531, 65531, 65532, 65532, 65532,
        65532, 65532, 65532, 65533, 65533, 65533, 65533, 65533, 65533, 65533, 65533, 65534, 65534,
        65534, 65534, 65534, 65534, 65534, 65534, 65534, 65534, 65535,
    };
    return table;
}

NN_INLINE int32_t nn_to_int16(int32_t x) {
    return nn_clamp(x, INT16_MIN, INT16_MAX);
}

/* Sigmoid in Q0.15 of x in Q3.12. */
static inline int32_t nn_sigmoid(int32_t x) {
    const uint16_t *const table = nn_sigmoid_table();
    const int32_t scaled = x * 3; /* the table reaches to 10.7, not 8 */
    const uint32_t size = (uint32_t)(scaled < 0 ? -scaled : scaled);
    const uint32_t place = size >> 9;
    uint32_t result = 0x7FFFu << 10;
    if (place < 255) {
        const uint32_t below = table[place], above = table[place + 1];
        result = (below << 9) + (size & 0x1FFu) * (above - below);
    }
    result = scaled >= 0 ? result + (1u << 9) : (1u << 25) - result + (1u << 9) - 1;
    return (int32_t)(result >> 10);
}

/* Tanh in Q0.15 of int16 x with 3 + left_shift integer bits: 2 · sigmoid(2x) − 1. */
static inline int32_t nn_tanh(int32_t x, int32_t left_shift) {
    const uint16_t *const table = nn_sigmoid_table();
    const int32_t scaled =
        left_shift >= 0 ? x * (3 << left_shift) : (x * 3 + (1 << (-left_shift - 1))) >> -left_shift;
    const uint32_t size = (uint32_t)(scaled < 0 ? -scaled : scaled);
    const uint32_t place = size >> 8;
    int32_t result = 0xFFFF << 8;
    if (place < 255) {
        const int32_t below = table[place], above = table[place + 1];
        result = (below << 8) + (int32_t)(size & 0xFFu) * (above - below);
    }
    result -= 1 << 23;
    return (scaled >= 0 ? result + (1 << 7) : -result + (1 << 7) - 1) >> 8;
}

/* The weighted sums of one gate in Q3.12. Input and state are rounded apart, then added. Called
 * once per gate, not in a loop over them: so multipliers and shifts are constants too. */
NN_INLINE void nn_lstm_gate(const struct nn_lstm *layer, int32_t which, const int8_t *x,
                            const int8_t *hidden, int16_t *gates) {
    const struct nn_lstm_matrix *input = &layer->input[which];
    const struct nn_lstm_matrix *recurrent = &layer->recurrent[which];
    int16_t *const gate = gates + which * layer->units;
    const size_t depth = (size_t)layer->depth, units = (size_t)layer->units;
    const int8_t *w = input->weights, *r = recurrent->weights;
    size_t u, i;
    for (u = 0; u < units; u += 4) {
        const size_t rows = units - u < 4 ? units - u : 4;
        int32_t from_input[4] = {0, 0, 0, 0}, from_state[4] = {0, 0, 0, 0};
        if (rows == 4) {
            nn_dot_4(x, w, depth, from_input);
            nn_dot_4(hidden, r, units, from_state);
        } else {
            for (i = 0; i < rows; i++) {
                from_input[i] = nn_dot_1(x, w + i * depth, depth);
                from_state[i] = nn_dot_1(hidden, r + i * units, units);
            }
        }
        for (i = 0; i < rows; i++) {
            const int32_t a =
                nn_requantize(from_input[i] + input->bias[u + i], input->multiplier, input->shift);
            const int32_t b = nn_requantize(from_state[i] + recurrent->bias[u + i],
                                            recurrent->multiplier, recurrent->shift);
            gate[u + i] = (int16_t)nn_to_int16(nn_to_int16(a) + nn_to_int16(b));
        }
        w += 4 * depth;
        r += 4 * units;
    }
}

/* Cell state and hidden state of one unit after one step. gates: [4, units] */
NN_INLINE void nn_lstm_unit(const struct nn_lstm *layer, const int16_t *gates, int32_t unit,
                            int16_t *cell, int8_t *hidden) {
    const int32_t forget = nn_sigmoid(gates[NN_LSTM_FORGET * layer->units + unit]);
    const int32_t input = nn_sigmoid(gates[NN_LSTM_INPUT * layer->units + unit]);
    const int32_t fresh = nn_tanh(gates[NN_LSTM_CELL * layer->units + unit], 0);
    const int32_t output = nn_sigmoid(gates[NN_LSTM_OUTPUT * layer->units + unit]);
    const int32_t kept = nn_to_int16(
        nn_requantize(forget * cell[unit], layer->forget_multiplier, layer->forget_shift));
    const int32_t added =
        nn_to_int16(nn_requantize(input * fresh, layer->update_multiplier, layer->update_shift));
    int32_t state = nn_to_int16(kept + added);
    int32_t code;
    if (layer->cell_clip > 0) {
        state = nn_clamp(state, -layer->cell_clip, layer->cell_clip);
    }
    cell[unit] = (int16_t)state;
    code = nn_requantize(nn_tanh(state, layer->cell_shift) * output, layer->hidden_multiplier,
                         layer->hidden_shift);
    hidden[unit] = (int8_t)nn_clamp(code + layer->hidden_zero_point, -128, 127);
}

/* input [steps, depth], output [steps, units]; hidden [units] and cell [units] are the state,
 * gates [4, units] is scratch. */
NN_INLINE void nn_lstm(const struct nn_lstm *layer, const int8_t *input, int8_t *hidden,
                       int16_t *cell, int16_t *gates, int8_t *output) {
    int32_t t, u;
    for (t = 0; t < layer->steps; t++) {
        nn_lstm_gate(layer, NN_LSTM_FORGET, input, hidden, gates);
        nn_lstm_gate(layer, NN_LSTM_INPUT, input, hidden, gates);
        nn_lstm_gate(layer, NN_LSTM_CELL, input, hidden, gates);
        nn_lstm_gate(layer, NN_LSTM_OUTPUT, input, hidden, gates);
        for (u = 0; u < layer->units; u++) {
            nn_lstm_unit(layer, gates, u, cell, hidden);
        }
        memcpy(output, hidden, (size_t)layer->units);
        input += layer->depth;
        output += layer->units;
    }
}

#endif
