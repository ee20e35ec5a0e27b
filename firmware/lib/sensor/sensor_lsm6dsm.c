/* LSM6DSM over SPI with one data line (ST data sheet DocID028165, section 9).
 *
 *   register      address  written with, or read for
 *   FIFO_CTRL3    0x08     both sensors, every sample
 *   FIFO_CTRL5    0x0A     bypass (empties it), then continuous at 104 Hz
 *   WHO_AM_I      0x0F     0x6A
 *   CTRL1_XL      0x10     104 Hz, ±8 g
 *   CTRL2_G       0x11     104 Hz, ±2000 dps
 *   CTRL3_C       0x12     SIM first: without it the chip answers on a pin that leads nowhere;
 *                          SW_RESET, which clears SIM too; BDU, IF_INC
 *   CTRL4_C       0x13     I2C_disable
 *   CTRL5_C       0x14     the self-test's ST_G and ST_XL
 *   FIFO_STATUS1  0x3A     four bytes: words that wait, OVER_RUN, which word is next
 *   FIFO_DATA     0x3E     words: angular rate x, y, z, acceleration x, y, z; a burst stays here
 *
 * The data rates are 12.5, 26, 52, 104, 208 Hz and more: 104 is the nearest to the pipeline's 100,
 * and the host resamples (hil/sensor/resample.py). */
#include "sensor_chip.h"

enum {
    FIFO_CTRL3 = 0x08,
    FIFO_CTRL5 = 0x0A,
    WHO_AM_I = 0x0F,
    CTRL1_XL = 0x10,
    CTRL2_G = 0x11,
    CTRL3_C = 0x12,
    CTRL4_C = 0x13,
    CTRL5_C = 0x14,
    FIFO_STATUS1 = 0x3A,
    FIFO_DATA = 0x3E
};

enum {
    ODR_104_HZ = 4 << 4,
    ACCEL_8_G = 3 << 2,
    GYRO_2000_DPS = 3 << 2,
    CTRL3_BDU = 1 << 6,
    CTRL3_SIM = 1 << 3,
    CTRL3_IF_INC = 1 << 2,
    CTRL3_SW_RESET = 1 << 0,
    CTRL4_I2C_DISABLE = 1 << 2,
    CTRL5_SELF_TEST = 1 << 2 | 1 << 0, /* ST_G and ST_XL, positive */
    FIFO_EVERY_SAMPLE = 1 << 3 | 1 << 0,
    FIFO_BYPASS = 0,
    FIFO_CONTINUOUS = 4 << 3 | 6, /* at 104 Hz */
    STATUS2_OVER_RUN = 1 << 6,
    STATUS2_WORDS = 7,  /* the count's upper bits */
    STATUS4_ZERO = 0xFC /* set only where nobody drives the line */
};

#define WORDS_PER_SAMPLE 6U
#define RESET_MODE (CTRL3_SIM | CTRL3_IF_INC)
/* Looks at SW_RESET, which takes 50 µs at most; each look is a transfer of some microseconds. */
#define RESET_READS 1000U

static bool identify(const struct sensor_port *port, uint8_t *id) {
    return port->write(CTRL3_C, RESET_MODE) && port->read(WHO_AM_I, id, 1U);
}

/* SIM is written again and again until the reset is over: while it lasts the chip may not listen,
 * and afterwards it is silent until SIM is set. A read of 0xFF is a line that nobody drives. */
static bool reset(const struct sensor_port *port) {
    uint8_t value = 0xFFU;
    if (!port->write(CTRL3_C, RESET_MODE | CTRL3_SW_RESET))
        return false;
    for (unsigned i = 0; i < RESET_READS; i++) {
        if (!port->write(CTRL3_C, RESET_MODE) || !port->read(CTRL3_C, &value, 1U))
            return false;
        if (value == RESET_MODE)
            return true;
    }
    return false;
}

static bool start(const struct sensor_port *port, enum sensor_mode mode) {
    const struct sensor_setting settings[] = {
        {CTRL3_C, CTRL3_BDU | CTRL3_SIM | CTRL3_IF_INC},
        {CTRL4_C, CTRL4_I2C_DISABLE},
        {CTRL5_C, mode == SENSOR_TEST_ON ? CTRL5_SELF_TEST : 0},
        {FIFO_CTRL3, FIFO_EVERY_SAMPLE},
        {FIFO_CTRL5, FIFO_BYPASS},
        {FIFO_CTRL5, FIFO_CONTINUOUS},
        {CTRL1_XL, ODR_104_HZ | ACCEL_8_G},
        {CTRL2_G, ODR_104_HZ | GYRO_2000_DPS},
    };
    return reset(port) && sensor_set(port, settings, sizeof settings / sizeof settings[0]);
}

static bool stop(const struct sensor_port *port) {
    const struct sensor_setting settings[] = {
        {CTRL5_C, 0}, {CTRL1_XL, 0}, {CTRL2_G, 0}, {FIFO_CTRL5, FIFO_BYPASS}};
    return sensor_set(port, settings, sizeof settings / sizeof settings[0]);
}

/* Full, the FIFO holds 2,048 words, which are no whole samples: which word is next is then not
 * known, and the count's 11 bits read as 0, full as it is. It is emptied, and begins anew. */
static bool empty(const struct sensor_port *port) {
    const struct sensor_setting settings[] = {{FIFO_CTRL5, FIFO_BYPASS},
                                              {FIFO_CTRL5, FIFO_CONTINUOUS}};
    return sensor_set(port, settings, sizeof settings / sizeof settings[0]);
}

static bool level(const struct sensor_port *port, struct sensor_level *level) {
    uint8_t status[4];
    if (!port->read(FIFO_STATUS1, status, sizeof status) || (status[3] & STATUS4_ZERO) != 0U)
        return false;
    const unsigned words = status[0] | (unsigned)(status[1] & STATUS2_WORDS) << 8;
    const unsigned next = status[2] | (unsigned)(status[3] & 3U) << 8;
    level->overrun = (status[1] & STATUS2_OVER_RUN) != 0;
    level->samples = level->overrun ? 0U : (uint16_t)(words / WORDS_PER_SAMPLE);
    return level->overrun ? empty(port) : words == 0U || next == 0U;
}

static bool take(const struct sensor_port *port, int16_t sample[SENSOR_VALUES]) {
    uint8_t words[2U * WORDS_PER_SAMPLE];
    if (!port->read(FIFO_DATA, words, sizeof words))
        return false;
    for (size_t axis = 0; axis < 3U; axis++) {
        sample[3U + axis] = sensor_int16(words + 2U * axis);
        sample[axis] = sensor_int16(words + 6U + 2U * axis);
    }
    return true;
}

/* The chip's axes are right-handed and are taken as the board's (sensor_chip.h). How the chip is
 * turned on the SensorTile is an assumption: no public source that says so was found.
 * The self-test's limits are the data sheet's (mechanical characteristics). */
const struct sensor_chip sensor_lsm6dsm = {
    .name = "LSM6DSM",
    .who_am_i = 0x6A,
    .fifo = 341, /* of 4,096 bytes */
    .rate_millihertz = 104000,
    .test_gyro_udps = SENSOR_GYRO_UNIT_UDPS,
    .limits = {.accel_min = 90, .accel_max = 1700, .gyro_min = 150000, .gyro_max = 700000},
    .axes = {1, 2, 3},
    .identify = identify,
    .start = start,
    .stop = stop,
    .level = level,
    .take = take,
};
