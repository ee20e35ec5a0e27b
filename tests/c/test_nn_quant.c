/* The integer arithmetic, under the sanitizers, against its definition in wider numbers;
 * test_vectors/requant holds the cases shared with Python. */
#include "check.h"
#include "nn_quant.h"

static uint32_t seed = 1;

static int32_t next_number(void) {
    seed = seed * 1664525u + 1013904223u;
    const uint32_t high = seed >> 16;
    seed = seed * 1664525u + 1013904223u;
    return (int32_t)(high << 16 | seed >> 16);
}

/* x / 2^exponent to the nearest, halves away from zero. */
static int64_t nearest(int64_t x, int exponent) {
    const int64_t half = (int64_t)1 << (exponent - 1), whole = (int64_t)1 << exponent;
    return x < 0 ? -((-x + half) / whole) : (x + half) / whole;
}

TEST(halves_go_away_from_zero) {
    CHECK_EQUAL(3, nn_divide_by_pot(5, 1));
    CHECK_EQUAL(-3, nn_divide_by_pot(-5, 1));
    CHECK_EQUAL(1, nn_divide_by_pot(2, 2));
    CHECK_EQUAL(-1, nn_divide_by_pot(-2, 2));
    CHECK_EQUAL(0, nn_divide_by_pot(-1, 2));
}

TEST(division_is_to_the_nearest) {
    for (int i = 0; i < 100000; i++) {
        const int exponent = i % 31 + 1;
        const int32_t x = next_number() / 2; /* clear of the ends, where the contract stops */
        CHECK_EQUAL(nearest(x, exponent), nn_divide_by_pot(x, exponent));
    }
}

/* Halves of a product go up: that is gemmlowp's doubling high multiplication without its
 * saturation, and differs from `nearest` at negative halves alone. */
TEST(the_high_product_is_to_the_nearest) {
    for (int i = 0; i < 100000; i++) {
        const int32_t a = next_number(), b = next_number() & INT32_MAX;
        const int64_t product = (int64_t)a * b;
        const int64_t twice_rest = (product - nn_high_mul(a, b) * ((int64_t)1 << 31)) * 2;
        CHECK(twice_rest < (int64_t)1 << 31 && twice_rest >= -((int64_t)1 << 31));
    }
}

TEST(requantizing_by_one_changes_nothing) {
    for (int i = 0; i < 1000; i++) {
        const int32_t x = next_number() / 4;
        CHECK_EQUAL(x, nn_requantize(x, 1 << 30, 1));
    }
}
