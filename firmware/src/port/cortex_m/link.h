/* A byte link's two rings, between its driver's interrupt handler and the main loop.
 *
 * The UART's driver is port/CHIP/uart.c. A second link (USB CDC) is a second driver beside it with
 * a `struct link` of its own, and a choice in link.c of which one hal_read and hal_write use. */
#ifndef LINK_H
#define LINK_H

#include "hal.h"
#include "wire_frame.h"

/* Powers of two. Received: every request the host may have unanswered fits, however late the main
 * loop comes. Sent: a few replies, so that the model runs while they leave. */
#define LINK_RECEIVE_SIZE 8192U
#define LINK_SEND_SIZE 4096U
_Static_assert(LINK_RECEIVE_SIZE >= WIRE_RING_MIN, "the credits allow more than the ring holds");

/* The driver's side; called from its interrupt handler, or with interrupts off. */
void link_received(uint8_t byte);
int link_next_to_send(uint8_t *byte); /* 0: nothing queued */
void link_overrun(void);
void link_line_error(void);
void link_event(void); /* something happened that the main loop may wait for */

#endif
