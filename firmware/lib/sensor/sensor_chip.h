/* What is different from one inertial sensor to the next. Every chip measures at ±8 g and
 * ±2000 dps, where one count is 0.244 mg and 70 mdps on both that are here: the pipeline's
 * counts (pipeline/data/recordings.py). */
#ifndef SENSOR_CHIP_H
#define SENSOR_CHIP_H

#include "sensor_port.h"

/* Values of a sample: accelerometer x, y, z, gyroscope x, y, z. */
#define SENSOR_VALUES 6U

#define SENSOR_ACCEL_RANGE_G 8U
#define SENSOR_GYRO_RANGE_DPS 2000U
#define SENSOR_ACCEL_UNIT_UG 244U    /* per count */
#define SENSOR_GYRO_UNIT_UDPS 70000U /* likewise, in the measuring mode */

enum sensor_mode { SENSOR_MEASURE, SENSOR_TEST_OFF, SENSOR_TEST_ON };

/* What the self-test's output may change by, on every axis, in units of 1e-3 g and 1e-3 dps. */
struct sensor_limits {
    uint32_t accel_min, accel_max, gyro_min, gyro_max;
};

struct sensor_level {
    uint16_t samples; /* that wait in the FIFO */
    bool overrun;     /* older ones were overwritten; no samples: the FIFO was emptied for it */
};

struct sensor_chip {
    const char *name;
    uint8_t who_am_i;
    uint16_t fifo;            /* samples it holds */
    uint32_t rate_millihertz; /* nominal; the chip's oscillator is its own */
    uint32_t test_gyro_udps;  /* per count in the self-test's modes */
    struct sensor_limits limits;
    /* Board axis i is chip axis |axes[i]| (1 to 3), negated where negative. Every board's frame is
     * the same, and right-handed: looked at from the side with the parts, the USB socket (the
     * SensorTile's: its cradle's) up, x points right, y up, z at who looks. At rest the axis that
     * points up reads +1 g; counterclockwise, seen from an axis' tip, is positive. How each chip
     * sits is told where its `axes` are; neither has been seen on silicon. */
    int8_t axes[3];
    /* Make the registers readable and read WHO_AM_I. */
    bool (*identify)(const struct sensor_port *port, uint8_t *id);
    /* Reset the chip, then let it measure into its FIFO, which begins empty. */
    bool (*start)(const struct sensor_port *port, enum sensor_mode mode);
    bool (*stop)(const struct sensor_port *port);
    /* False also where the FIFO is out of step. */
    bool (*level)(const struct sensor_port *port, struct sensor_level *level);
    /* The oldest sample, in the chip's axes. */
    bool (*take)(const struct sensor_port *port, int16_t sample[SENSOR_VALUES]);
};

extern const struct sensor_chip sensor_lsm9ds1, sensor_lsm6dsm;

struct sensor_setting {
    uint8_t address, value;
};

/* Write registers, in order. */
static inline bool sensor_set(const struct sensor_port *port, const struct sensor_setting *settings,
                              size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (!port->write(settings[i].address, settings[i].value))
            return false;
    }
    return true;
}

/* Wait until `mask` of a register has become 0, for at most `reads` looks. */
static inline bool sensor_wait_clear(const struct sensor_port *port, uint8_t address, uint8_t mask,
                                     unsigned reads) {
    uint8_t value;
    while (reads-- > 0U) {
        if (!port->read(address, &value, 1U))
            return false;
        if ((value & mask) == 0U)
            return true;
    }
    return false;
}

static inline int16_t sensor_int16(const uint8_t *bytes) {
    return (int16_t)(uint16_t)(bytes[0] | (uint16_t)(bytes[1] << 8));
}

#endif
