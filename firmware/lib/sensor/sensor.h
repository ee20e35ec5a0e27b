/* A motion sensor: streams of numbered samples out of its FIFO, and its self-test. No heap, no
 * globals, nothing that waits: `sensor_poll` in the main loop does the work, a tick at a time.
 *
 * A stream has a number that whoever starts it chooses. Its samples are numbered from 0; the last
 * SENSOR_RING of them are kept. A sample's number never means another sample: where some were lost,
 * the numbers go on, `breaks` counts it and `gap` is the number of the first sample behind it. */
#ifndef SENSOR_H
#define SENSOR_H

#include "sensor_chip.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A power of two: two seconds at 119 Hz that a host may be late. */
#define SENSOR_RING 256U
/* Samples thrown away after a start: the filters settle. */
#define SENSOR_SETTLE 10U
/* Of which the self-test takes the mean, with its force off and on. */
#define SENSOR_TEST_SAMPLES 32U
/* Ticks in a row without an answer until the sensor is given up. */
#define SENSOR_PATIENCE 10U

enum sensor_state {
    SENSOR_ABSENT,  /* nobody answers, or another chip */
    SENSOR_IDLE,    /* there, and asleep */
    SENSOR_RUNNING, /* a stream */
    SENSOR_TESTING, /* the self-test */
    SENSOR_FAILED   /* it answered once, and does not any more */
};

enum sensor_verdict { SENSOR_UNTESTED, SENSOR_UNDER_TEST, SENSOR_PASSED, SENSOR_NOT_PASSED };

/* In the board's axes. time: microseconds, when it was taken out of the FIFO. */
struct sensor_sample {
    uint32_t time;
    int16_t value[SENSOR_VALUES];
};

struct sensor_test {
    uint32_t number;
    enum sensor_verdict verdict;
    enum sensor_mode phase;
    uint16_t count;
    int32_t sum[SENSOR_VALUES];
    int16_t off[SENSOR_VALUES], on[SENSOR_VALUES]; /* means, in counts */
};

struct sensor {
    const struct sensor_chip *chip; /* NULL: the board has none */
    const struct sensor_port *port;
    enum sensor_state state;
    uint8_t id; /* what WHO_AM_I said */
    uint32_t stream, taken, gap, breaks;
    uint32_t overruns, bus_errors; /* since the start of the program */
    unsigned settle, silent_ticks;
    struct sensor_test test;
    struct sensor_sample ring[SENSOR_RING];
};

/* `chip` and `port` NULL: a board without a sensor. Touches nothing. */
void sensor_init(struct sensor *sensor, const struct sensor_chip *chip,
                 const struct sensor_port *port);

/* Unless it is at work, see whether the chip is there. Returns whether it is. */
bool sensor_probe(struct sensor *sensor);

/* Begin stream `stream`, ending another one or a test; nothing when it is running already. False:
 * no sensor answers. */
bool sensor_start(struct sensor *sensor, uint32_t stream);

/* End whatever it does. */
void sensor_stop(struct sensor *sensor);

/* Begin self-test `number`, ending a stream; nothing when it was begun already. The board must lie
 * still for a second. False: no sensor answers. */
bool sensor_test_start(struct sensor *sensor, uint32_t number);

/* Call often: empties the FIFO when a tick has passed. */
void sensor_poll(struct sensor *sensor);

/* The number of the oldest sample that is still kept; `taken` when there is none. */
uint32_t sensor_oldest(const struct sensor *sensor);

/* A sample that is kept. */
const struct sensor_sample *sensor_get(const struct sensor *sensor, uint32_t number);

#ifdef __cplusplus
}
#endif

#endif
