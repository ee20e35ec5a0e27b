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

/* The count at which the tick after the one at `due` comes. A compare value that is past, or as
 * good as past, when it is set would be met a turn of the counter later, after 71 minutes: where a
 * debugger or a long handler has kept a tick waiting, they begin anew. */
static inline uint32_t sensor_next_tick(uint32_t due, uint32_t now) {
    enum { LEAST_US = 5 }; /* longer than it takes to set the value */
    const uint32_t next = due + SENSOR_TICK_US;
    return (int32_t)(next - now) < LEAST_US ? now + SENSOR_TICK_US : next;
}

#endif
