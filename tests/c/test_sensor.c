/* The sensor's streams and self-test on a chip that the test plays, under the sanitizers. */
#include <string.h>

#include "check.h"
#include "sensor.h"

static struct sensor sensor;
static uint32_t now, waiting, next_value, transfers;
static bool there, overrun, has_ticked, clock_runs;
static unsigned starts, dead_from; /* transfers from this one on fail; 0: none */
static enum sensor_mode mode;
static int16_t force;

static bool answers(void) {
    return there && (dead_from == 0U || ++transfers < dead_from);
}

static void power(void) {}

static void run_clock(bool on) {
    clock_runs = on;
}

static uint32_t read_clock(void) {
    return now;
}

static bool take_tick(void) {
    const bool ticked = has_ticked;
    has_ticked = false;
    return ticked;
}

static const struct sensor_port port = {
    .power = power, .clock = run_clock, .now = read_clock, .ticked = take_tick};

static bool identify(const struct sensor_port *p, uint8_t *id) {
    (void)p;
    *id = 0x5A;
    return there;
}

static bool start(const struct sensor_port *p, enum sensor_mode wanted) {
    (void)p;
    mode = wanted;
    starts++;
    return there;
}

static bool stop(const struct sensor_port *p) {
    (void)p;
    return there;
}

static bool level(const struct sensor_port *p, struct sensor_level *found) {
    (void)p;
    *found = (struct sensor_level){.samples = (uint16_t)waiting, .overrun = overrun};
    overrun = false;
    return answers();
}

static bool take(const struct sensor_port *p, int16_t sample[SENSOR_VALUES]) {
    (void)p;
    const int16_t base = (int16_t)(mode == SENSOR_MEASURE ? next_value++ : 0U);
    for (int i = 0; i < (int)SENSOR_VALUES; i++)
        sample[i] = (int16_t)(base + i + (mode == SENSOR_TEST_ON ? force : 0));
    waiting--;
    return answers();
}

static const struct sensor_chip chip = {
    .name = "played",
    .who_am_i = 0x5A,
    .test_gyro_udps = 70000,
    .limits = {.accel_min = 90, .accel_max = 1700, .gyro_min = 20000, .gyro_max = 250000},
    .axes = {-2, -1, 3},
    .identify = identify,
    .start = start,
    .stop = stop,
    .level = level,
    .take = take,
};

static void begin(void) {
    there = true;
    overrun = has_ticked = clock_runs = false;
    now = waiting = next_value = transfers = starts = dead_from = 0;
    sensor_init(&sensor, &chip, &port);
}

static void tick(uint32_t samples) {
    now += SENSOR_TICK_US;
    waiting = samples;
    has_ticked = true;
    sensor_poll(&sensor);
}

/* The chip's sample n is n, n + 1, …; the board's axes are −2, −1, 3. */
static void check_sample(uint32_t number, int value) {
    const struct sensor_sample *sample = sensor_get(&sensor, number);
    const int expected[] = {-(value + 1), -value, value + 2, -(value + 4), -(value + 3), value + 5};
    for (size_t i = 0; i < SENSOR_VALUES; i++)
        CHECK_EQUAL(expected[i], sample->value[i]);
}

TEST(a_board_without_a_sensor_has_none) {
    sensor_init(&sensor, NULL, NULL);
    CHECK(!sensor_probe(&sensor));
    CHECK(!sensor_start(&sensor, 1));
    CHECK(!sensor_test_start(&sensor, 1));
    sensor_poll(&sensor);
    CHECK_EQUAL(SENSOR_ABSENT, sensor.state);
}

TEST(nobody_on_the_bus_is_an_answer) {
    begin();
    there = false;
    CHECK(!sensor_start(&sensor, 1));
    CHECK_EQUAL(SENSOR_ABSENT, sensor.state);
    CHECK(!clock_runs);
}

TEST(samples_are_numbered_turned_and_stamped) {
    begin();
    CHECK(sensor_start(&sensor, 7));
    tick(SENSOR_SETTLE + 1U);
    tick(2);
    CHECK_EQUAL(3, sensor.taken);
    check_sample(0, SENSOR_SETTLE);
    check_sample(2, SENSOR_SETTLE + 2U);
    CHECK_EQUAL(SENSOR_TICK_US, sensor_get(&sensor, 0)->time);
    CHECK_EQUAL(2U * SENSOR_TICK_US, sensor_get(&sensor, 2)->time);
}

TEST(a_stream_that_is_started_again_goes_on) {
    begin();
    CHECK(sensor_start(&sensor, 7));
    tick(SENSOR_SETTLE + 5U);
    CHECK(sensor_start(&sensor, 7));
    CHECK_EQUAL(5, sensor.taken);
    CHECK_EQUAL(1, starts);
    CHECK(sensor_start(&sensor, 8));
    CHECK_EQUAL(0, sensor.taken);
}

TEST(without_a_tick_the_bus_is_left_alone) {
    begin();
    CHECK(sensor_start(&sensor, 7));
    waiting = 20;
    sensor_poll(&sensor);
    CHECK_EQUAL(20, waiting);
}

TEST(the_ring_keeps_the_newest) {
    begin();
    CHECK(sensor_start(&sensor, 7));
    tick(SENSOR_SETTLE);
    for (unsigned i = 0; i < 30; i++)
        tick(10);
    CHECK_EQUAL(300, sensor.taken);
    CHECK_EQUAL(300U - SENSOR_RING, sensor_oldest(&sensor));
    check_sample(sensor_oldest(&sensor), (int)(SENSOR_SETTLE + 300U - SENSOR_RING));
}

TEST(a_fifo_that_ran_over_is_counted_and_placed) {
    begin();
    CHECK(sensor_start(&sensor, 7));
    tick(SENSOR_SETTLE + 4U);
    overrun = true;
    tick(3);
    CHECK_EQUAL(1, sensor.overruns);
    CHECK_EQUAL(1, sensor.breaks);
    CHECK_EQUAL(4, sensor.gap);
    CHECK_EQUAL(7, sensor.taken);
}

TEST(a_fifo_that_was_emptied_is_an_overrun_and_its_first_sample_is_not_used) {
    begin();
    CHECK(sensor_start(&sensor, 7));
    tick(SENSOR_SETTLE + 4U);
    overrun = true;
    tick(0);
    CHECK_EQUAL(1, sensor.overruns);
    CHECK_EQUAL(0, sensor.bus_errors);
    CHECK_EQUAL(1, sensor.breaks);
    CHECK_EQUAL(4, sensor.gap);
    tick(3);
    CHECK_EQUAL(6, sensor.taken);
    check_sample(4, SENSOR_SETTLE + 5);
    CHECK_EQUAL(1, starts);
}

TEST(a_failed_transfer_starts_the_chip_anew) {
    begin();
    CHECK(sensor_start(&sensor, 7));
    tick(SENSOR_SETTLE + 4U);
    dead_from = transfers + 3U; /* in the middle of the next tick's samples */
    tick(5);
    CHECK_EQUAL(1, sensor.bus_errors);
    CHECK_EQUAL(1, sensor.breaks);
    CHECK_EQUAL(sensor.taken, sensor.gap);
    CHECK_EQUAL(2, starts);
    dead_from = 0;
    const uint32_t taken = sensor.taken;
    tick(SENSOR_SETTLE + 1U);
    CHECK_EQUAL(taken + 1U, sensor.taken);
    CHECK_EQUAL(SENSOR_RUNNING, sensor.state);
}

TEST(a_gap_that_is_noticed_again_is_one) {
    begin();
    CHECK(sensor_start(&sensor, 7));
    tick(SENSOR_SETTLE + 4U);
    there = false;
    tick(0);
    tick(0);
    CHECK_EQUAL(2, sensor.bus_errors);
    CHECK_EQUAL(1, sensor.breaks);
    there = true;
    tick(SENSOR_SETTLE + 2U);
    there = false;
    tick(0);
    CHECK_EQUAL(2, sensor.breaks);
    CHECK_EQUAL(sensor.taken, sensor.gap);
}

TEST(a_sensor_that_stays_silent_is_given_up) {
    begin();
    CHECK(sensor_start(&sensor, 7));
    there = false;
    for (unsigned i = 0; i <= SENSOR_PATIENCE; i++)
        tick(0);
    CHECK_EQUAL(SENSOR_FAILED, sensor.state);
    CHECK(!clock_runs);
    there = true;
    CHECK(sensor_start(&sensor, 8));
}

static enum sensor_verdict verdict_for(int16_t change) {
    begin();
    force = change;
    CHECK(sensor_test_start(&sensor, 3));
    for (unsigned i = 0; i < 40 && sensor.test.verdict == SENSOR_UNDER_TEST; i++)
        tick(4);
    CHECK_EQUAL(SENSOR_IDLE, sensor.state);
    return sensor.test.verdict;
}

/* 90 mg are 369 counts, 250 dps 3,571. */
TEST(the_self_test_passes_within_its_limits) {
    CHECK_EQUAL(SENSOR_PASSED, verdict_for(369));
    CHECK_EQUAL(369, -sensor.test.on[0] + sensor.test.off[0]);
    CHECK_EQUAL(SENSOR_NOT_PASSED, verdict_for(368));
    CHECK_EQUAL(SENSOR_PASSED, verdict_for(-3571));
    CHECK_EQUAL(SENSOR_NOT_PASSED, verdict_for(3572));
    CHECK_EQUAL(SENSOR_NOT_PASSED, verdict_for(0));
}

TEST(a_self_test_that_is_asked_for_again_keeps_its_answer) {
    CHECK_EQUAL(SENSOR_PASSED, verdict_for(400));
    const unsigned before = starts;
    CHECK(sensor_test_start(&sensor, 3));
    CHECK_EQUAL(before, starts);
    CHECK(sensor_test_start(&sensor, 4));
    CHECK_EQUAL(SENSOR_UNDER_TEST, sensor.test.verdict);
    sensor_stop(&sensor);
    CHECK_EQUAL(SENSOR_NOT_PASSED, sensor.test.verdict);
}

TEST(the_largest_negative_value_turns_to_the_rail) {
    begin();
    CHECK(sensor_start(&sensor, 7));
    tick(SENSOR_SETTLE);
    next_value = 0x8000;
    tick(1);
    CHECK_EQUAL(INT16_MAX, sensor_get(&sensor, 0)->value[1]);
}

TEST(a_tick_that_was_kept_waiting_is_not_a_turn_of_the_counter_late) {
    const uint32_t due = 0xFFFFFFF0U;
    CHECK_EQUAL(due + SENSOR_TICK_US, sensor_next_tick(due, due + 3U));
    CHECK_EQUAL(due + SENSOR_TICK_US, sensor_next_tick(due, due + SENSOR_TICK_US - 5U));
    for (uint32_t late = SENSOR_TICK_US - 4U; late < 0x7FFF0000U; late += 1234567U)
        CHECK_EQUAL(due + late + SENSOR_TICK_US, sensor_next_tick(due, due + late));
}

/* An LSM6DSM whose FIFO is full: FIFO_STATUS1 to 4, and what is written to FIFO_CTRL5. */
static const uint8_t full_fifo[] = {0x00, 0x40, 4, 0};
static bool is_driven;
static uint8_t modes[4];
static size_t mode_count;

static bool read_full(uint8_t address, uint8_t *data, size_t size) {
    if (address != 0x3A || size != sizeof full_fifo)
        return false;
    memset(data, 0xFF, size);
    if (is_driven)
        memcpy(data, full_fifo, sizeof full_fifo);
    return true;
}

static bool write_mode(uint8_t address, uint8_t value) {
    if (address != 0x0A || mode_count == sizeof modes)
        return false;
    modes[mode_count++] = value;
    return true;
}

TEST(a_full_lsm6dsm_is_emptied_and_the_overrun_told) {
    const struct sensor_port full = {.read = read_full, .write = write_mode};
    struct sensor_level found;
    mode_count = 0;
    is_driven = false; /* a line that nobody drives is no overrun */
    CHECK(!sensor_lsm6dsm.level(&full, &found));
    CHECK_EQUAL(0, mode_count);
    is_driven = true;
    CHECK(sensor_lsm6dsm.level(&full, &found));
    CHECK(found.overrun);
    CHECK_EQUAL(0, found.samples);
    CHECK_EQUAL(2, mode_count);
    CHECK_EQUAL(0, modes[0]);
    CHECK_EQUAL(0x26, modes[1]);
}
