/* A chip's timer as the sensor's clock (sensor_port.h): microseconds, and a tick that wakes the
 * main loop. Not the core's cycle counter: that one stands still while the core sleeps. */
#ifndef TIMER_H
#define TIMER_H

#include <stdbool.h>
#include <stdint.h>

#define TIMER_LEAST 5 /* microseconds: longer than it takes to set the compare value */

/* Count from 0 and tick every SENSOR_TICK_US, or stop. Nothing is touched before the first call. */
void timer_run(bool on);

uint32_t timer_microseconds(void);

/* When the next tick is due. One that is past or as good as past when it is set would come a turn
 * of the counter later, after 71 minutes: so the ticks begin anew where a debugger or a long
 * handler has kept them waiting. */
static inline uint32_t timer_next(uint32_t due, uint32_t tick) {
    const uint32_t now = timer_microseconds();
    const int32_t ahead = (int32_t)(due + tick - now);
    return ahead < TIMER_LEAST ? now + tick : due + tick;
}

/* True once for the ticks since the last call. */
bool timer_ticked(void);

#endif
