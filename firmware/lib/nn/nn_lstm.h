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

/* What a layer computes with, besides its matrices. */
struct nn_lstm_cell {
    int32_t steps, depth, units;
    int32_t forget_multiplier, forget_shift; /* forget gate · cell state → cell state */
    int32_t update_multiplier, update_shift; /* input gate · cell gate → cell state */
    int32_t hidden_multiplier, hidden_shift; /* tanh(cell state) · output gate → hidden state */
    int32_t hidden_zero_point;
    int32_t cell_shift; /* the cell state has 3 + cell_shift integer bits */
    int32_t cell_clip;  /* codes; 0: none */
};

struct nn_lstm {
    struct nn_lstm_cell cell;
    struct nn_lstm_matrix input[NN_LSTM_GATES], recurrent[NN_LSTM_GATES];
};

/* Sigmoid at i / 24, less one half, in Q0.16; pipeline/quant.py has the formula. The last place is
 * there twice, so that every place has a neighbour. */
static inline const uint16_t *nn_sigmoid_table(void) {
    static const uint16_t table[257] = {
        0,     683,   1365,  2045,  2725,  3401,  4075,  4745,  5412,  6073,  6730,  7381,  8026,
        8664,  9296,  9920,  10536, 11144, 11743, 12334, 12915, 13487, 14049, 14601, 15143, 15675,
        16196, 16707, 17207, 17696, 18174, 18641, 19097, 19543, 19977, 20401, 20813, 21215, 21606,
        21987, 22357, 22717, 23066, 23406, 23735, 24055, 24365, 24665, 24956, 25239, 25512, 25776,
        26032, 26280, 26520, 26751, 26975, 27191, 27400, 27602, 27797, 27985, 28167, 28342, 28511,
        28673, 28831, 28982, 29128, 29268, 29404, 29534, 29660, 29781, 29898, 30010, 30118, 30222,
        30322, 30418, 30511, 30600, 30686, 30768, 30847, 30923, 30997, 31067, 31135, 31200, 31262,
        31322, 31380, 31436, 31489, 31540, 31589, 31637, 31682, 31726, 31768, 31808, 31846, 31884,
        31919, 31953, 31986, 32018, 32048, 32077, 32105, 32132, 32158, 32182, 32206, 32229, 32251,
        32271, 32292, 32311, 32329, 32347, 32364, 32381, 32396, 32411, 32426, 32440, 32453, 32466,
        32478, 32490, 32501, 32512, 32523, 32533, 32542, 32551, 32560, 32569, 32577, 32584, 32592,
        32599, 32606, 32613, 32619, 32625, 32631, 32636, 32642, 32647, 32652, 32657, 32661, 32665,
        32670, 32674, 32677, 32681, 32685, 32688, 32691, 32694, 32697, 32700, 32703, 32706, 32708,
        32711, 32713, 32715, 32717, 32720, 32721, 32723, 32725, 32727, 32729, 32730, 32732, 32733,
        32735, 32736, 32737, 32739, 32740, 32741, 32742, 32743, 32744, 32745, 32746, 32747, 32748,
        32749, 32749, 32750, 32751, 32752, 32752, 32753, 32754, 32754, 32755, 32755, 32756, 32756,
        32757, 32757, 32758, 32758, 32758, 32759, 32759, 32760, 32760, 32760, 32761, 32761, 32761,
        32761, 32762, 32762, 32762, 32762, 32763, 32763, 32763, 32763, 32763, 32764, 32764, 32764,
        32764, 32764, 32764, 32765, 32765, 32765, 32765, 32765, 32765, 32765, 32765, 32766, 32766,
        32766, 32766, 32766, 32766, 32766, 32766, 32766, 32766, 32767, 32767,
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
        const uint32_t below = 32768u + table[place], above = 32768u + table[place + 1];
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
    int32_t result = 0x7FFF << 8;
    if (place < 255) {
        const int32_t below = table[place], above = table[place + 1];
        result = (below << 8) + (int32_t)(size & 0xFFu) * (above - below);
    }
    return (scaled >= 0 ? result + (1 << 7) : -result + (1 << 7) - 1) >> 8;
}

/* The weighted sums of one gate in Q3.12. Input and state are rounded apart, then added. Called
 * once per gate, not in a loop over them: so multipliers and shifts are constants too. */
NN_INLINE void nn_lstm_gate(const struct nn_lstm *layer, int32_t which, const int8_t *x,
                            const int8_t *hidden, int16_t *gates) {
    const struct nn_lstm_matrix *input = &layer->input[which];
    const struct nn_lstm_matrix *recurrent = &layer->recurrent[which];
    int16_t *const gate = gates + which * layer->cell.units;
    const size_t depth = (size_t)layer->cell.depth, units = (size_t)layer->cell.units;
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
NN_INLINE void nn_lstm_unit(const struct nn_lstm_cell *layer, const int16_t *gates, int32_t unit,
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
    for (t = 0; t < layer->cell.steps; t++) {
        nn_lstm_gate(layer, NN_LSTM_FORGET, input, hidden, gates);
        nn_lstm_gate(layer, NN_LSTM_INPUT, input, hidden, gates);
        nn_lstm_gate(layer, NN_LSTM_CELL, input, hidden, gates);
        nn_lstm_gate(layer, NN_LSTM_OUTPUT, input, hidden, gates);
        for (u = 0; u < layer->cell.units; u++) {
            nn_lstm_unit(&layer->cell, gates, u, cell, hidden);
        }
        memcpy(output, hidden, (size_t)layer->cell.units);
        input += layer->cell.depth;
        output += layer->cell.units;
    }
}

#endif
