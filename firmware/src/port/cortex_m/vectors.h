/* The vector table's parts that are the same on every chip; DDI 0403E B1.5.3. */
#ifndef VECTORS_H
#define VECTORS_H

#include "core.h"

/* Entry 0 is no function; the union keeps the table's type honest. */
union vector_entry {
    uint32_t *stack;
    vector handler;
};

#define SYSTEM_VECTORS 16U

/* Everything that is not expected is a fault: its number tells which (LAST_FAULT's `exception`). */
/* clang-format off */
#define VECTORS_BEFORE_INTERRUPTS \
    [0] = {.stack = _stack_top}, \
    [1] = {.handler = reset_entry}, \
    [2 ... SYSTEM_VECTORS - 1U] = {.handler = fault_entry}
/* clang-format on */

void uart_interrupt(void);
void usb_interrupt(void);
void power_interrupt(void);
void timer_interrupt(void);
void clock_interrupt(void);

#endif
