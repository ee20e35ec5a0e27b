/* TIMER0 at 1 MHz, 32 bits wide. */
#include "timer.h"

#include "link.h"
#include "nrf52840.h"
#include "sensor_port.h"
#include "vectors.h"

#define PRIORITY 0x80U /* as the links' */

static volatile bool ticked;

void timer_run(bool on) {
    TIMER0_TASKS_STOP = 1U;
    TIMER0_MODE = TIMER_MODE_TIMER;
    TIMER0_BITMODE = TIMER_BITMODE_32;
    TIMER0_PRESCALER = TIMER_PRESCALER_1_MHZ;
    TIMER0_TASKS_CLEAR = 1U;
    TIMER0_EVENTS_COMPARE0 = 0U;
    TIMER0_CC(0) = SENSOR_TICK_US;
    TIMER0_INTENSET = TIMER_INT_COMPARE0;
    nvic_enable(TIMER0_INTERRUPT, PRIORITY);
    ticked = false;
    if (on)
        TIMER0_TASKS_START = 1U;
}

uint32_t timer_microseconds(void) {
    TIMER0_TASKS_CAPTURE1 = 1U;
    return TIMER0_CC(1);
}

bool timer_ticked(void) {
    const bool since = ticked;
    ticked = false;
    return since;
}

void timer_interrupt(void) {
    TIMER0_EVENTS_COMPARE0 = 0U;
    TIMER0_CC(0) = sensor_next_tick(TIMER0_CC(0), timer_microseconds());
    ticked = true;
    link_event();
}
