/* A chip's timer as the sensor's clock (sensor_port.h): microseconds, and a tick that wakes the
 * main loop. Not the core's cycle counter: that one stands still while the core sleeps. */
#ifndef TIMER_H
#define TIMER_H

#include <stdbool.h>
#include <stdint.h>

/* Count from 0 and tick every SENSOR_TICK_US, or stop. Nothing is touched before the first call. */
void timer_run(bool on);

uint32_t timer_microseconds(void);

/* True once for the ticks since the last call. */
bool timer_ticked(void);

#endif
