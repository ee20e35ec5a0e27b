/* The kernels' inline arithmetic as functions that ctypes can call, one value or array at a time.
 */
#include "nn_lstm.h"
#include "nn_softmax.h"

int32_t high_mul(int32_t a, int32_t b);
int32_t divide_by_pot(int32_t x, int32_t exponent);
int32_t requantize(int32_t x, int32_t multiplier, int32_t shift);
int32_t exp_on_negative(int32_t x);
int32_t reciprocal(int32_t x, int32_t *bits);
void sigmoid(const int16_t *x, int16_t *y, int32_t count);
void tanh_16(const int16_t *x, int16_t *y, int32_t count, int32_t left_shift);

int32_t high_mul(int32_t a, int32_t b) {
    return nn_high_mul(a, b);
}

int32_t divide_by_pot(int32_t x, int32_t exponent) {
    return nn_divide_by_pot(x, exponent);
}

int32_t requantize(int32_t x, int32_t multiplier, int32_t shift) {
    return nn_requantize(x, multiplier, shift);
}

int32_t exp_on_negative(int32_t x) {
    return nn_exp_on_negative(x);
}

int32_t reciprocal(int32_t x, int32_t *bits) {
    return nn_reciprocal(x, bits);
}

void sigmoid(const int16_t *x, int16_t *y, int32_t count) {
    int32_t i;
    for (i = 0; i < count; i++) {
        y[i] = (int16_t)nn_sigmoid(x[i]);
    }
}

void tanh_16(const int16_t *x, int16_t *y, int32_t count, int32_t left_shift) {
    int32_t i;
    for (i = 0; i < count; i++) {
        y[i] = (int16_t)nn_tanh(x[i], left_shift);
    }
}
