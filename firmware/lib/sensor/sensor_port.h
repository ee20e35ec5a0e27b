/* What the sensor code needs of a board: the chip's registers, its power, and a clock. Nothing here
 * waits without end: an absent or dead chip makes `read` and `write` return false. */
#ifndef SENSOR_PORT_H
#define SENSOR_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How often the chip's FIFO is emptied. The LSM9DS1's 32 samples last 269 ms at 119 Hz: the main
 * loop may be late by ten of these. */
#define SENSOR_TICK_US 20000U

struct sensor_port {
    /* Registers from `address` on, as many as `size`. */
    bool (*read)(uint8_t address, uint8_t *data, size_t size);
    bool (*write)(uint8_t address, uint8_t value);
    /* Power the chip off and on; returns when it has booted. */
    void (*power)(void);
    /* Run the clock, and its tick every SENSOR_TICK_US, or stop both. */
    void (*clock)(bool on);
    /* Microseconds, wrapping; counts in sleep too. Valid while the clock runs. */
    uint32_t (*now)(void);
    /* True once for the ticks since the last call. */
    bool (*ticked)(void);
};

#endif
