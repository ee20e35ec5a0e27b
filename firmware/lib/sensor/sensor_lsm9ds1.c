/* LSM9DS1, accelerometer and gyroscope (ST data sheet DocID025715, section 7). The magnetometer,
 * which has an address of its own, is not used.
 *
 *   register      address  written with, or read for
 *   WHO_AM_I      0x0F     0x68
 *   CTRL_REG1_G   0x10     119 Hz for both sensors, ±2000 dps (±245 in the self-test), 31 Hz
 *   OUT_X_L_G     0x18     six bytes: the FIFO's oldest angular rate
 *   CTRL_REG6_XL  0x20     119 Hz, ±8 g
 *   CTRL_REG8     0x22     SW_RESET, then BDU and IF_ADD_INC
 *   CTRL_REG9     0x23     FIFO_EN
 *   CTRL_REG10    0x24     the self-test's ST_G and ST_XL
 *   OUT_X_L_XL    0x28     six bytes: the FIFO's oldest acceleration
 *   FIFO_CTRL     0x2E     bypass (empties it), then continuous
 *   FIFO_SRC      0x2F     samples that wait, OVRN
 *
 * The data rates are 14.9, 59.5, 119, 238 Hz and more: 119 is the nearest to the pipeline's 100,
 * and the host resamples (hil/sensor/resample.py). The angular rate is read before the
 * acceleration, in the order in which the chip's own burst addresses run (section 3.3.6). */
#include "sensor_chip.h"

enum {
    WHO_AM_I = 0x0F,
    CTRL_REG1_G = 0x10,
    OUT_X_L_G = 0x18,
    CTRL_REG6_XL = 0x20,
    CTRL_REG8 = 0x22,
    CTRL_REG9 = 0x23,
    CTRL_REG10 = 0x24,
    OUT_X_L_XL = 0x28,
    FIFO_CTRL = 0x2E,
    FIFO_SRC = 0x2F
};

enum {
    ODR_119_HZ = 3 << 5,
    GYRO_2000_DPS = 3 << 3,
    GYRO_245_DPS = 0,
    GYRO_BANDWIDTH_31_HZ = 1,
    ACCEL_8_G = 3 << 3,
    REG8_BDU = 1 << 6,
    REG8_IF_ADD_INC = 1 << 2,
    REG8_SW_RESET = 1 << 0,
    REG9_FIFO_EN = 1 << 1,
    REG10_SELF_TEST = 1 << 2 | 1 << 0, /* ST_G, ST_XL */
    FIFO_BYPASS = 0,
    FIFO_CONTINUOUS = 6 << 5,
    FIFO_SRC_OVRN = 1 << 6,
    FIFO_SRC_SAMPLES = 0x3F
};

/* Looks at SW_RESET, which takes some microseconds; each look is a transfer of more than 50. */
#define RESET_READS 100U

static bool identify(const struct sensor_port *port, uint8_t *id) {
    return port->read(WHO_AM_I, id, 1U);
}

static bool start(const struct sensor_port *port, enum sensor_mode mode) {
    const uint8_t range = mode == SENSOR_MEASURE ? GYRO_2000_DPS : GYRO_245_DPS;
    const struct sensor_setting settings[] = {
        {CTRL_REG8, REG8_BDU | REG8_IF_ADD_INC},
        {CTRL_REG10, mode == SENSOR_TEST_ON ? REG10_SELF_TEST : 0},
        {CTRL_REG1_G, (uint8_t)(ODR_119_HZ | range | GYRO_BANDWIDTH_31_HZ)},
        {CTRL_REG6_XL, ODR_119_HZ | ACCEL_8_G},
        {CTRL_REG9, REG9_FIFO_EN},
        {FIFO_CTRL, FIFO_BYPASS},
        {FIFO_CTRL, FIFO_CONTINUOUS},
    };
    return port->write(CTRL_REG8, REG8_IF_ADD_INC | REG8_SW_RESET) &&
           sensor_wait_clear(port, CTRL_REG8, REG8_SW_RESET, RESET_READS) &&
           sensor_set(port, settings, sizeof settings / sizeof settings[0]);
}

static bool stop(const struct sensor_port *port) {
    const struct sensor_setting settings[] = {
        {CTRL_REG10, 0}, {CTRL_REG1_G, 0}, {CTRL_REG6_XL, 0}, {FIFO_CTRL, FIFO_BYPASS}};
    return sensor_set(port, settings, sizeof settings / sizeof settings[0]);
}

static bool level(const struct sensor_port *port, struct sensor_level *level) {
    uint8_t source;
    if (!port->read(FIFO_SRC, &source, 1U))
        return false;
    level->samples = source & FIFO_SRC_SAMPLES;
    level->overrun = (source & FIFO_SRC_OVRN) != 0;
    return true;
}

static bool take(const struct sensor_port *port, int16_t sample[SENSOR_VALUES]) {
    uint8_t accel[6], gyro[6];
    if (!port->read(OUT_X_L_G, gyro, sizeof gyro) || !port->read(OUT_X_L_XL, accel, sizeof accel))
        return false;
    for (size_t axis = 0; axis < 3U; axis++) {
        sample[axis] = sensor_int16(accel + 2U * axis);
        sample[3U + axis] = sensor_int16(gyro + 2U * axis);
    }
    return true;
}

/* The axes of accelerometer and gyroscope are left-handed (data sheet, figure 1). On the Nano 33
 * BLE Sense x is taken to point away from the USB socket and y to the left, seen as sensor_chip.h
 * says: a head tracker's firmware for this board (HeadTracker, its issue 123) negates x and finds
 * it at the socket. Arduino's library for the LSM9DS1 turns nothing; its library for the Rev2's
 * BMI270 turns that chip's right-handed axes by this same matrix, which is its own inverse.
 *
 * The data sheet gives no limits for the self-test. These are the ones that drivers in common use
 * hold it to, for ±245 dps; whether they fit, silicon must say. */
const struct sensor_chip sensor_lsm9ds1 = {
    .name = "LSM9DS1",
    .who_am_i = 0x68,
    .fifo = 32,
    .rate_millihertz = 119000,
    .test_gyro_udps = 8750,
    .limits = {.accel_min = 60, .accel_max = 1700, .gyro_min = 20000, .gyro_max = 250000},
    .axes = {-2, -1, 3},
    .identify = identify,
    .start = start,
    .stop = stop,
    .level = level,
    .take = take,
};
