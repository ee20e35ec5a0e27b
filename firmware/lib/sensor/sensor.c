#include "sensor.h"

_Static_assert((SENSOR_RING & (SENSOR_RING - 1U)) == 0U, "numbers wrap: the ring must divide 2^32");

void sensor_init(struct sensor *sensor, const struct sensor_chip *chip,
                 const struct sensor_port *port) {
    *sensor = (struct sensor){.chip = chip, .port = port};
}

static bool is_at_work(const struct sensor *sensor) {
    return sensor->state == SENSOR_RUNNING || sensor->state == SENSOR_TESTING;
}

bool sensor_probe(struct sensor *sensor) {
    if (sensor->chip == NULL)
        return false;
    if (is_at_work(sensor))
        return true;
    if (sensor->state != SENSOR_IDLE)
        sensor->port->power();
    sensor->id = 0;
    const bool there =
        sensor->chip->identify(sensor->port, &sensor->id) && sensor->id == sensor->chip->who_am_i;
    const bool was_there = sensor->state == SENSOR_IDLE || sensor->state == SENSOR_FAILED;
    sensor->state = there ? SENSOR_IDLE : was_there ? SENSOR_FAILED : SENSOR_ABSENT;
    return there;
}

static bool restart(struct sensor *sensor, enum sensor_mode mode) {
    sensor->settle = SENSOR_SETTLE;
    return sensor->chip->start(sensor->port, mode);
}

static bool begin(struct sensor *sensor, enum sensor_mode mode, enum sensor_state state) {
    sensor_stop(sensor);
    if (!sensor_probe(sensor))
        return false;
    if (!restart(sensor, mode)) {
        sensor->bus_errors++;
        sensor->state = SENSOR_FAILED;
        return false;
    }
    sensor->silent_ticks = 0;
    sensor->port->clock(true);
    sensor->state = state;
    return true;
}

bool sensor_start(struct sensor *sensor, uint32_t stream) {
    if (sensor->state == SENSOR_RUNNING && sensor->stream == stream)
        return true;
    if (!begin(sensor, SENSOR_MEASURE, SENSOR_RUNNING))
        return false;
    sensor->stream = stream;
    sensor->taken = 0;
    sensor->gap = 0;
    sensor->breaks = 0;
    return true;
}

static void end(struct sensor *sensor, enum sensor_state state) {
    if (sensor->test.verdict == SENSOR_UNDER_TEST)
        sensor->test.verdict = SENSOR_NOT_PASSED;
    sensor->port->clock(false);
    (void)sensor->chip->stop(sensor->port);
    sensor->state = state;
}

void sensor_stop(struct sensor *sensor) {
    if (is_at_work(sensor))
        end(sensor, SENSOR_IDLE);
}

bool sensor_test_start(struct sensor *sensor, uint32_t number) {
    if (sensor->test.verdict != SENSOR_UNTESTED && sensor->test.number == number)
        return true;
    if (!begin(sensor, SENSOR_TEST_OFF, SENSOR_TESTING))
        return false;
    sensor->test = (struct sensor_test){
        .number = number, .verdict = SENSOR_UNDER_TEST, .phase = SENSOR_TEST_OFF};
    return true;
}

/* The mean's change, in counts of `unit` millionths, lies within the limits in thousandths. */
static bool is_within(int change, uint32_t unit, uint32_t low, uint32_t high) {
    const uint64_t size = (uint64_t)(change < 0 ? -change : change) * unit;
    return size >= (uint64_t)low * 1000U && size <= (uint64_t)high * 1000U;
}

static bool passes(const struct sensor *sensor) {
    const struct sensor_chip *chip = sensor->chip;
    const struct sensor_limits *limits = &chip->limits;
    bool good = true;
    for (size_t i = 0; i < SENSOR_VALUES; i++) {
        const int change = sensor->test.on[i] - sensor->test.off[i];
        good =
            good &&
            (i < 3U ? is_within(change, SENSOR_ACCEL_UNIT_UG, limits->accel_min, limits->accel_max)
                    : is_within(change, chip->test_gyro_udps, limits->gyro_min, limits->gyro_max));
    }
    return good;
}

/* One phase of the self-test is over. Returns false when the chip does not answer. */
static bool next_phase(struct sensor *sensor) {
    struct sensor_test *test = &sensor->test;
    int16_t *mean = test->phase == SENSOR_TEST_OFF ? test->off : test->on;
    for (size_t i = 0; i < SENSOR_VALUES; i++) {
        mean[i] = (int16_t)(test->sum[i] / (int32_t)SENSOR_TEST_SAMPLES);
        test->sum[i] = 0;
    }
    test->count = 0;
    if (test->phase == SENSOR_TEST_OFF) {
        test->phase = SENSOR_TEST_ON;
        return restart(sensor, SENSOR_TEST_ON);
    }
    test->verdict = passes(sensor) ? SENSOR_PASSED : SENSOR_NOT_PASSED;
    end(sensor, SENSOR_IDLE);
    return true;
}

/* Board axes from the chip's. −32768 has no negative: 32767 stands for it. */
static void turn(const struct sensor_chip *chip, const int16_t *from, int16_t *to) {
    for (size_t i = 0; i < SENSOR_VALUES; i++) {
        const int axis = chip->axes[i % 3U];
        const unsigned source = (unsigned)(axis < 0 ? -axis : axis) - 1U;
        const int value = from[i - i % 3U + source];
        const int turned = axis < 0 ? -value : value;
        to[i] = (int16_t)(turned > INT16_MAX ? INT16_MAX : turned);
    }
}

static void accept(struct sensor *sensor, uint32_t time, const int16_t *raw) {
    struct sensor_sample sample = {.time = time};
    turn(sensor->chip, raw, sample.value);
    if (sensor->settle > 0U)
        sensor->settle--;
    else if (sensor->state == SENSOR_RUNNING)
        sensor->ring[sensor->taken++ % SENSOR_RING] = sample;
    else if (sensor->test.count < SENSOR_TEST_SAMPLES) {
        sensor->test.count++;
        for (size_t i = 0; i < SENSOR_VALUES; i++)
            sensor->test.sum[i] += sample.value[i];
    }
}

/* A gap is one however often it is noticed: a host knows where the last one is, and only that. */
static void note_break(struct sensor *sensor) {
    const bool is_known = sensor->breaks > 0U && sensor->gap == sensor->taken;
    if (sensor->state == SENSOR_RUNNING && sensor->taken > 0U && !is_known) {
        sensor->breaks++;
        sensor->gap = sensor->taken;
    }
}

/* Returns false when the chip does not answer, or its FIFO is out of step. */
static bool drain(struct sensor *sensor) {
    const struct sensor_chip *chip = sensor->chip;
    struct sensor_level level;
    int16_t raw[SENSOR_VALUES];
    if (!chip->level(sensor->port, &level))
        return false;
    if (level.overrun && sensor->settle == 0U) {
        sensor->overruns++;
        note_break(sensor);
        if (level.samples == 0U)
            sensor->settle = 1U; /* the first one after the FIFO was switched is not to be used */
    }
    const uint32_t time = sensor->port->now();
    for (; level.samples > 0U; level.samples--) {
        if (!chip->take(sensor->port, raw))
            return false;
        accept(sensor, time, raw);
    }
    return true;
}

/* After a failed transfer nobody knows what the FIFO gives next: the chip begins anew. */
static void recover(struct sensor *sensor) {
    sensor->bus_errors++;
    note_break(sensor);
    if (++sensor->silent_ticks > SENSOR_PATIENCE) {
        end(sensor, SENSOR_FAILED);
        return;
    }
    sensor->test.count = 0;
    for (size_t i = 0; i < SENSOR_VALUES; i++)
        sensor->test.sum[i] = 0;
    (void)restart(sensor, sensor->state == SENSOR_TESTING ? sensor->test.phase : SENSOR_MEASURE);
}

void sensor_poll(struct sensor *sensor) {
    if (!is_at_work(sensor) || !sensor->port->ticked())
        return;
    bool answered = drain(sensor);
    if (answered && sensor->state == SENSOR_TESTING && sensor->test.count == SENSOR_TEST_SAMPLES)
        answered = next_phase(sensor);
    if (answered)
        sensor->silent_ticks = 0;
    else
        recover(sensor);
}

uint32_t sensor_oldest(const struct sensor *sensor) {
    return sensor->taken > SENSOR_RING ? sensor->taken - SENSOR_RING : 0U;
}

const struct sensor_sample *sensor_get(const struct sensor *sensor, uint32_t number) {
    return &sensor->ring[number % SENSOR_RING];
}
